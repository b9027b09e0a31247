"""Which of the hardware's devices a data set's training uses: as many as its steps keep busy."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from epigpt.errors import InputError
from epigpt.models import presets, published
from epigpt.models.presets import HardwarePreset, ModelPreset
from epigpt.training import plan
from epigpt.training.memory_model import MemoryBudget

# The workflow's own files import this module at every start.
if TYPE_CHECKING:
    from epigpt.config.settings import Settings

# Presets so small that a GPU gains them nothing.
ON_CPUS = ("tiny",)
GPT2_PIECES = 50_257


def hardware_for(
    settings: "Settings", preset: ModelPreset, hardware: HardwarePreset
) -> tuple[HardwarePreset, str]:
    """Return the devices that one training uses, and why in a sentence.

    Parameters
    ----------
    settings
        With `auto` resolved (`epigpt.models.choice.resolve`).
    """
    if hardware.device != "cuda":
        return hardware, "All fits of a data set are one job."
    if preset.name in ON_CPUS:
        return presets.hardware("cpu"), (
            f"{preset.name} trains on CPUs, also on {hardware.name}: it would leave a GPU idle."
            " All fits of a data set are one job."
        )
    length = 1 + settings.max_genes
    tokens = settings.global_batch_size * length
    step = f"a step of {settings.global_batch_size} × {length} = {tokens:,} tokens"
    for chosen in _narrower(hardware, settings.global_batch_size):
        world = chosen.nodes * chosen.devices
        if (world == 1 or tokens >= plan.BUSY_TOKENS * world) and _fits(settings, preset, chosen):
            if world == 1:
                return chosen, f"One GPU and one job for each data set: {step} fills no more."
            return chosen, (
                f"{world} GPUs for each fit, and a job for each: {step} gives each GPU"
                f" {tokens // world:,}, and {plan.BUSY_TOKENS:,} keep one busy."
            )
    return hardware, f"All {hardware.nodes * hardware.devices} GPUs for each fit."


def _narrower(hardware: HardwarePreset, batch: int) -> Iterator[HardwarePreset]:
    """List the hardware and parts of it, the most devices first; several nodes are used whole."""
    whole = [(nodes, hardware.devices) for nodes in range(hardware.nodes, 1, -1)]
    for nodes, devices in [*whole, *((1, number) for number in range(hardware.devices, 0, -1))]:
        if batch % (nodes * devices) == 0:
            share = hardware.node_memory_gb * devices / hardware.devices
            yield replace(hardware, nodes=nodes, devices=devices, node_memory_gb=share)


def _fits(settings: "Settings", preset: ModelPreset, hardware: HardwarePreset) -> bool:
    """Whether a training finds room; of the data only what the settings bound is known here."""
    text = settings.encoding in published.TEXT_ENCODINGS
    work = plan.Workload(
        examples=settings.global_batch_size,
        length=1 + settings.max_genes,
        vocabulary=GPT2_PIECES if text else settings.vocabulary_genes + 2,
        classes=2,
        epochs=1,
        global_batch_size=settings.global_batch_size,
        precision=settings.precision,
        tuning=settings.tuning,
        new_embedding=not published.embeddings_are_published(settings.weights, settings.encoding),
    )
    room = MemoryBudget(
        int(hardware.device_memory_gb * plan.GB),
        int(hardware.node_memory_gb * plan.GB) // hardware.devices,
    )
    try:
        plan.make(preset, hardware, work, room)
    except InputError:
        return False
    return True
