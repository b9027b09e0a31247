"""Files of weights, checked before any tensor is read: safetensors alone, and whole."""

import json
import struct
from pathlib import Path
from typing import Any

from epigpt.errors import InputError


def safetensors(folder: Path) -> tuple[Path, ...]:
    """List the safetensors files of a folder, each checked to be whole."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        files = [folder / Path(name).name for name in names]
    else:
        files = [folder / "model.safetensors"]
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
                "use a repository or folder with safetensors; most hubs offer a conversion",
            )
        raise unsuitable(f"no {missing[0]}", folder, "weights are read from safetensors")
    for path in files:
        _check_whole(path)
    return tuple(files)


def _check_whole(path: Path) -> None:
    """Refuse a cut or foreign file by its header, which says where the last tensor ends."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header: dict[str, Any] = json.loads(file.read(length)) if length < size else {"": {}}
        ends = [
            entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"
        ]
        whole = 8 + length + max(ends, default=0) == size
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
