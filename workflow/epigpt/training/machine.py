"""What this machine offers a training process: memory, operations per second, bf16."""

import os
import shutil
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from epigpt.models.presets import HardwarePreset

if TYPE_CHECKING:
    import torch


DEAD_AFTER_SECONDS = 600


def local_processes() -> int:
    """Return the processes of this job on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("WORLD_SIZE", "1")))


def available_memory() -> int:
    """Bytes that this machine, or the control group of this job, lets the job use."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        total = min(total, int(text))
    if (granted := os.environ.get("SLURM_MEM_PER_NODE", "")).isdigit() and int(granted):
        total = min(total, int(granted) * 2**20)
    return total


@cache
def measured_peak(device: "torch.device", bf16: bool) -> float:
    """Operations per second of a large matrix product, the best of three, on one device with the
    threads of this process; measured once, since each of many small fits asks for it."""
    import torch

    size, repeats = (8192, 10) if device.type == "cuda" else (512, 4)
    # Random numbers: products of ones draw less power, so that a GPU runs faster than it ever will.
    factor = torch.empty(size, size, device=device, dtype=torch.bfloat16 if bf16 else torch.float32)
    factor.normal_(generator=torch.Generator(device).manual_seed(1))
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(repeats):
            product = factor @ factor
        float(product[0, 0])  # waits for the device
        best = min(best, time.perf_counter() - began)
    return repeats * 2 * size**3 / best


def computes_bf16() -> bool:
    """Return whether this CPU multiplies bf16 matrices itself."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text(encoding="utf-8").split()) if cpuinfo.is_file() else set()
    return bool(flags & {"avx512_bf16", "amx_bf16"})


def beside(hardware: HardwarePreset) -> int:
    """Bytes of a node's memory that the optimizer of one of its GPUs may use."""
    return (
        int(hardware.node_memory_gb * 1e9) // hardware.devices if hardware.device == "cuda" else 0
    )


def can_swap() -> bool:
    """Return whether DeepSpeed can compile its disk access here: libaio's header and a compiler."""
    return (
        Path("/usr/include/libaio.h").is_file()
        and shutil.which("g++") is not None
        and shutil.which("ninja") is not None
    )


def forget_dead_compilations() -> None:
    """Remove the locks of compilations of torch's extensions that were killed: every later run
    would wait for them for ever, silently.

    One that is alive writes a file of its folder every minute or so.
    """
    cache = Path(
        os.environ.get("TORCH_EXTENSIONS_DIR", Path.home() / ".cache" / "torch_extensions")
    )
    for lock in cache.rglob("lock") if cache.is_dir() else ():
        with suppress(FileNotFoundError):  # the other processes of this training look too
            if (
                time.time() - max(path.stat().st_mtime for path in lock.parent.iterdir())
                > DEAD_AFTER_SECONDS
            ):
                lock.unlink()
