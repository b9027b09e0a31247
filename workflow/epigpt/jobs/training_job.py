"""A training as a job: what it asks a scheduler for, and how its processes start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from epigpt.jobs.stage_params import signed
from epigpt.models.presets import HardwarePreset

# Minutes of the first attempt, which schedulers favour short; a job that ran out of time goes on
# from its checkpoint with four times as much.
FIRST_MINUTES = 120
CHECKPOINT_SECONDS = 900


@dataclass(frozen=True)
class Site:
    """What a profile says of its cluster.

    Attributes
    ----------
    gpu_gres
        Name of the GPUs in requests.
    gpu_partition
        Partition that has them.
    """

    gpu_gres: str = "gpu"
    gpu_partition: str = "gpu"


def growing(amount: int) -> Callable[..., int]:
    """Return a resource that grows with each attempt."""

    @signed
    def resource(wildcards: Any, attempt: int) -> int:
        return amount * attempt

    return resource


def minutes(longest: int) -> Callable[..., int]:
    """Return the running time of a training, short at first and at most `longest`."""

    @signed
    def resource(wildcards: Any, attempt: int) -> int:
        return min(FIRST_MINUTES * 4 ** (attempt - 1), longest)

    return resource


def devices(hardware: HardwarePreset, number: int, site: Site) -> dict[str, Any]:
    """Return what a job asks for beside cores: GPUs of a node, their share of its memory, and the
    partition that has them; nothing on CPUs."""
    if hardware.device != "cuda":
        return {}
    return {
        "gres": f"{site.gpu_gres}:{number}",
        "mem_mb": int(hardware.node_memory_gb * 1000 * number / hardware.devices),
        "slurm_partition": site.gpu_partition,
    }


def requests(hardware: HardwarePreset, site: Site) -> dict[str, Any]:
    """Return what a training on all of the hardware asks for; every amount is per node."""
    needed: dict[str, Any] = {"mem_mb": growing(4000 * hardware.devices)}
    needed |= devices(hardware, hardware.devices, site)
    needed["runtime"] = minutes(int(hardware.hours * 60))
    if hardware.nodes > 1:
        # tasks_per_gpu=0, or the executor asks for tasks per GPU beside the tasks.
        needed |= {"nodes": hardware.nodes, "tasks": hardware.nodes}
        needed |= {"tasks_per_gpu": 0, "mpi": "srun"}
    return needed


def with_tokens(asked: Mapping[str, Any], otherwise: Mapping[str, Any]) -> dict[str, Any]:
    """Return requests that hold for data sets with folds to train on.

    The job of a data set that is not assessable has no tokens to read and writes empty tables,
    which takes no GPU.

    Parameters
    ----------
    asked
        What a training asks for.
    otherwise
        What is asked for without tokens; what it does not name is not asked for.
    """

    def request(name: str) -> Callable[..., Any]:
        # Snakemake passes arguments by these names.
        @signed
        def resource(wildcards: Any, input: Any, attempt: int) -> Any:  # noqa: A002
            chosen = (asked if getattr(input, "tokens", ()) else otherwise).get(name)
            return chosen(wildcards, attempt) if callable(chosen) else chosen

        return resource

    return {name: request(name) for name in asked}


def start(
    hardware: HardwarePreset, python: str, stage: str, resources: Mapping[str, Any], threads: int
) -> str:
    """Return what starts a training, up to the flags of its files.

    One device: the stage itself. Several on a node: torchrun. Several nodes: one srun task on each,
    which starts torchrun there.

    Parameters
    ----------
    python
        The interpreter, quoted for a shell.
    stage
        Name of the stage's module.
    resources
        Of the job: `mpi`, `nodes` and `tasks` where there are several nodes, and
        `checkpoint_seconds` where the user set it; no result depends on that.
    threads
        Cores of the job on each node.
    """
    begin = python
    if hardware.nodes > 1:
        begin = (
            f"{resources['mpi']} --nodes={resources['nodes']} --ntasks={resources['tasks']}"
            f" --ntasks-per-node=1 --cpus-per-task={threads} --kill-on-bad-exit=1"
            f" {python} -m epigpt.training.node --devices {hardware.devices}"
        )
    elif hardware.devices > 1:
        begin += f" -m torch.distributed.run --standalone --nproc-per-node={hardware.devices}"
    # The dashes keep torchrun from taking the stage's options for its own, abbreviated.
    stop = "-- " if hardware.nodes * hardware.devices > 1 else ""
    interval = resources.get("checkpoint_seconds", CHECKPOINT_SECONDS) / 60
    share = max(1, threads // hardware.devices)
    return (
        f"{begin} -m {stop}epigpt.stages.{stage} --threads {share} --checkpoint-minutes {interval}"
    )
