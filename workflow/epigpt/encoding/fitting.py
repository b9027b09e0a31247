"""What one fit learns before any model: vocabulary, reference, chosen genes and programs, from its
training observations alone.

Everything that decides what a sequence shows passes through `fit`, and whoever trains again (a
permutation, an ablation, a nested fold, a transfer) calls it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset import normalization
from epigpt.encoding import class_statistics, gene_statistics, program_fitting
from epigpt.encoding.class_statistics import ClassSums
from epigpt.encoding.gene_statistics import MAX_AXES_ROWS, GeneStatistics, Moments
from epigpt.encoding.programs import COMPONENT, GENE, PAIR, Programs, budget
from epigpt.encoding.vocabulary import Vocabulary

BLOCK = 512
DEVIATION, LABEL, BOTH = "deviation", "label", "both"
PROGRAMS = "program-tokens"


class Countable(Protocol):
    """Counts of observations with their labels and groups, as
    `epigpt.dataset.count_blocks.CountBlocks` holds them."""

    @property
    def index(self) -> pd.DataFrame:
        """One row per observation."""
        ...

    @property
    def genes(self) -> np.ndarray:
        """Canonical ids, sorted."""
        ...

    @property
    def symbols(self) -> np.ndarray:
        """Symbol of each gene."""
        ...

    @property
    def target(self) -> float:
        """Total before the logarithm."""
        ...

    @property
    def organism(self) -> str:
        """Species, or "unknown"."""
        ...

    @property
    def excluded(self) -> np.ndarray:
        """Genes that no model may see, bool."""
        ...

    def blocks(
        self, wanted: np.ndarray, size: int = BLOCK
    ) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
        """Give positions and counts."""
        ...


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
    """

    encoding: str
    gene_selection: str
    max_genes: int
    vocabulary_genes: int
    seed: int
    with_axes: bool
    classes: tuple[str, ...] = ()


def fit(
    observations: Countable, training: np.ndarray, wanted: Wanted
) -> tuple[Vocabulary, GeneStatistics]:
    """Fit vocabulary and reference on the observations at positions `training`, untouched (view
    0)."""
    columns, reference = _fitted(observations, training, wanted)
    if wanted.classes and reference.programs is not None:
        reference = replace(
            reference, programs=_started(observations, training, wanted, (columns, reference))
        )
    genes, symbols = (
        tuple(names[columns].tolist()) for names in (observations.genes, observations.symbols)
    )
    return Vocabulary(genes, symbols, observations.organism), reference


def _started(
    observations: Countable,
    training: np.ndarray,
    wanted: Wanted,
    fitted: tuple[np.ndarray, GeneStatistics],
) -> Programs:
    """Return the programs with their linear classifier."""
    from epigpt.encoding import linear_start  # scikit-learn takes a second to import

    known = np.isin(_text(observations, "label")[training], wanted.classes)
    positions = training[known][:: _step(int(known.sum()))]

    def rescored(train: np.ndarray, test: np.ndarray) -> tuple[linear_start.Scored, np.ndarray]:
        again = _fitted(observations, positions[train], wanted)
        scores, tested = (_scores(observations, positions[rows], *again) for rows in (train, test))
        return linear_start.Scored(scores, _programs(again[1]).kinds), tested

    return linear_start.fit(
        _programs(fitted[1]),
        _scores(observations, positions, *fitted),
        label=_text(observations, "label")[positions],
        group=_text(observations, "group")[positions],
        classes=list(wanted.classes),
        rescored=rescored,
        chosen=wanted.gene_selection != DEVIATION,
        seed=wanted.seed,
    )


@dataclass(frozen=True)
class _Learned:
    """What one pass over the training observations gives.

    Attributes
    ----------
    telling
        How well each gene tells the classes apart, shape (genes,); 0 where the labels play no part.
    """

    sums: Moments
    classes: ClassSums
    telling: np.ndarray

    def best(self, number: int) -> np.ndarray:
        """List the `number` genes that tell the classes apart best."""
        return class_statistics.best(self.telling, number)

    def pairs(self, number: int) -> np.ndarray:
        """List the `number` pairs of such genes that do, columns of shape (pairs, 2)."""
        candidates = self.best(program_fitting.PAIRED_GENES)
        if not len(candidates):
            return np.zeros((0, 2), dtype=np.int64)
        means, labels, _ = self.classes.means()
        return candidates[program_fitting.top_pairs(means[:, candidates], labels, number)]

    def within(self, columns: np.ndarray) -> np.ndarray:
        """Return the deviation of `columns` within the classes; 0 where the labels play no part."""
        if not self.telling.any():
            return np.zeros(len(columns))
        return class_statistics.deviation_within_classes(self.sums, self.classes, columns)


def _learned(observations: Countable, training: np.ndarray, with_labels: bool) -> _Learned:
    classes = ClassSums(_text(observations, "label"), _text(observations, "group"))

    def counted() -> Iterator[scipy.sparse.csr_matrix]:
        for positions, block in expression(observations, training):
            if with_labels:
                classes.add(positions, block)
            yield block

    sums = gene_statistics.moments(counted())
    telling = (
        class_statistics.statistic(sums, classes) if with_labels else np.zeros(len(sums.detected))
    )
    # Never detected, telling nothing: such a gene is chosen by no rule. Totals still count it.
    kept = ~observations.excluded
    return _Learned(replace(sums, detected=sums.detected * kept), classes, telling * kept)


def _fitted(
    observations: Countable, training: np.ndarray, wanted: Wanted
) -> tuple[np.ndarray, GeneStatistics]:
    """Columns of the vocabulary, and the reference over them."""
    learned = _learned(observations, training, wanted.gene_selection != DEVIATION)
    if wanted.encoding == PROGRAMS:
        return _with_programs(observations, training, wanted, learned)
    best = learned.best(_chosen_number(wanted))
    columns = _united(learned.sums, best, wanted)
    reference = gene_statistics.fit(learned.sums, columns, observations.target)
    if len(best):
        reference = replace(reference, chosen=np.isin(columns, best))
    if wanted.with_axes:
        deviations = _deviations(observations, training, columns, reference)
        reference = replace(reference, axes=gene_statistics.principal_axes(deviations))
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


def _with_programs(
    observations: Countable, training: np.ndarray, wanted: Wanted, learned: _Learned
) -> tuple[np.ndarray, GeneStatistics]:
    """Columns of the genes that programs are made of, and the reference with the programs."""
    sums = learned.sums
    components, genes, pairs = budget(wanted.max_genes)
    varying = gene_statistics.vocabulary_columns(sums, wanted.vocabulary_genes)
    best, paired = learned.best(genes), learned.pairs(pairs)
    if not len(best):  # no labels, or none that tell anything
        best = gene_statistics.vocabulary_columns(sums, genes)
    columns = np.unique(np.concatenate([varying, best, paired.ravel()]))
    reference = gene_statistics.fit(sums, columns, observations.target)
    deviations = _deviations(observations, training, columns, reference)
    axes = np.zeros((0, len(columns)), dtype=np.float32)
    if wanted.gene_selection != LABEL or not learned.telling.any():
        at = np.searchsorted(columns, varying)
        found = program_fitting.components(deviations[:, at], components)
        axes = np.zeros((len(found), len(columns)), dtype=np.float32)
        axes[:, at] = found
    single = program_fitting.single_genes(
        np.searchsorted(columns, best), learned.within(best), reference
    )
    differences, levels = program_fitting.pair_loadings(
        np.searchsorted(columns, paired), deviations, reference
    )
    kinds = np.repeat([COMPONENT, GENE, PAIR], [len(axes), len(single), len(differences)])
    built = Programs(
        loadings=np.concatenate([axes, single, differences]),
        offsets=np.concatenate([np.zeros(len(axes) + len(single), dtype=np.float32), levels]),
        kinds=kinds.astype(np.int8),
        weights=np.zeros((len(kinds), 0), dtype=np.float32),
        bias=np.zeros(0, dtype=np.float32),
    )
    return columns, replace(reference, programs=built)


def _programs(reference: GeneStatistics) -> Programs:
    if reference.programs is None:
        raise ValueError("a reference without programs")
    return reference.programs


def _step(rows: int) -> int:
    return max(1, -(-rows // MAX_AXES_ROWS))


def _deviations(
    observations: Countable, rows: np.ndarray, columns: np.ndarray, reference: GeneStatistics
) -> np.ndarray:
    """Deviations of the genes `columns`, of at most `MAX_AXES_ROWS` observations spread evenly."""
    blocks = [
        reference.deviations(block[:, columns])
        for _, block in expression(observations, rows[:: _step(len(rows))])
    ]
    return np.concatenate(blocks)


def _scores(
    observations: Countable, rows: np.ndarray, columns: np.ndarray, reference: GeneStatistics
) -> np.ndarray:
    programs = _programs(reference)
    blocks = [
        programs.scores(reference.deviations(block[:, columns]))
        for _, block in expression(observations, rows)
    ]
    return np.concatenate(blocks)


def expression(
    observations: Countable, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
    """Give positions and log-normalised expression of the observations `rows`, block by block."""
    for positions, counts in observations.blocks(rows, BLOCK):
        yield positions, normalization.lognorm(counts, observations.target)


def _text(observations: Countable, name: str) -> np.ndarray:
    """Return a column of the index; where there is none, each observation is its own group, all of
    one label."""
    if name in observations.index:
        return observations.index[name].to_numpy(dtype=str)
    rows = len(observations.index)
    return np.full(rows, "") if name == "label" else np.arange(rows).astype(str)
