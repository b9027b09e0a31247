"""Where a training process runs: its rank, device and memory, and the start of torch's process group."""

import os
import socket
from dataclasses import dataclass
from typing import Any

import torch

from epigpt.models.presets import HardwarePreset
from epigpt.training.machine import available_memory, local_processes

# Throughput assumed for the estimate of hours in plan.json alone; hardware presets carry measured ones.
CPU_TFLOPS, CUDA_TFLOPS = 0.3, 300.0


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
        """Whether this process writes the files."""
        return self.rank == 0


def start(threads: int) -> Placement:
    """Fix the threads and join the process group: torchrun's, or one of this single process.

    DeepSpeed looks for MPI unless a launcher's variables are set, so a bare process sets them, with a free port.
    """
    torch.set_num_threads(threads)
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(_free_port()))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    deepspeed().init_distributed(dist_backend="nccl" if cuda else "gloo", auto_mpi_discovery=False, verbose=False)
    return Placement(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), device)


def stop() -> None:
    """Leave the process group."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def deepspeed() -> Any:
    """Import DeepSpeed so that it neither probes compilers nor compiles an extension."""
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    os.environ.setdefault("DEEPSPEED_LOG_LEVEL", "warning")
    import deepspeed as module

    # An empty list of compatible extensions: shared-memory collectives would take 48 s of compiling for the same results.
    module.ops.__compatible_ops__ = {}
    return module


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def present_hardware(placement: Placement) -> tuple[HardwarePreset, int]:
    """Describe the devices of the running job for the plan, with the bytes of memory that one process may use."""
    cuda = placement.device.type == "cuda"
    available = torch.cuda.get_device_properties(placement.device).total_memory if cuda else available_memory() // local_processes()
    hardware = HardwarePreset(
        name=torch.cuda.get_device_name(placement.device) if cuda else "this machine",
        nodes=1,
        devices=placement.world_size,
        device=placement.device.type,
        device_memory_gb=available / 1e9,
        node_memory_gb=0,
        bf16=cuda and torch.cuda.is_bf16_supported(),
        measured_tflops=CUDA_TFLOPS if cuda else CPU_TFLOPS,
        hours=0,
    )
    return hardware, available
