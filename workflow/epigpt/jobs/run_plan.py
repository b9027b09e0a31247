"""What a run is, decided once and before any job: settings, tables, hardware, model, weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epigpt.config import corpus_table, dataset_table, loading
from epigpt.config.corpus_table import CorpusRow
from epigpt.config.dataset_row import Row
from epigpt.config.job_settings import JobSettings
from epigpt.config.repetitions import permutations, repeats
from epigpt.config.settings import Settings
from epigpt.jobs.fit_files import FitPlan
from epigpt.models import choice, presets, published, weights_check
from epigpt.models.presets import HardwarePreset, ModelPreset
from epigpt.training import hardware, planning, strategy


@dataclass(frozen=True)
class RunPlan:
    """What all rules share.

    Attributes
    ----------
    settings
        The configuration, `model: auto` resolved.
    rows, series
        The tables of data sets and of the corpus, by id.
    corpus
        The corpus' name, empty without one.
    pairs
        Data sets trained on and tested on.
    hardware, local_gpus
        What trainings run on, and how many GPUs of this machine are shared without a scheduler.
    preset
        The model.
    weights
        Its pretrained weights; None for a random start.
    fetched
        Weights that are fetched, or lie in a folder of the user's: those, or what a pretraining on
        the run's own corpus begins with.
    permutations, repeats
        How many of each kind the settings mean for this model.
    announcement
        Model, hardware and cost in words.
    """

    settings: Settings
    rows: Mapping[str, Row]
    series: Mapping[str, CorpusRow]
    corpus: str
    pairs: Sequence[tuple[str, str]]
    hardware: HardwarePreset
    local_gpus: int
    preset: ModelPreset
    weights: published.Source | None
    fetched: published.Source | None
    permutations: Mapping[str, int]
    repeats: Mapping[str, int]
    announcement: str

    @property
    def learns_weights(self) -> bool:
        """Return whether the weights come out of the run's own corpus."""
        return self.weights is not None and self.weights.corpus != ""

    @property
    def together(self) -> bool:
        """Return whether all fits of a data set are one job, as on one device; on several each fit
        is."""
        return self.hardware.nodes * self.hardware.devices == 1

    @property
    def all_in_one(self) -> bool:
        """Return whether a model's variants and attributions are made by the same job, which has
        the device and the libraries at hand, as where a model is large; by the preset and not by
        the device, so that another device leaves results up to date."""
        return self.together and self.preset.name not in presets.ON_CPUS

    @property
    def small_on_cpus(self) -> bool:
        """Return whether models are so small, and trained on CPUs, that imports take a large share
        of a job's time."""
        return self.hardware.device == "cpu" and self.preset.name in presets.ON_CPUS

    @property
    def training_threads(self) -> int:
        """Cores of a training on each node."""
        alone = self.hardware.device == "cpu" and self.hardware.devices == 1
        return 1 if alone else 2 * self.hardware.devices

    @property
    def fit_plan(self) -> FitPlan:
        """What the configuration says of the fits of every data set."""
        return FitPlan(
            preset=self.preset.name,
            own_repeats=self.repeats["own"],
            permutations=self.permutations["refits"],
            one_job=self.together,
            adapt=bool(self.settings.adapt),
            accepted=(
                frozenset(self.settings.ignore_confounders)
                if self.settings.permutations == "auto"
                else None
            ),
        )

    @property
    def weights_folder(self) -> Path | None:
        """Where pretrained weights lie, which decides no result."""
        if self.weights is None:
            return None
        if self.learns_weights:
            return Path(f"results/corpus/{self.corpus}/{self.preset.name}")
        return self.fetched_folder

    @property
    def fetched_folder(self) -> Path | None:
        """Where weights lie that come from elsewhere."""
        if self.fetched is None:
            return None
        return self.fetched.folder or Path(f"results/weights/{self.fetched.slug}")

    @property
    def shared_programs(self) -> str:
        """What identifies the programmes of a corpus that tokens are made with; `none` without."""
        return published.identity_of_programs(self.weights, self.settings.encoding)

    def job_settings(self) -> JobSettings:
        """Return what jobs are told of the settings, and what is derived from them."""
        fetched = "none" if self.fetched is None else self.fetched.identity
        derived = {
            # What the preset's file describes; its weights are a key of their own.
            "preset": self.preset.architecture,
            "weights": "none" if self.weights is None else self.weights.identity,
            "repeats": self.repeats["all"],
            "repeats.own": self.repeats["own"],
            **{f"permutations.{kind}": number for kind, number in self.permutations.items()},
            # Programs are fitted on each data set; what series share is learnt over genes with
            # values.
            "shared_programs": self.shared_programs,
            "fetched": fetched,
            "pretraining.weights": fetched if self.learns_weights else "none",
            "corpus_encoding": self.settings.encoding.replace("program-tokens", "gene-values"),
        }
        return JobSettings(self.settings, self.rows, derived, self.series)


def decide(
    config: Mapping[str, Any], files: Sequence[Path], root: Path, named: str, own_torch: bool
) -> RunPlan:
    """Validate the configuration, read both tables, choose hardware and model.

    Parameters
    ----------
    config
        The merged configuration.
    files
        The config files behind it.
    root
        The project's root.
    named
        A hardware preset, or `auto`.
    own_torch
        Whether trainings run with this interpreter's PyTorch.

    Raises
    ------
    InputError
        Whatever of it cannot be run.
    """
    asked = loading.load(dict(config), files, root)
    rows = {row.dataset: row for row in dataset_table.read(Path(asked.datasets))}
    series = corpus_table.read(Path(asked.corpus)) if asked.corpus else []
    corpus = corpus_table.name(asked.corpus)
    there, devices, local_gpus = hardware.find(named, own_torch=own_torch)
    settings = choice.resolve(asked, devices)
    preset = presets.load(settings.model)
    pairs = loading.transfer_pairs(settings.transfer, list(rows))
    used, said = strategy.hardware_for(settings, preset, there)
    cost = planning.forecast(settings, preset, used)
    weights = fetched = published.source(settings.weights, preset, corpus)
    if weights is not None and weights.corpus:
        begun = settings.pretraining.weights
        fetched = published.source(begun, preset, key="pretraining.weights")
    if fetched is not None and fetched.folder is not None:
        weights_check.check_files(fetched.folder, preset)
    return RunPlan(
        settings=settings,
        rows=rows,
        series={row.series: row for row in series},
        corpus=corpus,
        pairs=pairs,
        hardware=used,
        local_gpus=local_gpus,
        preset=preset,
        weights=weights,
        fetched=fetched,
        permutations=permutations(settings.permutations, settings.model),
        repeats=repeats(settings.repeats, settings.model),
        announcement=f"{choice.sentence(asked, settings, devices)} {said} {cost}".rstrip(),
    )
