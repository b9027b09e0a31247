"""The files of a data set's fits, which follow from the folds that its groups allow."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from epigpt import model_names
from epigpt.training.dataset_cost import PERMUTATIONS_PER_JOB

# What `epigpt predict` reads of a model, and its card.
KEPT_OF_A_MODEL = (
    "model.safetensors",
    "config.json",
    "vocabulary.json",
    "reference.npz",
    "labels.json",
    "checksums.json",
    "README.md",
    "answer.json",
)
# Permutations after which the others run only if fewer than five of these do as well as the true
# labels.
FIRST_LOOK = 20


@dataclass(frozen=True)
class FitPlan:
    """What the configuration says of the fits of every data set.

    Attributes
    ----------
    preset
        The model's preset.
    own_repeats
        Draws of the folds whose fits keep a model folder; further draws keep predictions alone.
    permutations
        How often the whole pipeline is run again under permuted labels.
    one_job
        Whether one job trains all fits of a data set, and so declares their folders.
    adapt
        Whether pretraining is continued on the training samples of each fit.
    accepted
        Characteristics that may tell the classes apart; None where permutations were asked for by
        number, and are run whatever they can decide.
    """

    preset: str
    own_repeats: int
    permutations: int
    one_job: bool
    adapt: bool
    accepted: frozenset[str] | None = None


@dataclass(frozen=True)
class FitFiles:
    """Paths of one data set's fits, relative to the run's folder.

    Attributes
    ----------
    dataset
        Its id.
    plan
        What the configuration says.
    read_summary, read_foregone
        Return folds.json and foregone.json, which need not be there before a path depends on them.
    """

    dataset: str
    plan: FitPlan
    read_summary: Callable[[], dict[str, Any]]
    read_foregone: Callable[[], dict[str, Any]]

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What the checkpoint `folds` decided."""
        return self.read_summary()

    @property
    def folder(self) -> str:
        """Folder of the data set's results."""
        return f"results/{self.dataset}"

    @property
    def models(self) -> str:
        """Folder of its models."""
        return f"{self.folder}/models/{self.plan.preset}"

    @property
    def answer(self) -> str:
        """The answer that the final model takes along; beside the model's folder where another job
        declares that as its output, a copy then lies in it."""
        return (
            f"{self.models}/answer.json"
            if self.plan.one_job
            else f"{self.models}/final/answer.json"
        )

    def folds(self) -> list[str]:
        """Return the fits that are tested on held-out groups and keep a model folder; none where
        the data set is not assessable."""
        if not self.summary["assessable"]:
            return []
        repeats = range(min(self.summary["repeats"], self.plan.own_repeats))
        return [f"repeat{r}/fold{k}" for r in repeats for k in range(self.summary["folds"])]

    def fits(self) -> list[str]:
        """Return the folds and the final fit, on all samples; none where there are no folds."""
        folds = self.folds()
        return [*folds, "final"] if folds else []

    def of_folds(self, name: str) -> list[str]:
        """Return a file of every fold's model, or the folders that hold them where one job trains
        all."""
        if self.plan.one_job:
            return [f"{self.models}/repeat{repeat}" for repeat in range(self.plan.own_repeats)]
        return [f"{self.models}/{fold}/{name}" for fold in self.folds()]

    def fold_tokens(self) -> list[str]:
        """Return the tokens of every fold."""
        return [f"{self.folder}/tokens/{fold}" for fold in self.folds()]

    def tokens(self) -> list[str]:
        """Return the tokens of every fold and of the final model."""
        return [f"{self.folder}/tokens/{fit}" for fit in self.fits()]

    def adapted(self) -> list[str]:
        """Return the weights that are adapted to the training samples of every fit; none where the
        key adapt is 0."""
        fits = self.fits() if self.plan.adapt else []
        return [f"{self.folder}/adapted/{self.plan.preset}/{fit}" for fit in fits]

    def redraws(self, models: Iterable[str]) -> list[str]:
        """Return the predictions of further draws of the folds, each fitted by one process."""
        if not self.summary["assessable"]:
            return []
        further = range(self.plan.own_repeats, self.summary["repeats"])
        return [
            f"{self.folder}/redraws/{model}/{repeat}.tsv" for model in models for repeat in further
        ]

    def permuted(self) -> list[str]:
        """Return the tables of GPT-2's scores under permuted labels; none where the answer does not
        depend on them."""
        if not self.folds() or self._is_foregone:
            return []
        return self._permuted(self.plan.permutations)

    @property
    def _is_foregone(self) -> bool:
        """Return whether the answer is settled before any model is trained: a characteristic tells
        the classes apart, or the groups are too few to show anything."""
        if self.plan.accepted is None or not self.plan.permutations:
            return False
        known = self.read_foregone()
        return bool(set(known["confounders"]) - self.plan.accepted) or not known["enough_groups"]

    def _permuted(self, last: int) -> list[str]:
        end = self.plan.permutations
        parts = range(0, last, PERMUTATIONS_PER_JOB)
        return [
            f"{self.folder}/null/{first}-{min(first + PERMUTATIONS_PER_JOB, end)}.tsv"
            for first in parts
        ]

    def first_permuted(self, first: int) -> list[str]:
        """Return the tables that decide whether the permutations from `first` on are run; none for
        those that are run in any case."""
        last = min(FIRST_LOOK, self.plan.permutations)
        return self._permuted(last) if first >= FIRST_LOOK else []

    def true_scores(self, first: int) -> list[str]:
        """Return GPT-2's predictions under the true labels where they decide whether the
        permutations from `first` on are run."""
        if first < FIRST_LOOK:
            return []
        return [*self.of_folds("predictions.tsv"), *self.redraws([model_names.FINETUNED])]

    def reported(self) -> list[str]:
        """Return what the report shows of the models."""
        if not self.folds():
            return []
        final = f"{self.models}/final"
        if self.plan.one_job:
            return [*self.of_folds("plan.json"), final, self.answer]
        shown = [*self.of_folds("training.jsonl"), *self.of_folds("plan.json")]
        return [*shown, f"{final}/model.safetensors", f"{final}/plan.json", self.answer]

    def kept(self) -> list[str]:
        """Return what people keep: the final model and the tokens. They are asked for by name, or
        a deleted one would not be missed."""
        if not self.folds():
            return []
        final = f"{self.models}/final"
        # A folder is whole or set aside when a run begins.
        whole = [final, self.answer]
        model = whole if self.plan.one_job else [f"{final}/{name}" for name in KEPT_OF_A_MODEL]
        return [*model, *self.tokens()]
