"""What a training of a named preset on named hardware needs: `epigpt.plan` and the command
`epigpt plan`."""

from dataclasses import dataclass, replace
from typing import Literal

from epigpt.config import repetitions
from epigpt.config.settings import Settings
from epigpt.errors import InputError
from epigpt.models import choice, presets, published, weights_check
from epigpt.training import dataset_cost, machine, strategy
from epigpt.training import plan as planner
from epigpt.training.memory_model import GB, MemoryBudget

_DEFAULTS = Settings()


# Of a series whose size is not known yet.
_SAMPLES = 30


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
    views: int = repetitions.views(_DEFAULTS.views),
    length: int | None = None,
    vocabulary: int | None = None,
    classes: int = 2,
    epochs: int | Literal["auto"] = _DEFAULTS.epochs,
    global_batch_size: int = _DEFAULTS.global_batch_size,
    precision: str = _DEFAULTS.precision,
    tuning: str = _DEFAULTS.tuning,
    encoding: str = _DEFAULTS.encoding,
    weights: str = _DEFAULTS.weights,
) -> planner.Plan:
    """Return what one training needs: parameters, memory, micro-batch, ZeRO stage, steps, hours and
    disk.

    Parameters
    ----------
    model
        Model preset, a shape such as gpt2-6x768, or auto: what the weights' folder holds, else what
        the hardware can train.
    hardware
        Hardware preset: cpu, h100x1, h100x8, h100x8-nodes or one of your own.
    samples, views
        Training samples or cells, and views of each.
    length
        Tokens per sequence; None: as many as the encoding makes of max_genes.
    vocabulary
        Tokens that the model knows; None: as many as the encoding has at most.
    classes, epochs, global_batch_size, precision, tuning, encoding, weights
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
    >>> made.world_size  # more GPUs than a step of 16 × 64 tokens fills would wait
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
        encoding=encoding,
        weights=weights,
    ).plan


def planned(
    model: str,
    hardware: str,
    *,
    samples: int,
    views: int,
    length: int | None,
    vocabulary: int | None,
    classes: int,
    epochs: int | Literal["auto"],
    global_batch_size: int,
    precision: str,
    tuning: str,
    encoding: str,
    weights: str,
    assay: str = "bulk",
) -> Planned:
    """Return the plan with its work and hardware; parameters as of `plan`, and bulk or
    single_cell, which decides what `auto` passes are."""
    machines = presets.hardware(hardware)
    asked = {"model": model, "tuning": tuning, "encoding": encoding, "weights": weights}
    chosen = choice.resolve(
        _DEFAULTS.model_copy(update=asked), choice.Devices.of_hardware(machines)
    )
    preset = presets.load(chosen.model)
    source = published.source(chosen.weights, preset)
    if source is not None and source.folder is not None:
        weights_check.check_files(source.folder, preset)
    usual_length, usual_vocabulary = strategy.sequences(chosen)
    work = planner.Workload(
        examples=samples * views,
        length=length or usual_length,
        vocabulary=vocabulary or usual_vocabulary,
        classes=classes,
        epochs=repetitions.epochs(epochs, samples * views, length or usual_length, assay),
        global_batch_size=global_batch_size,
        precision=precision,
        tuning=chosen.tuning,
        new_embedding=not published.embeddings_are_published(chosen.weights, encoding),
        linear_path=encoding in published.LINEAR_ENCODINGS,
    )
    machines, why = strategy.narrowed(preset, machines, work)
    device = int(machines.device_memory_gb * GB) or machine.available_memory() // machines.devices
    room = MemoryBudget(
        device, machine.beside(machines), swap=machines.device == "cpu" and machine.can_swap()
    )
    made = planner.make(preset, machines, work, room)
    return Planned(replace(made, why=[*made.why, why]), work, machines)


def forecast(
    settings: Settings, preset: presets.ModelPreset, hardware: presets.HardwarePreset
) -> str:
    """Return what a data set of some samples takes, before any is read; on CPUs, whose small models
    are planned when they are trained, only where that is more than a day.

    Parameters
    ----------
    settings
        With `auto` resolved.
    hardware
        That one training uses (`epigpt.training.strategy.hardware_for`).
    """
    training = _SAMPLES * (settings.folds - 1) // settings.folds
    examples = max(training * repetitions.views(settings.views), settings.global_batch_size)
    work = strategy.workload(settings)
    passes = repetitions.epochs(settings.epochs, examples, work.length)
    work = replace(work, examples=examples, epochs=passes)
    cuda = hardware.device == "cuda"
    if cuda and not hardware.device_memory_gb:
        return ""
    device = int(hardware.device_memory_gb * GB) or machine.available_memory() // hardware.devices
    room = MemoryBudget(device, machine.beside(hardware))
    try:
        made = planner.make(preset, hardware, work, room)
    except InputError:
        if cuda:
            raise
        return ""  # what does not suit the data's size is told once that is known
    alone = made.world_size == 1
    scope = scope_of(settings, _SAMPLES, settings.folds, together=alone)
    cost = dataset_cost.of_dataset(made, hardware.device, scope)
    advice = cost.advice(work.epochs)
    said = f"A data set of {_SAMPLES} samples takes {cost.sentence()}. {advice}".rstrip()
    return said if cuda or advice else ""


def scope_of(settings: Settings, samples: int, folds: int, together: bool) -> dataset_cost.Scope:
    """Return what a configuration with `auto` resolved runs on a data set of this many samples."""
    draws = repetitions.repeats(settings.repeats, settings.model)
    return dataset_cost.Scope(
        samples=samples,
        views=repetitions.views(settings.views),
        fits=folds * draws["own"],
        variants=len(settings.comparisons),
        redraws=draws["all"] - draws["own"],
        refits=repetitions.permutations(settings.permutations, settings.model)["refits"],
        knockouts=settings.knockouts,
        attributed=settings.attributions,
        together=together,
        pretrained=settings.weights != published.NONE,
        whole_folds=presets.keeps_folds(presets.load(settings.model), settings.keep_fold_weights),
    )
