"""Model and hardware presets: small YAML files under workflow/presets, read with every key
checked."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from epigpt.errors import InputError, nearest_name

FOLDER = Path(__file__).resolve().parents[2] / "presets"


@dataclass(frozen=True)
class ModelPreset:
    """Architecture of a GPT-2 and where its published weights are.

    Attributes
    ----------
    layers, width, heads, positions, vocabulary
        As in GPT-2's configuration (n_layer, n_embd, n_head, n_positions, vocab_size).
    dropout
        For embeddings, attention and residual paths alike.
    weights
        Hub id of the published weights, or "none".
    """

    name: str
    layers: int
    width: int
    heads: int
    positions: int
    vocabulary: int
    dropout: float
    weights: str

    def parameters(self, vocabulary: int | None = None) -> int:
        """Count the parameters without a classification head; `vocabulary` tokens instead of
        GPT-2's own.

        Per block 12 width² + 13 width (attention 4, feed-forward 8, biases and two layer norms),
        embeddings of tokens and positions, the last layer norm.
        """
        tokens = self.vocabulary if vocabulary is None else vocabulary
        blocks = self.layers * (12 * self.width**2 + 13 * self.width)
        return (tokens + self.positions) * self.width + blocks + 2 * self.width

    @property
    def architecture(self) -> dict[str, Any]:
        """What the preset's file describes apart from its name and where its weights are."""
        return {key: value for key, value in vars(self).items() if key not in ("name", "weights")}

    @property
    def weight_bytes(self) -> int:
        """Size of the finished weights with GPT-2's vocabulary, stored in fp32."""
        return 4 * self.parameters()


@dataclass(frozen=True)
class HardwarePreset:
    """The machines of a training job.

    Attributes
    ----------
    nodes, devices
        Nodes, and devices (GPUs or CPU processes) on each.
    device
        "cuda" or "cpu".
    device_memory_gb, node_memory_gb
        Memory of one device and of one node in 1e9 bytes; 0: the machine's own.
    bf16
        Whether the devices compute in bf16.
    measured_tflops
        Peak measured on one device, 1e12 operations per second.
    hours
        Time a job may take.
    """

    name: str
    nodes: int
    devices: int
    device: str
    device_memory_gb: float
    node_memory_gb: float
    bf16: bool
    measured_tflops: float
    hours: float


Preset = TypeVar("Preset", ModelPreset, HardwarePreset)


def load(name: str) -> ModelPreset:
    """Read workflow/presets/models/`name`.yaml."""
    return _read(ModelPreset, "models", name)


def hardware(name: str) -> HardwarePreset:
    """Read workflow/presets/hardware/`name`.yaml."""
    return _read(HardwarePreset, "hardware", name)


def names(kind: str) -> list[str]:
    """List the presets of a kind, "models" or "hardware"."""
    return sorted(path.stem for path in (FOLDER / kind).glob("*.yaml"))


def _read(kind: type[Preset], folder: str, name: str) -> Preset:
    path = FOLDER / folder / f"{name}.yaml"
    if name not in names(folder):
        known = names(folder)
        raise InputError(
            f"no preset {name!r}",
            str(path.parent),
            f"known are: {', '.join(known)}",
            f"use {nearest_name(name, known) or known[0]}, or add {path.name}",
        )
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    wanted = {field.name: field.type for field in fields(kind)} | {}
    wanted.pop("name")
    for key in sorted(content.keys() ^ wanted.keys()):
        found = f"unknown key {key!r}" if key in content else f"no key {key!r}"
        raise InputError(
            found,
            str(path),
            f"a preset has exactly the keys {', '.join(wanted)}",
            "correct the file",
        )
    for key, value in content.items():
        allowed = {int: int, float: (int, float), bool: bool, str: str}[wanted[key]]  # type: ignore[index]
        if not isinstance(value, allowed) or (isinstance(value, bool) and wanted[key] is not bool):  # type: ignore[arg-type]
            raise InputError(
                f"{key}: {value!r}",
                str(path),
                f"must be of type {wanted[key].__name__}",  # type: ignore[union-attr]
                "correct the file",
            )
    return kind(name=name, **content)
