"""Which of the hardware's devices a data set's training uses: as many as its steps keep busy."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from epigpt.errors import InputError
from epigpt.models import presets, published
from epigpt.models.presets import HardwarePreset, ModelPreset
from epigpt.training import plan
from epigpt.training.memory_model import GB, MemoryBudget
from epigpt.training.plan_limits import BUSY_TOKENS

# The workflow's own files import this module at every start.
if TYPE_CHECKING:
    from epigpt.config.settings import Settings

# As many programs as a fit can have (`epigpt.encoding.programs`, which takes long to import).
PROGRAMS = 64


def hardware_for(
    settings: "Settings", preset: ModelPreset, hardware: HardwarePreset
) -> tuple[HardwarePreset, str]:
    """Return the devices that one training of a configuration uses, and why in a sentence.

    Parameters
    ----------
    settings
        With `auto` resolved (`epigpt.models.choice.resolve`).
    """
    return narrowed(preset, hardware, workload(settings))


def workload(settings: "Settings") -> plan.Workload:
    """Return the work of one step of a configuration: of the data only what the settings bound is
    known before any is read."""
    length, vocabulary = sequences(settings)
    return plan.Workload(
        examples=settings.global_batch_size,
        length=length,
        vocabulary=vocabulary,
        classes=2,
        epochs=1,
        global_batch_size=settings.global_batch_size,
        precision=settings.precision,
        tuning=settings.tuning,
        new_embedding=not published.embeddings_are_published(settings.weights, settings.encoding),
        linear_path=settings.encoding in published.LINEAR_ENCODINGS,
    )


def narrowed(
    preset: ModelPreset, hardware: HardwarePreset, work: plan.Workload
) -> tuple[HardwarePreset, str]:
    """Return as many of the hardware's devices as the steps keep busy and the model needs, and why
    in a sentence."""
    if hardware.device != "cuda":
        return hardware, "All fits of a data set are one job."
    if preset.name in presets.ON_CPUS:
        return presets.hardware("cpu"), (
            f"{preset.name} trains on CPUs, also on {hardware.name}: it would leave a GPU idle."
            " All fits of a data set are one job."
        )
    tokens = work.global_batch_size * work.length
    step = f"a step of {work.global_batch_size} × {work.length} = {tokens:,} tokens"
    fewest = None
    for chosen in _narrower(hardware, work.global_batch_size):
        world = chosen.nodes * chosen.devices
        if not _fits(preset, chosen, work):
            continue
        fewest = chosen
        if world == 1 or tokens >= BUSY_TOKENS * world:
            idle = _undivided(hardware, work, world)
            if world == 1:
                why = idle or f"{step} fills no more."
                return chosen, f"One GPU and one job for each data set: {why}"
            return chosen, (
                f"{world} GPUs for each fit, and a job for each: {step} gives each GPU"
                f" {tokens // world:,}, and {BUSY_TOKENS:,} keep one busy"
                + (f"; {idle}" if idle else ".")
            )
    if fewest is None:  # which the plan refuses, and says why
        return hardware, f"All {hardware.nodes * hardware.devices} GPUs for each fit."
    world = fewest.nodes * fewest.devices
    return fewest, (
        f"{world} GPUs for each fit, and a job for each, because fewer do not hold the model:"
        f" {step} gives each GPU {tokens // world:,}, and {BUSY_TOKENS:,} would keep one busy."
    )


def sequences(settings: "Settings") -> tuple[int, int]:
    """Return the tokens of a sequence and of the vocabulary that a configuration makes, at most."""
    if settings.encoding in published.TEXT_ENCODINGS:
        return 1 + settings.max_genes, presets.GPT2_PIECES
    if settings.encoding == "program-tokens":
        return min(PROGRAMS, settings.max_genes), PROGRAMS + 2
    return 1 + settings.max_genes, settings.vocabulary_genes + 2


def _undivided(hardware: HardwarePreset, work: plan.Workload, used: int) -> str:
    """Return which batch would use more devices, where this one keeps more busy than it can be
    divided among; empty where not."""
    batch = work.global_batch_size
    busy = batch * work.length // BUSY_TOKENS
    worlds = [nodes * devices for nodes, devices in _parts(hardware)]
    most = next((world for world in worlds if world <= busy), 1)
    if most <= used:
        return ""
    near = batch // most * most
    if near * work.length < BUSY_TOKENS * most:
        near += most
    return (
        f"no more of them divide a batch of {batch:,} (global_batch_size: {near} would use {most})."
    )


def _narrower(hardware: HardwarePreset, batch: int) -> Iterator[HardwarePreset]:
    """List the hardware and parts of it that divide a batch, the most devices first."""
    for nodes, devices in _parts(hardware):
        if batch % (nodes * devices) == 0:
            share = hardware.node_memory_gb * devices / hardware.devices
            yield replace(hardware, nodes=nodes, devices=devices, node_memory_gb=share)


def _parts(hardware: HardwarePreset) -> list[tuple[int, int]]:
    """List nodes and devices on each that a training may use; several nodes are used whole."""
    whole = [(nodes, hardware.devices) for nodes in range(hardware.nodes, 1, -1)]
    return [*whole, *((1, number) for number in range(hardware.devices, 0, -1))]


def _fits(preset: ModelPreset, hardware: HardwarePreset, work: plan.Workload) -> bool:
    room = MemoryBudget(
        int(hardware.device_memory_gb * GB),
        int(hardware.node_memory_gb * GB) // hardware.devices,
    )
    # Whether the batch suits the data is another question.
    work = replace(work, examples=max(work.examples, work.global_batch_size))
    try:
        plan.make(preset, hardware, work, room)
    except InputError:
        return False
    return True
