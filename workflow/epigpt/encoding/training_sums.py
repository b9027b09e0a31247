"""What one pass over the training observations of a fit gives, and the observations block by
block."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.encoding import class_statistics, gene_pairs, gene_statistics, program_fitting
from epigpt.encoding.class_statistics import ClassSums
from epigpt.encoding.gene_statistics import MAX_AXES_ROWS, GeneStatistics, Moments

BLOCK = 512
# Observations for each sample from which on they are its cells, and their means say how samples
# differ.
CELLS_OF_A_SAMPLE = 10


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

    def expression(
        self, wanted: np.ndarray, size: int = BLOCK
    ) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
        """Yield positions and log-normalised expression."""
        ...


@dataclass(frozen=True)
class TrainingSums:
    """Sums over the training observations of a fit.

    Attributes
    ----------
    telling
        How well each gene tells the classes apart, shape (genes,); 0 where the labels play no part.
    samples
        Mean expression of each sample, shape (samples, genes), where the observations are its
        cells; None where they are samples themselves.
    """

    sums: Moments
    classes: ClassSums
    telling: np.ndarray
    samples: np.ndarray | None = None

    @property
    def between_samples(self) -> Moments:
        """The sums over samples: of cells, whose own spread tells their kinds apart and hides what
        differs between donors, over the means of each sample's."""
        if self.samples is None:
            return self.sums
        detected = (self.samples > 0).sum(axis=0) * (self.sums.detected > 0)
        squares = (self.samples**2).sum(axis=0)
        return Moments(len(self.samples), self.samples.sum(axis=0), squares, detected)

    def best(self, number: int) -> np.ndarray:
        """List the `number` genes that tell the classes apart best."""
        return class_statistics.best(self.telling, number)

    def pairs(self, number: int) -> np.ndarray:
        """List the `number` pairs of such genes that do, columns of shape (pairs, 2)."""
        candidates = self.best(program_fitting.PAIRED_GENES)
        if not len(candidates):
            return np.zeros((0, 2), dtype=np.int64)
        means, labels, _ = self.classes.means()
        return candidates[gene_pairs.top_pairs(means[:, candidates], labels, number)]

    def within(self, columns: np.ndarray) -> np.ndarray:
        """Return the deviation of `columns` within the classes; 0 where the labels play no part."""
        if not self.telling.any():
            return np.zeros(len(columns))
        return class_statistics.deviation_within_classes(self.sums, self.classes, columns)


def training_sums(observations: Countable, training: np.ndarray, with_labels: bool) -> TrainingSums:
    """Sum over the observations at positions `training`; labels play no part without
    `with_labels`."""
    classes = ClassSums(text(observations, "label"), text(observations, "group"))
    samples = text(observations, "sample")
    of_cells = len(training) >= CELLS_OF_A_SAMPLE * len(set(samples[training].tolist()))
    by_sample = ClassSums(samples, samples) if of_cells else None

    def counted() -> Iterator[scipy.sparse.csr_matrix]:
        for positions, block in expression(observations, training):
            if with_labels:
                classes.add(positions, block)
            if by_sample is not None:
                by_sample.add(positions, block)
            yield block

    sums = gene_statistics.moments(counted())
    telling = (
        class_statistics.statistic(sums, classes) if with_labels else np.zeros(len(sums.detected))
    )
    # Never detected, telling nothing: such a gene is chosen by no rule. Totals still count it.
    kept = ~observations.excluded
    return TrainingSums(
        replace(sums, detected=sums.detected * kept),
        classes,
        telling * kept,
        None if by_sample is None else by_sample.means()[0],
    )


def every(rows: int) -> int:
    """Return every how many of `rows` are taken where `MAX_AXES_ROWS` are enough."""
    return max(1, -(-rows // MAX_AXES_ROWS))


def deviations(
    observations: Countable, rows: np.ndarray, columns: np.ndarray, reference: GeneStatistics
) -> np.ndarray:
    """Return deviations of the genes `columns`, of at most `MAX_AXES_ROWS` observations spread
    evenly."""
    blocks = [
        reference.deviations(block[:, columns])
        for _, block in expression(observations, rows[:: every(len(rows))])
    ]
    return np.concatenate(blocks)


def expression(
    observations: Countable, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
    """Yield positions and log-normalised expression of the observations `rows`, block by block."""
    yield from observations.expression(rows, BLOCK)


def text(observations: Countable, name: str) -> np.ndarray:
    """Return a column of the index; where there is none, each observation is its own group,
    all of one label."""
    if name in observations.index:
        return observations.index[name].to_numpy(dtype=str)
    rows = len(observations.index)
    return np.full(rows, "") if name == "label" else np.arange(rows).astype(str)
