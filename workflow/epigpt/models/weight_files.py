"""Files of weights, checked before any tensor is read: safetensors alone, and whole."""

import json
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epigpt.errors import InputError

# The embeddings of tokens and of positions, by GPT-2's own names.
EMBEDDING, POSITIONS = "wte.weight", "wpe.weight"
_PREFIX = re.compile(r"^(transformer|model\.transformer)\.")
_INDEX = "model.safetensors.index.json"


def gpt2_name(stored: str) -> str:
    """Return GPT-2's own name of a stored tensor."""
    return _PREFIX.sub("", stored)


def safetensors(folder: Path) -> tuple[Path, ...]:
    """List the safetensors files of a folder, each checked to be whole."""
    index = folder / _INDEX
    files = _listed(index) if index.is_file() else [folder / "model.safetensors"]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        pickled = sorted(
            path.name
            for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt")
            for path in folder.glob(pattern)
        )
        if pickled:
            raise InputError(
                f"{pickled[0]} but no {missing[0]}",
                str(folder),
                "files of this kind are Python pickles, which run whatever code they hold when they"
                " are loaded",
                "use a folder with safetensors; where you trust this one, make them: python -c"
                " 'from transformers import GPT2LMHeadModel as M;"
                f' f="{folder}"; M.from_pretrained(f).save_pretrained(f)\'',
            )
        raise unsuitable(f"no {missing[0]}", folder, "weights are read from safetensors")
    for path in files:
        _check_whole(path)
    return tuple(files)


def tensors(files: Sequence[Path]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return kind of number and shape of every tensor in checked files, by GPT-2's own names."""
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for path in files:
        for name, entry in _header(path).items():
            found.setdefault(gpt2_name(name), (str(entry["dtype"]), tuple(entry["shape"])))
    return found


def _listed(index: Path) -> list[Path]:
    """Return the files that an index of several names."""
    try:
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return [index.parent / Path(name).name for name in sorted(set(names))]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise unsuitable(
            f"a damaged {index.name}",
            index.parent,
            "it does not say which tensors are in which file",
            "copy or fetch it again",
        ) from None


def _header(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        read: dict[str, Any] = json.loads(file.read(length)) if length < size else {"": {}}
    read.pop("__metadata__", None)
    return read


def _check_whole(path: Path) -> None:
    """Refuse a cut or foreign file by its header, which says where the last tensor ends."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
        ends = [entry["data_offsets"][1] for entry in _header(path).values()]
        whole = 8 + length + max(ends, default=0) == path.stat().st_size
    except (struct.error, ValueError, AttributeError, KeyError, TypeError, MemoryError):
        whole = False
    if not whole:
        raise unsuitable(
            f"a damaged {path.name}",
            path.parent,
            "the file is cut short or no safetensors file",
            "copy or fetch it again",
        )


def unsuitable(
    found: str,
    where: Path,
    why: str,
    remedy: str = "name other weights in the key weights, or set weights: none",
) -> InputError:
    """Return the refusal of a folder of weights."""
    return InputError(found, str(where), why, remedy)
