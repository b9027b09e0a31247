"""Blocks of pretrained weights that stay on a device from one fit of a job to the next.

Adapters and heads are trained beside frozen blocks, which are the same in every fit: they are read,
rounded and moved once. On a CPU that would cost the memory of a second model when adapters are
merged into the blocks, and save little of what a training takes there.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from epigpt.models import published

DEVICES = ("cuda",)
BLOCKS = "transformer.h."


@dataclass(frozen=True)
class Blocks:
    """Frozen blocks on a device.

    Attributes
    ----------
    origin
        Which weights, in which precision, where.
    tensors
        By their names in the classifier; nobody may change them.
    """

    origin: tuple[str, ...]
    tensors: dict[str, torch.Tensor]


_HELD: list[Blocks] = []


def origin(folder: Path, precision: str, device: torch.device) -> tuple[str, ...]:
    """Return what tells blocks apart."""
    place = f"{device.type}:{device.index or 0}"  # "cuda" is the job's one device
    return str(folder.resolve()), published.identity(folder), precision, place


def find(wanted: tuple[str, ...] | None) -> dict[str, torch.Tensor]:
    """Return the blocks of an origin, empty where they are not there; others make room."""
    if _HELD and _HELD[0].origin != wanted:
        forget()
    return _HELD[0].tensors if _HELD else {}


def forget() -> None:
    """Give the memory back."""
    _HELD.clear()


def lend(held: dict[str, torch.Tensor], parameters: dict[str, nn.Parameter]) -> None:
    """Let a model compute with blocks that are there instead of its own."""
    for name, tensor in held.items():
        parameters[name].data = tensor


def keep(wanted: tuple[str, ...] | None, parameters: dict[str, nn.Parameter]) -> bool:
    """Remember the blocks of a model on its device if none of them is trained; whether they are
    held."""
    blocks = {name: each for name, each in parameters.items() if name.startswith(BLOCKS)}
    if wanted is None or not blocks or any(each.requires_grad for each in blocks.values()):
        return False
    if next(iter(blocks.values())).device.type not in DEVICES:
        return False
    _HELD[:] = [Blocks(wanted, {name: each.detach() for name, each in blocks.items()})]
    return True
