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
from epigpt.training import parameter_count
from epigpt.training.memory_model import (
    BUCKET_ELEMENTS,
    GATHERED_ELEMENTS,
    SWAPPED_ELEMENTS,
    USABLE,
    MemoryBudget,
    MemoryModel,
    Strategy,
)

GB = 1_000_000_000
UTILISATION = 0.5
# A step's kernels of one layer, launched one after the other: by arithmetic, not measured.
LAUNCH_SECONDS = 1e-3
# Tokens a step that keep a GPU busy: below, a second one adds more waiting than work.
BUSY_TOKENS = 4000
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
    bytes: dict[str, int] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)

    @property
    def needs_deepspeed(self) -> bool:
        """Whether anything is divided among devices, or lives elsewhere than on this one."""
        return self.world_size > 1 or self.zero_stage > 0 or self.offload != "none"

    def as_dict(self) -> dict[str, Any]:
        """Give the content of plan.json."""
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
    _check(model, work, world, hardware.device == "cuda")
    precision, reason = _precision(work.precision, hardware, model)
    parameters = model.parameters(work.vocabulary) + model.width * work.classes
    trained = parameter_count.trained_parameters(
        work.tuning, model, work.vocabulary, work.classes, work.new_embedding
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
        raise _does_not_fit(layout, hardware, room)
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
        why=[reason, _stage_reason(layout, way, sizes), _micro_reason(way, share)],
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
    """Bytes on disk while a fit is in progress: so many checkpoints (weights and moments in fp32),
    weights, what is swapped."""
    return checkpoints * 12 * trained + 4 * parameters + (16 * trained if offload == "nvme" else 0)


def kept_checkpoints(made: Plan, free: int) -> int:
    """Say how many checkpoints `free` bytes of disk hold beside the one being written: 2, 1, or 0.

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


def deepspeed_config(
    plan: Plan, gradient_clipping: float, swap: str = "", *, overlaps: bool = False
) -> dict[str, Any]:
    """Give the configuration that `deepspeed.initialize` takes. Clipping is always named: its
    default is not 'none'.

    Parameters
    ----------
    swap
        Folder for the optimizer's state where the plan puts it on disk.
    overlaps
        Whether gradients are exchanged while others are still computed, which takes a GPU's
        streams; off in stages 1 and 2 unless named.
    """
    zero: dict[str, Any] = {"stage": plan.zero_stage}
    if overlaps and plan.world_size > 1 and plan.zero_stage > 0:
        zero["overlap_comm"] = True
    if plan.world_size == 1 and plan.zero_stage in (1, 2):
        # Nothing is exchanged, so gradients need no copy that lies in one piece: a tenth of a step
        # on a CPU.
        zero["contiguous_gradients"] = False
    if plan.offload == "cpu":
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    elif plan.offload == "nvme":
        zero["offload_optimizer"] = {"device": "nvme", "nvme_path": swap}
        zero |= {
            "sub_group_size": SWAPPED_ELEMENTS,
            "reduce_bucket_size": BUCKET_ELEMENTS,
            "stage3_prefetch_bucket_size": BUCKET_ELEMENTS,
            "stage3_max_live_parameters": GATHERED_ELEMENTS,
            "stage3_max_reuse_distance": GATHERED_ELEMENTS,
        }
    return {
        "train_batch_size": plan.global_batch_size,
        "train_micro_batch_size_per_gpu": plan.micro_batch_size,
        "gradient_accumulation_steps": plan.accumulation,
        "gradient_clipping": gradient_clipping,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "bf16": {"enabled": plan.precision == "bf16"},
        "steps_per_print": 2**31,
        "wall_clock_breakdown": False,
    }


def _check(model: ModelPreset, work: Workload, world: int, cuda: bool) -> None:
    batch = work.global_batch_size
    if batch > work.examples:
        raise InputError(
            f"global_batch_size: {batch} for {work.examples} training views",
            "key global_batch_size",
            "a batch larger than the training set would hold examples twice",
            f"set global_batch_size to {work.examples} or less, or raise views",
        )
    if batch % world:
        near = max(world, batch // world * world)
        raise InputError(
            f"global_batch_size: {batch} on {world} devices",
            "key global_batch_size",
            "each device takes the same share of a batch",
            f"set global_batch_size to {near}, or use a number of devices that divides {batch}",
        )
    tokens = batch * work.length
    if cuda and world > 1 and tokens < BUSY_TOKENS * world:
        enough = max(
            number
            for number in range(1, world)
            if batch % number == 0 and (number == 1 or tokens >= BUSY_TOKENS * number)
        )
        raise InputError(
            f"{tokens // world:,} tokens a step for each of {world} GPUs",
            f"{batch} sequences of {work.length} tokens",
            f"a GPU waits most of the time with fewer than {BUSY_TOKENS:,}",
            f"use {enough} GPU{'s' if enough > 1 else ''} for a fit, or set global_batch_size to"
            f" {math.ceil(BUSY_TOKENS / work.length) * world}",
        )
    if work.length > model.positions:
        raise InputError(
            f"sequences of {work.length} tokens",
            f"model {model.name}",
            f"it has {model.positions} positions",
            f"lower max_genes by {work.length - model.positions}",
        )


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
                yield Strategy(stage, micro, checkpointing, offload)


def _first_fit(layout: MemoryModel, share: int, room: MemoryBudget) -> Strategy | None:
    return next((way for way in _ways(layout, share, room) if layout.fits(way, room)), None)


def _stage_reason(layout: MemoryModel, way: Strategy, sizes: dict[str, int]) -> str:
    states = (
        f"{(sizes['weights'] + sizes['gradients'] + sizes['optimizer']) / GB:.3g} GB of model"
        " states"
    )
    if way.offload != "none":
        home = {"cpu": "in the node's memory", "nvme": "on disk"}[way.offload]
        return (
            f"ZeRO 3 with the optimizer's {layout.optimizer(way) / GB:.3g} GB {home}: no stage fits"
            f" without; {states} stay on the device"
        )
    if way.stage > layout.lowest_stage:
        return (
            f"ZeRO {way.stage}: the lowest stage that fits, {states} on each of {layout.world}"
            " devices"
        )
    if way.stage == 1:
        return (
            f"ZeRO 1: {states} fit on each device with the optimizer divided; stage 1 keeps the"
            " fp32 master weights of bf16"
        )
    alone = ", and DeepSpeed is left out" if layout.world == 1 else ""
    return f"ZeRO 0: {states} fit on one device, so nothing needs dividing{alone}"


def _micro_reason(way: Strategy, share: int) -> str:
    how = (
        "with activation checkpointing" if way.checkpointing else "without activation checkpointing"
    )
    return (
        f"micro-batch {way.micro} of {share} per device and step: the largest divisor that fits"
        f" {how}"
    )


def _does_not_fit(layout: MemoryModel, hardware: HardwarePreset, room: MemoryBudget) -> InputError:
    """Name the smallest change: the fewest devices of this kind that would do, else the memory that
    one would need."""

    def needed(world: int) -> int:
        return replace(layout, world=world).memory(
            Strategy(3 if world > 1 else layout.lowest_stage, 1, True)
        )["total"]

    on_disk = [layout.memory(Strategy(3, 1, True, "nvme"))["total"]] if room.swap else []
    least = min([needed(layout.world), *on_disk])
    more = [
        world for world in range(layout.world + 1, 1025) if needed(world) <= room.device * USABLE
    ]
    if more and layout.device == "cuda":
        remedy = (
            f"use {more[0]} devices instead of {layout.world}: ZeRO 3 then needs"
            f" {needed(more[0]) / GB:.1f} GB on each"
        )
    else:
        remedy = f"use devices with {math.ceil(least / USABLE / GB)} GB, or a smaller model preset"
        remedy += ", or set tuning: lora" if layout.trained == layout.parameters else ""
    return InputError(
        f"{layout.model.name} does not fit on {hardware.name}",
        f"{layout.parameters:,} parameters, {layout.precision}, sequences of {layout.length},"
        f" {layout.world} devices",
        f"with every saving and a micro-batch of 1 a device needs {least / GB:.1f} GB and offers"
        f" {room.device / GB:.1f} GB",
        remedy,
    )
