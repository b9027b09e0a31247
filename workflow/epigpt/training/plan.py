"""How a model is trained on given devices: memory, micro-batch, accumulation, ZeRO stage, time and disk, before anything runs.

Model states per parameter (Rajbhandari et al., ZeRO, SC 2020) for AdamW: fp32 4 bytes of weights, 4 of gradients, 8 of moments, and
4 of DeepSpeed's flat copy from stage 1 on; bf16 2 + 2, and 12 of fp32 weights and moments. Stage 1 divides the optimizer's share by
the devices, stage 2 the gradients too, stage 3 the weights too. Activations per token, layer and unit of width with fused attention:
34 bytes at 16 bit (Korthikanti et al., 2022), of which 2 stay with activation checkpointing.
"""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from epigpt.models.presets import HardwarePreset, ModelPreset
from epigpt.refusal import Refusal

GB = 1_000_000_000
USABLE = 0.90
# Interpreter, libraries and their allocations in one training process.
PROCESS_BYTES = {"cpu": 650_000_000, "cuda": 2_500_000_000}
UTILISATION = 0.5


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
    """

    examples: int
    length: int
    vocabulary: int
    classes: int
    epochs: int
    global_batch_size: int
    precision: str = "auto"


@dataclass(frozen=True)
class Plan:
    """A way to train that fits. Bytes are per device.

    Attributes
    ----------
    why
        One sentence each for precision, ZeRO stage and micro-batch.
    bytes
        weights, gradients, optimizer, activations, process, total, available.
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
    bytes: dict[str, int] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Give the content of plan.json."""
        return asdict(self)


def make(model: ModelPreset, hardware: HardwarePreset, work: Workload, available: int) -> Plan:
    """Choose precision, ZeRO stage and micro-batch.

    Parameters
    ----------
    available
        Bytes of memory of one device.

    Raises
    ------
    Refusal
        A batch larger than the training set or not divisible by the devices, sequences longer than the model's positions, or a model
        that fits on no stage; the remedy is the smallest change that settles it.
    """
    world = hardware.nodes * hardware.devices
    _check(model, work, world)
    precision, reason = _precision(work.precision, hardware)
    parameters = model.parameters(work.vocabulary) + model.width * work.classes
    share = work.global_batch_size // world
    layout = Layout(model, parameters, precision, world, work.length, hardware.device)
    fitting = _first_fit(layout, share, int(available * USABLE))
    if fitting is None:
        raise _does_not_fit(layout, hardware, available)
    stage, checkpointing, micro = fitting
    sizes = layout.memory(stage, micro, checkpointing)
    steps = math.ceil(work.epochs * work.examples / work.global_batch_size)
    operations = flops_per_token(model, work.length) * work.length * work.global_batch_size * steps
    operations *= 4 / 3 if checkpointing else 1
    return Plan(
        model=model.name,
        hardware=hardware.name,
        parameters=parameters,
        world_size=world,
        precision=precision,
        zero_stage=stage,
        activation_checkpointing=checkpointing,
        global_batch_size=work.global_batch_size,
        micro_batch_size=micro,
        accumulation=share // micro,
        steps=steps,
        hours=operations / (world * hardware.measured_tflops * 1e12 * UTILISATION * 3600),
        disk_bytes=2 * 16 * parameters + 4 * parameters,
        bytes={**sizes, "available": available},
        why=[reason, _stage_reason(layout, stage, sizes), _micro_reason(micro, share, checkpointing)],
    )


def flops_per_token(model: ModelPreset, length: int) -> float:
    """Operations of forward and backward pass per token: 6 per parameter of the blocks, plus attention over `length` positions."""
    return 6 * 12 * model.layers * model.width**2 + 12 * model.layers * model.width * length


def deepspeed_config(plan: Plan, gradient_clipping: float) -> dict[str, Any]:
    """Give the configuration that `deepspeed.initialize` takes. Clipping is always named: its default is not 'none'."""
    return {
        "train_batch_size": plan.global_batch_size,
        "train_micro_batch_size_per_gpu": plan.micro_batch_size,
        "gradient_accumulation_steps": plan.accumulation,
        "gradient_clipping": gradient_clipping,
        "zero_optimization": {"stage": plan.zero_stage},
        "zero_allow_untested_optimizer": True,
        "bf16": {"enabled": plan.precision == "bf16"},
        "steps_per_print": 2**31,
        "wall_clock_breakdown": False,
    }


def _check(model: ModelPreset, work: Workload, world: int) -> None:
    batch = work.global_batch_size
    if batch > work.examples:
        raise Refusal(
            f"global_batch_size: {batch} for {work.examples} training views",
            "key global_batch_size",
            "a batch larger than the training set would hold examples twice",
            f"set global_batch_size to {work.examples} or less, or raise views",
        )
    if batch % world:
        near = max(world, batch // world * world)
        raise Refusal(
            f"global_batch_size: {batch} on {world} devices",
            "key global_batch_size",
            "each device takes the same share of a batch",
            f"set global_batch_size to {near}, or use a number of devices that divides {batch}",
        )
    if work.length > model.positions:
        raise Refusal(
            f"sequences of {work.length} tokens",
            f"model {model.name}",
            f"it has {model.positions} positions",
            f"lower max_genes by {work.length - model.positions}",
        )


def _precision(wanted: str, hardware: HardwarePreset) -> tuple[str, str]:
    if wanted != "auto":
        return wanted, f"{wanted}, as configured"
    if hardware.device == "cuda" and hardware.bf16:
        return "bf16", "bf16, which these GPUs compute in, over fp32 master weights"
    return "fp32", "fp32, since there is no GPU with bf16"


@dataclass(frozen=True)
class Layout:
    """A model spread over `world` devices, before ZeRO stage and micro-batch are chosen."""

    model: ModelPreset
    parameters: int
    precision: str
    world: int
    length: int
    device: str

    @property
    def lowest_stage(self) -> int:
        """bf16 needs stage 1: at stage 0 DeepSpeed keeps no fp32 master weights, and the loss drifts."""
        return 1 if self.precision == "bf16" else 0

    def memory(self, stage: int, micro: int, checkpointing: bool) -> dict[str, int]:
        """Bytes per device by purpose; see the module's first lines for the formulas."""
        half = self.precision == "bf16"
        weights, gradients = (2, 2) if half else (4, 4)
        optimizer = 12 if half or stage > 0 else 8
        divided = [self.world if stage >= needed else 1 for needed in (3, 2, 1)]
        unit = micro * self.length * self.model.width * (1 if half else 2)
        layer = 34 * unit
        sizes = {
            "weights": self.parameters * weights // divided[0],
            "gradients": self.parameters * gradients // divided[1],
            "optimizer": self.parameters * optimizer // divided[2],
            "activations": 2 * unit * self.model.layers + layer if checkpointing else layer * self.model.layers,
            "process": PROCESS_BYTES[self.device],
        }
        return {**sizes, "total": sum(sizes.values())}


def _first_fit(layout: Layout, share: int, limit: int) -> tuple[int, bool, int] | None:
    """Take the lowest stage that fits with the largest micro-batch; checkpointing comes before more communication."""
    first = layout.lowest_stage
    micros = [size for size in range(share, 0, -1) if share % size == 0]
    for stage in range(first, 4 if layout.world > 1 else first + 1):
        for checkpointing in (False, True):
            for micro in micros:
                if layout.memory(stage, micro, checkpointing)["total"] <= limit:
                    return stage, checkpointing, micro
    return None


def _stage_reason(layout: Layout, stage: int, sizes: dict[str, int]) -> str:
    states = f"{(sizes['weights'] + sizes['gradients'] + sizes['optimizer']) / GB:.3g} GB of model states"
    if stage > layout.lowest_stage:
        return f"ZeRO {stage}: the lowest stage that fits, {states} on each of {layout.world} devices"
    if stage == 1 and layout.world == 1:
        return f"ZeRO 1: {states} fit on one device, so nothing needs dividing; stage 1 keeps the fp32 master weights of bf16"
    if stage == 1:
        return f"ZeRO 1: {states} fit on each device with the optimizer divided; stage 1 keeps the fp32 master weights of bf16"
    return f"ZeRO 0: {states} fit on one device, so nothing needs dividing"


def _micro_reason(micro: int, share: int, checkpointing: bool) -> str:
    how = "with activation checkpointing" if checkpointing else "without activation checkpointing"
    return f"micro-batch {micro} of {share} per device and step: the largest divisor that fits {how}"


def _does_not_fit(layout: Layout, hardware: HardwarePreset, available: int) -> Refusal:
    """Name the smallest change: the fewest devices of this kind that would do, else the memory that one would need."""

    def needed(world: int) -> int:
        stage = 3 if world > 1 else layout.lowest_stage
        return replace(layout, world=world).memory(stage, 1, True)["total"]

    more = [world for world in range(layout.world + 1, 1025) if needed(world) <= available * USABLE]
    if more and layout.device == "cuda":
        remedy = f"use {more[0]} devices instead of {layout.world}: ZeRO 3 then needs {needed(more[0]) / GB:.1f} GB on each"
    else:
        remedy = f"use devices with {math.ceil(needed(layout.world) / USABLE / GB)} GB, or a smaller model preset"
    return Refusal(
        f"{layout.model.name} does not fit on {hardware.name}",
        f"{layout.parameters:,} parameters, {layout.precision}, sequences of {layout.length}, {layout.world} devices",
        f"with every saving and a micro-batch of 1 a device needs {needed(layout.world) / GB:.1f} GB and offers {available / GB:.1f} GB",
        remedy,
    )
