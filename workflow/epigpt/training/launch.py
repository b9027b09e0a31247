"""Where a training process runs: its rank, device and memory, and the start of torch's process
group."""

import atexit
import os
import warnings
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from epigpt.models.presets import HardwarePreset
from epigpt.training import machine
from epigpt.training.memory_model import MemoryBudget

Found = TypeVar("Found")


@dataclass(frozen=True)
class Placement:
    """One process of a training job.

    Attributes
    ----------
    rank, world_size
        Number of this process and of all.
    device
        What it computes on.
    """

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Return whether this process writes the files."""
        return self.rank == 0


def start(threads: int) -> Placement:
    """Fix the threads; of several processes, join their group, which torchrun describes.

    A single process has nobody to join until DeepSpeed wants a group (`join_alone`). After `keep`
    what is there is used.
    """
    if _KEPT:
        return _KEPT[0]
    torch.set_num_threads(threads)
    cuda = torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
        # What fp32 products are left (scoring, a CPU's recipes on a GPU) run on tensor cores.
        torch.set_float32_matmul_precision("high")
    placement = Placement(
        int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")), device
    )
    if placement.world_size > 1:
        deepspeed().init_distributed(
            dist_backend=_backend(), auto_mpi_discovery=False, verbose=False
        )
    return placement


def _backend() -> str:
    return "nccl" if torch.cuda.is_available() else "gloo"


def join_alone() -> None:
    """Give DeepSpeed the group of one process that it insists on.

    It looks for MPI unless a launcher's variables are set, so they are. The group meets in this
    process's memory: a port that is free when it is looked for may be taken by a neighbour's job
    when it is used.
    """
    library = deepspeed()
    if torch.distributed.is_initialized():
        return
    os.environ.update(
        RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT="0"
    )
    torch.distributed.init_process_group(
        _backend(), store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    library.init_distributed(dist_backend=_backend(), auto_mpi_discovery=False, verbose=False)


def shared(content: Found, placement: Placement) -> Found:
    """Give every process what the first one has."""
    if placement.world_size == 1:
        return content
    held = [content]
    torch.distributed.broadcast_object_list(held, src=0, device=placement.device)
    return held[0]


def stop() -> None:
    """Leave the process group, unless `keep` was called."""
    if torch.distributed.is_initialized() and not _KEPT:
        torch.distributed.destroy_process_group()


_KEPT: list[Placement] = []


def keep(threads: int) -> None:
    """Keep one process group until this process ends, for several fits: DeepSpeed remembers the
    first and cannot join another."""
    if not _KEPT:
        _KEPT.append(start(threads))
        atexit.register(_leave)


def _leave() -> None:
    _KEPT.clear()
    stop()


def deepspeed() -> Any:
    """Import DeepSpeed so that it neither probes compilers nor compiles an extension."""
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    os.environ.setdefault("DEEPSPEED_LOG_LEVEL", "warning")
    # DeepSpeed calls collectives by names that torch is about to rename, once per step at stage 3.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed")
    import deepspeed as module

    # An empty list of compatible extensions: shared-memory collectives would take 48 s of compiling
    # for the same results.
    module.ops.__compatible_ops__ = {}
    return module


def present_hardware(placement: Placement, bf16: bool) -> tuple[HardwarePreset, MemoryBudget]:
    """Describe the devices of the running job for the plan, and the memory that one process may
    use.

    Parameters
    ----------
    bf16
        Whether the operations per second are measured in bf16, where the devices compute in it.
    """
    cuda = placement.device.type == "cuda"
    in_node = machine.available_memory() // machine.local_processes()
    available = torch.cuda.get_device_properties(placement.device).total_memory if cuda else in_node
    able = torch.cuda.is_bf16_supported() if cuda else machine.computes_bf16()
    hardware = HardwarePreset(
        name=torch.cuda.get_device_name(placement.device) if cuda else "this machine",
        nodes=1,
        devices=placement.world_size,
        device=placement.device.type,
        device_memory_gb=available / 1e9,
        node_memory_gb=0,
        bf16=able,
        measured_tflops=machine.measured_peak(placement.device, able and bf16) / 1e12,
        hours=0,
    )
    return hardware, MemoryBudget(
        available, in_node if cuda else 0, swap=not cuda and machine.can_swap()
    )
