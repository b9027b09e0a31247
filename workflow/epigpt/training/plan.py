"""How a model is trained on given devices: memory, micro-batch, accumulation, ZeRO stage, time and
disk, before anything runs.

How memory is counted: `epigpt.training.memory_model`.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from epigpt.errors import InputError
from epigpt.models.presets import HardwarePreset, ModelPreset
from epigpt.training import parameter_count, plan_limits, plan_reasons
from epigpt.training.memory_model import GB, MemoryBudget, MemoryModel, Strategy

UTILISATION = 0.5
# A step's kernels of one layer, launched one after the other: by arithmetic, not measured.
LAUNCH_SECONDS = 1e-3
# Below this width bf16 products gain a CPU nothing: steps of four layers were 0.62 times as fast at
# 64, 1.24 at 256, 1.71 at 768.
BF16_CPU_WIDTH = 256


@dataclass(frozen=True)
class Workload:
    """What is trained on.

    Attributes
    ----------
    examples
        Training views: observations times views.
    length
        Tokens per sequence.
    vocabulary
        Tokens of the encoding's vocabulary.
    classes
        Number of classes.
    epochs, global_batch_size, precision
        The user's settings; precision "auto", "fp32" or "bf16".
    tuning, new_embedding
        "full", "lora" or "frozen"; whether the token embedding is learnt beside LoRA's adapters.
    linear_path
        Whether the logits are those of a linear classifier of the values plus what the blocks add.
    """

    examples: int
    length: int
    vocabulary: int
    classes: int
    epochs: int
    global_batch_size: int
    precision: str = "auto"
    tuning: str = "full"
    new_embedding: bool = True
    linear_path: bool = False


@dataclass(frozen=True)
class Plan:
    """A way to train that fits. Bytes are per device.

    Attributes
    ----------
    trained
        Parameters that are trained.
    offload
        Where the optimizer's state lives: "none" (on the device), "cpu" (in the node's memory),
        "nvme" (on disk).
    disk_bytes
        Checkpoints, finished weights, and what is swapped to disk.
    why
        One sentence each for precision, ZeRO stage and micro-batch.
    learning_rates
        Peaks by kind of parameter: matrices, embeddings, head.
    job
        What the whole job takes that this training is a part of
        (`epigpt.training.dataset_cost`); empty where each fit is a job.
    bytes
        weights, gradients, optimizer, activations, process, step (copies of the gradients), swap
        buffers, total, available.
    """

    model: str
    hardware: str
    parameters: int
    world_size: int
    precision: str
    zero_stage: int
    activation_checkpointing: bool
    global_batch_size: int
    micro_batch_size: int
    accumulation: int
    steps: int
    hours: float
    disk_bytes: int
    trained: int = 0
    offload: str = "none"
    learning_rates: dict[str, float] = field(default_factory=dict)
    job: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)

    @property
    def needs_deepspeed(self) -> bool:
        """Return whether anything is divided among devices, or lives elsewhere than on this one."""
        return self.world_size > 1 or self.zero_stage > 0 or self.offload != "none"

    def as_dict(self) -> dict[str, Any]:
        """Return the content of plan.json."""
        return asdict(self)


def make(model: ModelPreset, hardware: HardwarePreset, work: Workload, room: MemoryBudget) -> Plan:
    """Choose precision, ZeRO stage, offloading and micro-batch.

    Raises
    ------
    InputError
        A batch larger than the training set or not divisible by the devices, sequences longer than
        the model's positions, a model that fits on no stage; the remedy is the smallest change that
        settles it.
    """
    world = hardware.nodes * hardware.devices
    plan_limits.check(model, work, world)
    precision, reason = _precision(work.precision, hardware, model)
    parameters = parameter_count.all_parameters(
        model, work.vocabulary, work.classes, work.linear_path
    )
    trained = parameter_count.trained_parameters(
        work.tuning,
        model,
        work.vocabulary,
        work.classes,
        new_embedding=work.new_embedding,
        linear_path=work.linear_path,
    )
    share = work.global_batch_size // world
    layout = MemoryModel(
        model,
        parameters,
        trained,
        precision,
        world,
        work.length,
        hardware.device,
        work.tuning == "lora",
    )
    way = _first_fit(layout, share, room)
    if way is None:
        raise plan_limits.does_not_fit(layout, hardware, room, work.global_batch_size)
    if hardware.device == "cuda":
        plan_limits.check_busy(work, world, lambda fewer: _fits_on(fewer, layout, work, room))
    sizes = layout.memory(way)
    steps = math.ceil(work.epochs * work.examples / work.global_batch_size)
    return Plan(
        model=model.name,
        hardware=hardware.name,
        parameters=parameters,
        trained=trained,
        world_size=world,
        precision=precision,
        zero_stage=way.stage,
        offload=way.offload,
        activation_checkpointing=way.checkpointing,
        global_batch_size=work.global_batch_size,
        micro_batch_size=way.micro,
        accumulation=share // way.micro,
        steps=steps,
        hours=_hours(model, hardware, work, steps, way.checkpointing),
        disk_bytes=disk_bytes(parameters, trained, way.offload),
        bytes={**sizes, "available": room.device},
        why=[reason, plan_reasons.stage(layout, way, sizes), plan_reasons.micro_batch(way, share)],
    )


def _hours(
    model: ModelPreset, hardware: HardwarePreset, work: Workload, steps: int, checkpointing: bool
) -> float:
    operations = (
        flops_per_token(model, work.length)
        * work.length
        * work.global_batch_size
        * steps
        * (4 / 3 if checkpointing else 1)
    )
    computing = operations / (
        hardware.nodes * hardware.devices * hardware.measured_tflops * 1e12 * UTILISATION
    )
    # A GPU is done with a small step before its kernels are launched.
    launching = model.layers * LAUNCH_SECONDS * steps if hardware.device == "cuda" else 0.0
    return max(computing, launching) / 3600


def disk_bytes(parameters: int, trained: int, offload: str, checkpoints: int = 3) -> int:
    """Return the bytes on disk while a fit is in progress: checkpoints (weights and moments in
    fp32), weights, what is swapped."""
    return checkpoints * 12 * trained + 4 * parameters + (16 * trained if offload == "nvme" else 0)


def kept_checkpoints(made: Plan, free: int) -> int:
    """Return how many checkpoints `free` bytes of disk hold beside the one being written: 2, 1, or
    0.

    Raises
    ------
    InputError
        Not even one finds room.
    """
    for kept in (2, 1, 0):
        if disk_bytes(made.parameters, made.trained, made.offload, kept + 1) <= free:
            return kept
    needed = disk_bytes(made.parameters, made.trained, made.offload, 1)
    raise InputError(
        f"{free / GB:.1f} GB free on disk",
        "the folder results/",
        f"a checkpoint and the weights of a fit in progress take {needed / GB:.1f} GB",
        f"free {math.ceil((needed - free) / GB)} GB, or run with --directory on a larger disk",
    )


def flops_per_token(model: ModelPreset, length: int) -> float:
    """Operations of forward and backward pass per token: 6 per parameter of the blocks, plus
    attention over `length` positions."""
    return 6 * 12 * model.layers * model.width**2 + 12 * model.layers * model.width * length


def _precision(wanted: str, hardware: HardwarePreset, model: ModelPreset) -> tuple[str, str]:
    if wanted != "auto":
        return wanted, f"{wanted}, as configured"
    if hardware.bf16 and hardware.device == "cuda":
        return "bf16", "bf16, which these GPUs compute in, over fp32 master weights"
    if hardware.bf16 and model.width >= BF16_CPU_WIDTH:
        return (
            "bf16",
            "bf16, in which this CPU is faster at matrices of this size, over fp32 master weights",
        )
    if hardware.bf16:
        return (
            "fp32",
            f"fp32: matrices narrower than {BF16_CPU_WIDTH} gain nothing from this CPU's bf16",
        )
    return "fp32", "fp32, since there is neither a GPU nor a CPU with bf16"


def _ways(layout: MemoryModel, share: int, room: MemoryBudget) -> Iterator[Strategy]:
    """List the ways from the fastest on: checkpointing before more communication, that before a
    slower home for the optimizer."""
    first = layout.lowest_stage
    micros = [size for size in range(share, 0, -1) if share % size == 0]
    stages = [(stage, "none") for stage in range(first, 4 if layout.world > 1 else first + 1)]
    if room.node:
        stages.append((3, "cpu"))
    if room.swap:
        stages.append((3, "nvme"))
    for stage, offload in stages:
        for checkpointing in (False, True):
            for micro in micros:
                way = Strategy(stage, micro, checkpointing, offload, accumulates=micro < share)
                # Stage 1 would add up the micro-batches' gradients in bf16; what stage 2 can do
                # with them costs less than activation checkpointing.
                cut = way.accumulates or (checkpointing and share > 1)
                if not (stage == 1 and cut and layout.precision == "bf16"):
                    yield way


def _fits_on(world: int, layout: MemoryModel, work: Workload, room: MemoryBudget) -> bool:
    share = work.global_batch_size // world
    return _first_fit(replace(layout, world=world), share, room) is not None


def _first_fit(layout: MemoryModel, share: int, room: MemoryBudget) -> Strategy | None:
    return next((way for way in _ways(layout, share, room) if layout.fits(way, room)), None)
