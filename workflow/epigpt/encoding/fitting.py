"""What one fit learns before any model: vocabulary, reference, chosen genes and programs, from its
training observations alone.

Everything that decides what a sequence shows passes through `fit`, and whoever trains again (a
permutation, an ablation, a nested fold, a transfer) calls it again.
"""

from dataclasses import dataclass, replace

import numpy as np

from epigpt.encoding import gene_statistics, programs_of_fit
from epigpt.encoding.gene_statistics import GeneStatistics, Moments
from epigpt.encoding.shared_programs import SharedPrograms
from epigpt.encoding.training_sums import Countable, deviations, training_sums
from epigpt.encoding.vocabulary import Vocabulary

DEVIATION, LABEL, BOTH = "deviation", "label", "both"
PROGRAMS = "program-tokens"


@dataclass(frozen=True)
class Wanted:
    """What is to be fitted.

    Attributes
    ----------
    encoding, gene_selection, max_genes, vocabulary_genes, seed
        As in the settings.
    with_axes
        Whether principal axes of the vocabulary are wanted for a start of gene embeddings.
    classes
        In the order of the model's outputs; none: programs get no linear classifier.
    shared
        Programmes of a corpus beside the fit's own; None: none are known.
    """

    encoding: str
    gene_selection: str
    max_genes: int
    vocabulary_genes: int
    seed: int
    with_axes: bool
    classes: tuple[str, ...] = ()
    shared: SharedPrograms | None = None


def fit(
    observations: Countable, training: np.ndarray, wanted: Wanted
) -> tuple[Vocabulary, GeneStatistics]:
    """Fit vocabulary and reference on the observations at positions `training`, untouched (view
    0)."""
    if wanted.encoding == PROGRAMS:
        columns, reference = programs_of_fit.fit(
            observations,
            training,
            programs_of_fit.Size(wanted.max_genes, wanted.vocabulary_genes),
            programs_of_fit.Chosen(
                with_labels=wanted.gene_selection != DEVIATION,
                with_components=wanted.gene_selection != LABEL,
                classes=wanted.classes,
                seed=wanted.seed,
                shared=wanted.shared,
            ),
        )
    else:
        columns, reference = _of_genes(observations, training, wanted)
    genes, symbols = (
        tuple(names[columns].tolist()) for names in (observations.genes, observations.symbols)
    )
    return Vocabulary(genes, symbols, observations.organism), reference


def _of_genes(
    observations: Countable, training: np.ndarray, wanted: Wanted
) -> tuple[np.ndarray, GeneStatistics]:
    """Columns of the vocabulary, and the reference over them."""
    learned = training_sums(observations, training, wanted.gene_selection != DEVIATION)
    best = learned.best(_chosen_number(wanted))
    columns = _united(learned.sums, best, wanted)
    reference = gene_statistics.fit(learned.sums, columns, observations.target)
    if len(best):
        reference = replace(reference, chosen=np.isin(columns, best))
    if wanted.with_axes:
        shown = deviations(observations, training, columns, reference)
        reference = replace(reference, axes=gene_statistics.principal_axes(shown))
    return columns, reference


def _chosen_number(wanted: Wanted) -> int:
    """How many genes of a sequence the labels choose."""
    number = {DEVIATION: 0, LABEL: wanted.max_genes, BOTH: wanted.max_genes // 2}
    return min(number[wanted.gene_selection], wanted.vocabulary_genes)


def _united(sums: Moments, best: np.ndarray, wanted: Wanted) -> np.ndarray:
    """Chosen genes and, but where the labels alone decide, those that vary most; ascending."""
    if wanted.gene_selection == LABEL and len(best):
        return np.sort(best)
    return gene_statistics.vocabulary_columns(sums, wanted.vocabulary_genes, best)
