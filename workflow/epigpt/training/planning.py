"""What a training of a named preset on named hardware needs: `epigpt.plan` and the command
`epigpt plan`."""

from dataclasses import dataclass, replace

from epigpt.config.settings import Settings
from epigpt.models import choice, presets
from epigpt.training import machine, strategy
from epigpt.training import plan as planner
from epigpt.training.memory_model import MemoryBudget

_DEFAULTS = Settings()


@dataclass(frozen=True)
class Planned:
    """A plan with what it was made for."""

    plan: planner.Plan
    work: planner.Workload
    hardware: presets.HardwarePreset


def plan(
    model: str = _DEFAULTS.model,
    hardware: str = "cpu",
    *,
    samples: int = 100,
    views: int = _DEFAULTS.views,
    length: int = _DEFAULTS.max_genes + 1,
    vocabulary: int | None = None,
    classes: int = 2,
    epochs: int = _DEFAULTS.epochs,
    global_batch_size: int = _DEFAULTS.global_batch_size,
    precision: str = _DEFAULTS.precision,
    tuning: str = _DEFAULTS.tuning,
) -> planner.Plan:
    """Return what one training needs: parameters, memory, micro-batch, ZeRO stage, steps, hours and
    disk.

    Parameters
    ----------
    model
        Model preset, or auto: what the hardware can train.
    hardware
        Hardware preset: cpu, h100x1, h100x8, h100x8-nodes or one of your own.
    samples, views
        Training samples or cells, and views of each.
    length
        Tokens per sequence.
    vocabulary
        Tokens that the model knows; None: GPT-2's own 50,257.
    classes, epochs, global_batch_size, precision, tuning
        As the settings of those names.

    Returns
    -------
    epigpt.training.plan.Plan
        Memory in bytes per device (`bytes`), `hours` of steps per fit, `disk_bytes` per fit in
        progress, and why the ZeRO stage was chosen (`why`).

    Raises
    ------
    InputError
        An unknown preset, or a model that does not fit; the message says what would make it fit.

    Examples
    --------
    >>> import epigpt
    >>> made = epigpt.plan("gpt2-xl", "h100x8", samples=200)
    >>> made.world_size  # more GPUs than a step of 16 × 129 tokens fills would wait
    1
    >>> made.global_batch_size == made.micro_batch_size * made.accumulation * made.world_size
    True
    """
    return planned(
        model,
        hardware,
        samples=samples,
        views=views,
        length=length,
        vocabulary=vocabulary,
        classes=classes,
        epochs=epochs,
        global_batch_size=global_batch_size,
        precision=precision,
        tuning=tuning,
    ).plan


def planned(
    model: str,
    hardware: str,
    *,
    samples: int,
    views: int,
    length: int,
    vocabulary: int | None,
    classes: int,
    epochs: int,
    global_batch_size: int,
    precision: str,
    tuning: str,
) -> Planned:
    """Return the plan with its work and hardware; parameters as of `plan`."""
    machines = presets.hardware(hardware)
    gpu_bytes = int(machines.device_memory_gb * planner.GB) if machines.device == "cuda" else 0
    chosen = choice.resolve(
        _DEFAULTS.model_copy(update={"model": model, "tuning": tuning}),
        choice.Devices(machines.name, gpu_bytes),
    )
    preset = presets.load(chosen.model)
    work = planner.Workload(
        examples=samples * views,
        length=length,
        vocabulary=vocabulary or preset.vocabulary,
        classes=classes,
        epochs=epochs,
        global_batch_size=global_batch_size,
        precision=precision,
        tuning=chosen.tuning,
        new_embedding=vocabulary is not None,
    )
    machines, why = strategy.narrowed(preset, machines, work)
    device = (
        int(machines.device_memory_gb * planner.GB)
        or machine.available_memory() // machines.devices
    )
    room = MemoryBudget(
        device, machine.beside(machines), swap=machines.device == "cpu" and machine.can_swap()
    )
    made = planner.make(preset, machines, work, room)
    return Planned(replace(made, why=[*made.why, why]), work, machines)
