"""What a gene's expression is compared with: mean and spread over the training samples of one fit,
and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.sparse

from epigpt import files
from epigpt.encoding import programs as program_file
from epigpt.encoding.programs import Programs

MIN_DETECTED = 2
TREND_WINDOW = 301
MAX_COMPONENTS = 64
# Principal axes of more observations cost memory and add nothing to a start of at most
# MAX_COMPONENTS axes.
MAX_AXES_ROWS = 2048
CLIP = 10.0


@dataclass(frozen=True)
class GeneStatistics:
    """Statistics of log-normalised expression over training observations, for the genes of a
    vocabulary.

    Attributes
    ----------
    centre
        Mean, float32, shape (genes,).
    scale
        Standard deviation that is usual at the gene's mean, plus a floor (see `fit`), float32,
        shape (genes,).
    detected
        Number of training observations with a count, int64, shape (genes,).
    target
        Total before the logarithm, so that new samples are normalised alike.
    axes
        Principal axes of the training deviations, float32, shape (axes, genes); rows of unit
        length, strongest first.
    chosen
        Genes that tell the training classes apart, which every sequence of genes shows; bool, shape
        (genes,); None: none were chosen.
    programs
        What the encoding program-tokens shows; None: of another encoding.
    """

    centre: np.ndarray
    scale: np.ndarray
    detected: np.ndarray
    target: float
    axes: np.ndarray
    chosen: np.ndarray | None = None
    programs: Programs | None = None

    def deviations(self, expression: scipy.sparse.csr_matrix) -> np.ndarray:
        """Deviation from the reference in units of its scale, clipped to ± `CLIP`; float32, shape
        (rows, genes)."""
        return self.of_dense(np.asarray(expression.todense(), dtype=np.float32))

    def of_dense(self, expression: np.ndarray) -> np.ndarray:
        """Return the same of an array, which is left as it is."""
        dense = np.asarray(expression - self.centre, dtype=np.float32)
        dense /= self.scale
        return np.clip(dense, -CLIP, CLIP, out=dense)

    def of_stored(self, data: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Deviations of stored entries alone, not clipped; float32, shape of `data` (float32) and
        `columns`."""
        deviation = data - np.take(self.centre, columns)
        deviation /= np.take(self.scale, columns)
        return deviation

    def of_absent(self) -> np.ndarray:
        """Deviation of each gene where it is absent, not clipped; float32, shape (genes,)."""
        deviation: np.ndarray = (np.float32(0) - self.centre) / self.scale
        return deviation

    def save(self, path: Path) -> None:
        """Write reference.npz."""
        with files.path(path) as temporary:
            arrays: dict[str, Any] = {
                "centre": self.centre,
                "scale": self.scale,
                "detected": self.detected,
                "target": np.float64(self.target),
                "axes": self.axes,
                **({} if self.chosen is None else {"chosen": self.chosen}),
                **({} if self.programs is None else self.programs.as_arrays()),
            }
            np.savez(temporary, **arrays)


def load_gene_statistics(path: Path) -> GeneStatistics:
    """Read reference.npz as written by `GeneStatistics.save`."""
    with np.load(path, allow_pickle=False) as stored:
        return GeneStatistics(
            **{name: stored[name] for name in ("centre", "scale", "detected", "axes")},
            target=float(stored["target"]),
            chosen=stored.get("chosen"),
            programs=program_file.from_arrays(dict(stored)),
        )


@dataclass(frozen=True)
class Moments:
    """Sums over training observations, from which centre and scale follow. All of shape
    (genes,)."""

    rows: int
    total: np.ndarray
    squares: np.ndarray
    detected: np.ndarray

    @cached_property
    def spread(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Genes detected in at least two observations (one where there is only one), ascending, the
        standard deviation of each, and what is usual at its mean: the median over the
        `TREND_WINDOW` genes nearest in mean."""
        detected = np.flatnonzero(self.detected >= min(MIN_DETECTED, self.rows))
        mean, deviation = _mean_and_deviation(self, detected)
        by_mean = np.argsort(mean, kind="stable")
        usual = np.empty_like(deviation)
        usual[by_mean] = (
            pd.Series(deviation[by_mean])
            .rolling(TREND_WINDOW, center=True, min_periods=1)
            .median()
            .to_numpy()
        )
        return detected, deviation, usual


def moments(blocks: Iterable[scipy.sparse.csr_matrix]) -> Moments:
    """Sum log-normalised expression, its square and its detections over blocks of training
    observations, in float64."""
    rows, total, squares, detected = 0, None, None, None
    for block in blocks:
        wide = block.astype(
            np.float64
        )  # squares in single precision would lose the spread of steady genes
        sums = np.asarray(wide.sum(axis=0)).ravel()
        powers = np.asarray(wide.multiply(wide).sum(axis=0)).ravel()
        counts = np.bincount(block.indices, minlength=block.shape[1]).astype(np.int64)
        rows += block.shape[0]
        total, squares, detected = (
            (sums, powers, counts)
            if total is None
            else (total + sums, squares + powers, detected + counts)  # type: ignore[operator]
        )
    if total is None or squares is None or detected is None:
        raise ValueError("no training observations")
    return Moments(rows, total, squares, detected)


def vocabulary_columns(sums: Moments, wanted: int, chosen: np.ndarray | None = None) -> np.ndarray:
    """Choose the genes that a fit knows: those already `chosen`, and the rest without a look at any
    label.

    Of the genes detected (`Moments.spread`), the `wanted` whose standard deviation exceeds most
    what is usual at their mean. Steady genes carry no signal, and their chance deviations would
    crowd the others out of a sequence.

    Returns
    -------
    Columns, ascending, int64.
    """
    detected, deviation, usual = sums.spread
    if len(detected) <= wanted:
        return detected
    excess = np.divide(deviation, usual, out=np.zeros_like(deviation), where=usual > 0)
    if chosen is not None:
        excess[np.isin(detected, chosen)] = np.inf
    return np.sort(detected[np.argsort(-excess, kind="stable")[:wanted]])


def _mean_and_deviation(sums: Moments, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = sums.total[columns] / sums.rows
    variance = np.maximum(sums.squares[columns] / sums.rows - mean**2, 0.0)
    return mean, np.sqrt(variance * sums.rows / max(sums.rows - 1, 1))


def fit(sums: Moments, columns: np.ndarray, target: float) -> GeneStatistics:
    """Derive centre and scale of the genes `columns`; the axes stay empty.

    A gene is measured by the standard deviation that is usual at its mean, not by its own: a gene
    with two states, such as XIST over both sexes, lies within one of its own standard deviations in
    every sample, and would never be among those that deviate most. The floor added is the median
    over these genes, in the manner of the moderated statistic of Tusher, Tibshirani and Chu (PNAS
    2001): without it, genes with a handful of counts have the largest deviations.
    """
    detected, _, found = sums.spread
    usual = np.zeros(len(sums.detected))
    usual[detected] = found
    mean, _ = _mean_and_deviation(sums, columns)
    floor = max(float(np.median(usual[columns])) if len(columns) else 1.0, 1e-3)
    return GeneStatistics(
        centre=mean.astype(np.float32),
        scale=(usual[columns] + floor).astype(np.float32),
        detected=sums.detected[columns],
        target=target,
        axes=np.zeros((0, len(columns)), dtype=np.float32),
    )


def principal_axes(deviations: np.ndarray) -> np.ndarray:
    """Principal axes of the training deviations, strongest first.

    Parameters
    ----------
    deviations
        float32, shape (observations, genes), at most `MAX_AXES_ROWS` observations.

    Returns
    -------
    float32, shape (axes, genes): unit length, at most `MAX_COMPONENTS`; the largest entry of each
    is positive, so that the sign does not depend on the solver.
    """
    return strongest_axes(deviations, MAX_COMPONENTS).astype(np.float32)


def strongest_axes(deviations: np.ndarray, number: int) -> np.ndarray:
    """Find the axes that carry most of the deviations' squares.

    Parameters
    ----------
    deviations
        float32, shape (observations, genes).

    Returns
    -------
    float64, shape (at most `number`, genes): unit length, strongest first, axes without length
    left out; the largest entry of each is positive.
    """
    rows, genes = deviations.shape
    size = min(rows, genes, number)
    if not size:
        return np.zeros((0, genes))
    # Of both products the smaller one, and of its axes those that are wanted: all of a thousand
    # cells' would take ten times as long.
    across = rows <= genes
    product = deviations @ deviations.T if across else deviations.T @ deviations
    values, vectors = scipy.linalg.eigh(
        product.astype(np.float64), subset_by_index=[len(product) - size, len(product) - 1]
    )
    kept = np.flatnonzero(values > max(values.max(), 1e-12) * 1e-6)[::-1]
    axes = vectors[:, kept].T
    if across:
        axes = (axes / np.sqrt(values[kept])[:, None]) @ deviations.astype(np.float64)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    found: np.ndarray = axes * signs[:, None]
    return found
