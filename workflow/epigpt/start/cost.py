"""What a whole run costs, from the planner that `epigpt plan` and every training use: jobs, hours,
memory and disk."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from epigpt import model_names
from epigpt.config import repetitions
from epigpt.config.settings import Settings
from epigpt.errors import InputError
from epigpt.models import choice, presets, published
from epigpt.models.choice import Devices
from epigpt.training import cells_cost, dataset_cost, planning
from epigpt.training.memory_model import GB

# Stages of a data set beside its models, baselines and encodings: download, counts, expression,
# differential expression, folds, learning curve, kinds of cells, evaluation, markers, card,
# provenance, report, crate, index.
_OTHER_STAGES = 14
# What the largest of those ask a scheduler for.
_STAGE_BYTES = 4_000_000_000
# Unpacked counts, normalised counts, tokens and pages against what is downloaded.
_GROWTH = 8
_SMALLEST_RESULTS = 50_000_000
# Seconds of a stage beside its start, for every thousand observations.
_STAGE_SECONDS = 1.0
# Which rule does what the models' cost is made of; the rule models does the rest.
_RULES = {"variants": "comparison", "further draws": "redraw", "permutations": "null"}


@dataclass(frozen=True)
class RunCost:
    """What a run takes.

    Attributes
    ----------
    settings
        With `auto` resolved.
    why
        Which model is trained and why, in a sentence.
    jobs
        At most: fewer where the folds turn out to be.
    seconds
        By rule of the workflow; jobs of one rule added up.
    advice
        What would make it shorter, where it takes more than a day; else empty.
    memory, disk
        Bytes: of the largest job on its device, and of everything that is written.
    """

    settings: Settings
    why: str
    jobs: int
    seconds: dict[str, float]
    memory: int
    disk: int
    advice: str = ""

    @property
    def hours(self) -> float:
        """Hours, one job after the other."""
        return sum(self.seconds.values()) / 3600


def of_run(
    asked: Settings,
    hardware: str,
    devices: Devices,
    observations: int,
    downloads: int | None,
    *,
    samples_of_cells: int = 0,
) -> RunCost:
    """Plan a run.

    Parameters
    ----------
    asked
        The run's settings.
    hardware
        Hardware preset that its trainings get.
    devices
        What `model: auto` is chosen by.
    observations
        Samples or cells.
    downloads
        Bytes to fetch; None: unknown.
    samples_of_cells
        Where observations are cells: how many samples they are of.

    Raises
    ------
    InputError
        A model that does not fit the hardware; the message says what would.
    """
    settings = choice.resolve(asked, devices)
    assay, taken = "bulk", observations
    if samples_of_cells:
        assay = "single_cell"
        taken = cells_cost.of(observations, samples_of_cells, settings.cells_per_donor).drawn
    views = repetitions.views(settings.views, assay)
    planned = planning.planned(
        settings.model,
        hardware,
        samples=taken,
        views=views,
        length=None,
        vocabulary=None,
        classes=2,
        epochs=settings.epochs,
        global_batch_size=min(settings.global_batch_size, taken * views),
        precision=settings.precision,
        tuning=settings.tuning,
        encoding=settings.encoding,
        weights=settings.weights,
        assay=assay,
    )
    together = planned.plan.world_size == 1
    draws = repetitions.repeats(settings.repeats, settings.model)
    scope = replace(planning.scope_of(settings, taken, settings.folds, together), views=views)
    models = dataset_cost.of_dataset(planned.plan, planned.hardware.device, scope)
    encodings = settings.folds * draws["own"] + 1
    others = _OTHER_STAGES + encodings + _jobs_of_baselines(settings)
    of_models = sum(models.jobs.values()) + _jobs_beside(settings, together=together)
    stage = dataset_cost.START_SECONDS + _STAGE_SECONDS * observations / 1000
    seconds = {"models": 0.0, "other stages": others * stage}
    for purpose, amount in models.seconds.items():
        rule = _RULES.get(purpose, "models")
        seconds[rule] = seconds.get(rule, 0.0) + amount
    preset = presets.load(settings.model)
    weights = 4 * planned.plan.parameters
    kept = encodings if presets.keeps_folds(preset, settings.keep_fold_weights) else 1
    fetched = preset.weight_bytes if settings.weights == published.PRESET else 0
    return RunCost(
        settings,
        choice.sentence(asked, settings, devices),
        others + of_models,
        seconds,
        max(_STAGE_BYTES, planned.plan.bytes["total"]),
        planned.plan.disk_bytes
        + kept * weights
        + fetched
        + max(_SMALLEST_RESULTS, _GROWTH * (downloads or 0)),
        models.advice(planned.work.epochs),
    )


def _jobs_of_baselines(settings: Settings) -> int:
    labels = repetitions.permutations(settings.permutations, settings.model)
    number = len({model_names.REFERENCE, *settings.baselines})
    return number * (2 if labels["baselines"] else 1)


def _jobs_beside(settings: Settings, *, together: bool) -> int:
    """Count the jobs of models beside their trainings: pretrained weights, and for a small model
    its variants and attributions."""
    jobs = int(settings.weights != published.NONE)
    if together and settings.model in presets.ON_CPUS:
        jobs += len(settings.comparisons) + settings.attributions
    return jobs


def refuse_lack_of_disk(cost: RunCost, directory: Path, dataset: str) -> None:
    """Refuse a run whose results do not fit on the disk, before anything is fetched; what an
    earlier run of it has written is there already."""
    there = next(place for place in (directory, *directory.parents) if place.is_dir())
    free = shutil.disk_usage(there).free
    results = directory / "results" / dataset
    written = sum(path.lstat().st_size for path in results.rglob("*") if path.is_file())
    needed = cost.disk - written
    if needed > free:
        raise InputError(
            f"{needed / GB:.2f} GB needed, {free / GB:.2f} GB free",
            str(there),
            "the run's results and checkpoints do not fit on this disk",
            "free some space, take a smaller model with --model, or another disk with --directory",
        )
