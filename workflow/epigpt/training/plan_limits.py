"""What no plan is made for: batches that do not suit data or devices, sequences that are too long,
models that do not fit. Each refusal names the smallest change that settles it."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from epigpt.errors import InputError
from epigpt.models.presets import HardwarePreset, ModelPreset
from epigpt.training.memory_model import GB, USABLE, MemoryBudget, MemoryModel, Strategy

if TYPE_CHECKING:
    from epigpt.training.plan import Workload

# Tokens a step that keep a GPU busy: below, a second one adds more waiting than work.
BUSY_TOKENS = 4000


def check(model: ModelPreset, work: "Workload", world: int) -> None:
    """Refuse work that no way of training suits, on `world` devices.

    Raises
    ------
    InputError
        A batch larger than the training set or not divisible by the devices, sequences longer than
        the model's positions.
    """
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
    if work.length > model.positions:
        raise InputError(
            f"sequences of {work.length} tokens",
            f"model {model.name}",
            f"it has {model.positions} positions",
            f"lower max_genes by {work.length - model.positions}",
        )


def check_busy(work: "Workload", world: int, fits: Callable[[int], bool]) -> None:
    """Refuse GPUs that would wait most of the time, unless the model's memory needs them.

    Parameters
    ----------
    fits
        Whether the model fits on this many of them.

    Raises
    ------
    InputError
        Fewer would do; the remedy says how many.
    """
    batch, tokens = work.global_batch_size, work.global_batch_size * work.length
    if world == 1 or tokens >= BUSY_TOKENS * world:
        return
    enough = [number for number in range(1, world) if batch % number == 0 and fits(number)]
    if not enough:
        return
    busy = [number for number in enough if tokens >= BUSY_TOKENS * number]
    better = max(busy, default=min(enough))
    raise InputError(
        f"{tokens // world:,} tokens a step for each of {world} GPUs",
        f"{batch} sequences of {work.length} tokens",
        f"a GPU waits most of the time with fewer than {BUSY_TOKENS:,}",
        f"use {better} GPU{'s' if better > 1 else ''} for a fit, or set global_batch_size to"
        f" {math.ceil(BUSY_TOKENS / work.length) * world}",
    )


def does_not_fit(
    layout: MemoryModel, hardware: HardwarePreset, room: MemoryBudget, batch: int
) -> InputError:
    """Return the refusal of a model for which no way fits.

    It names the smallest change: the fewest devices of this kind that would do and divide the
    batch, else the memory that one would need.
    """

    def needed(world: int) -> int:
        return replace(layout, world=world).memory(
            Strategy(3 if world > 1 else layout.lowest_stage, 1, True)
        )["total"]

    on_disk = [layout.memory(Strategy(3, 1, True, "nvme"))["total"]] if room.swap else []
    least = min([needed(layout.world), *on_disk])
    more = [
        world
        for world in range(layout.world + 1, batch + 1)
        if batch % world == 0 and needed(world) <= room.device * USABLE
    ]
    if more and layout.device == "cuda":
        remedy = (
            f"use {more[0]} devices instead of {layout.world}: ZeRO 3 then needs"
            f" {needed(more[0]) / GB:.1f} GB on each"
        )
    else:
        remedy = f"use devices with {math.ceil(least / USABLE / GB)} GB, or a smaller model preset"
    adapters = replace(layout, trained=layout.parameters // 100, adapters=True)
    alone = adapters.memory(Strategy(layout.lowest_stage, 1, True))["total"]
    if layout.trained == layout.parameters and alone <= room.device * USABLE:
        remedy += ", or set tuning: lora"
    return InputError(
        f"{layout.model.name} does not fit on {hardware.name}",
        f"{layout.parameters:,} parameters, {layout.precision}, sequences of {layout.length},"
        f" {layout.world} devices",
        f"with every saving and a micro-batch of 1 a device needs {least / GB:.1f} GB and offers"
        f" {room.device / GB:.1f} GB",
        remedy,
    )
