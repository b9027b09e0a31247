"""Checkpoints of a training in progress: whole or not there, found again by what is trained on
what, free of the number of devices.

A checkpoint is a folder step-NNNNNNNN of safetensors files and checkpoint.json, which lists their
sizes and checksums. It is written under another name, brought to disk and renamed, so a killed
process leaves no checkpoint that looks whole; what was damaged later is noticed by its checksums,
and the one before it is taken. Random states are not stored: the loop derives them from seed, step
and rank.
"""

import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from epigpt.encoding.token_dataset import TokenDataset
from epigpt.training import states

KEPT = 2
# Where the optimizer lives while a training runs whose plan puts it on disk.
SWAP = "swap"
SHARD_BYTES = 250_000_000
DESCRIPTION = "checkpoint.json"
_READ = 1 << 24


@dataclass(frozen=True)
class Found:
    """A whole checkpoint.

    Attributes
    ----------
    step
        Steps taken before it.
    """

    folder: Path
    step: int
    extra: dict[str, Any] = field(default_factory=dict)


def make_room(folder: Path) -> int:
    """Make `folder` for a training's checkpoints, delete what a killed process swapped there, from
    which nobody goes on.

    Returns
    -------
    Bytes that the training may fill: what is free on the disk, and what its own checkpoints take
    already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / SWAP, ignore_errors=True)
    held = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return shutil.disk_usage(folder).free + held


def identity(store: TokenDataset, described: dict[str, Any]) -> str:
    """Hash what a training is: `described` (model, settings, versions, as JSON) and the tokens it
    sees."""
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode())
    digest.update(store.index.to_csv(index=False).encode())
    for array in (store.tokens, store.lengths, store.values):
        if array is None:
            continue
        checksum = 0
        for start in range(0, len(array), 1024):
            checksum = zlib.crc32(np.ascontiguousarray(array[start : start + 1024]).data, checksum)
        digest.update(f"{array.shape} {checksum}".encode())
    return digest.hexdigest()[:16]


def save(
    folder: Path,
    engine: Any,
    step: int,
    *,
    writes: bool,
    kept: int = KEPT,
    extra: dict[str, Any] | None = None,
) -> None:
    """Write the checkpoint of `step` under `folder`, then delete older ones beyond the newest
    `kept`.

    Called by all processes; the first one `writes`.

    Parameters
    ----------
    kept
        0: the disk holds a single one, so the older is deleted before the new one is written.
    extra
        Goes into checkpoint.json as it is.
    """
    final, partial = folder / f"step-{step:08d}", folder / f".partial-{step:08d}"
    if writes and kept == 0:
        prune(folder, 0)
    writer = _Writer(partial) if writes else None
    for name, key, tensor in states.read(engine):
        if writer is not None:
            writer.add(f"{key}:{name}", tensor)
    if writer is None:
        return
    writer.close({"step": step, "extra": extra or {}})
    if final.exists():  # a damaged one of the same step
        shutil.rmtree(final)
    partial.rename(final)
    _to_disk(folder)
    prune(folder, max(kept, 1))


class _Writer:
    """Gathers tensors into files of about `SHARD_BYTES`, so that memory stays flat however large
    the model is."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = folder
        self._files: dict[str, dict[str, Any]] = {}
        self._waiting: dict[str, torch.Tensor] = {}
        self._bytes = 0

    def add(self, name: str, tensor: torch.Tensor) -> None:
        self._waiting[name] = tensor.contiguous()
        self._bytes += tensor.numel() * tensor.element_size()
        if self._bytes >= SHARD_BYTES:
            self._flush()

    def _flush(self) -> None:
        path = self._folder / f"states-{len(self._files):04d}.safetensors"
        save_file(self._waiting, path)
        _to_disk(path)
        self._files[path.name] = {
            "bytes": path.stat().st_size,
            "crc32": _crc32(path),
            "tensors": sorted(self._waiting),
        }
        self._waiting, self._bytes = {}, 0

    def close(self, described: dict[str, Any]) -> None:
        if self._waiting:
            self._flush()
        path = self._folder / DESCRIPTION
        path.write_text(json.dumps({**described, "files": self._files}), encoding="utf-8")
        _to_disk(path)
        _to_disk(self._folder)


def _crc32(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_READ):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def newest(folder: Path, log: logging.Logger) -> Found | None:
    """Find the newest whole checkpoint; what is damaged is named in the log and passed over."""
    for candidate in sorted(folder.glob("step-*"), reverse=True):
        try:
            described = json.loads((candidate / DESCRIPTION).read_text(encoding="utf-8"))
            damaged = [
                name
                for name, file in described["files"].items()
                if (candidate / name).stat().st_size != file["bytes"]
                or _crc32(candidate / name) != file["crc32"]
            ]
        except (OSError, ValueError, KeyError) as error:
            log.warning(
                "checkpoint %s cannot be read (%s); taking the one before", candidate.name, error
            )
            continue
        if not damaged:
            return Found(candidate, described["step"], described.get("extra", {}))
        log.warning(
            "checkpoint %s is damaged (%s); taking the one before",
            candidate.name,
            ", ".join(damaged),
        )
    return None


def restore(found: Found, engine: Any) -> None:
    """Bring an engine to the state of a checkpoint; called by all processes."""
    states.write(engine, _Reader(found.folder).tensor, found.step)


class _Reader:
    """Finds tensors by name, one file open at a time: what has been read of an open one counts as
    memory of the process."""

    def __init__(self, folder: Path) -> None:
        files = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))["files"]
        self._file_of = {
            tensor: folder / name for name, file in files.items() for tensor in file["tensors"]
        }
        self._path: Path | None = None
        self._open: Any = None

    def tensor(self, name: str, key: str) -> torch.Tensor:
        path = self._file_of[f"{key}:{name}"]
        if path != self._path:
            self._path, self._open = path, safe_open(path, framework="pt")
        found: torch.Tensor = self._open.get_tensor(f"{key}:{name}")
        return found


def prune(folder: Path, kept: int) -> None:
    """Delete all but the newest `kept` checkpoints, and what killed processes left half-written."""
    whole = sorted(folder.glob("step-*"))
    for old in [*whole[: len(whole) - kept], *folder.glob(".partial-*")]:
        shutil.rmtree(old, ignore_errors=True)


def remembered(path: Path, found: Found | None) -> Iterator[str]:
    """Yield the lines of training.jsonl at `path` up to a checkpoint; what came after it is taken
    again."""
    if found is None or not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            step = json.loads(line)["step"]
        except ValueError:  # torn by a kill
            return
        if step <= found.step:
            yield line
