"""Expression of the kept observations in one canonical order, and the folds they are tested in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from epigpt.dataset import donors_apart, storage

MAX_OBSERVATIONS = 10_000


@dataclass(frozen=True)
class ExpressionData:
    """Log-normalised expression with what the baselines need to know of each observation.

    Attributes
    ----------
    lognorm
        ExpressionData × genes, log1p of counts per million (bulk) or per 10,000 (single cells);
        dense or CSR. Rows are sorted by sample and observation, columns by gene id, so that nothing
        downstream can depend on the order in a file.
    sample, label, group
        Text, one entry per observation.
    genes
        Canonical id of each column; empty where nobody asks for it.
    """

    lognorm: Any
    sample: np.ndarray
    label: np.ndarray
    group: np.ndarray
    genes: np.ndarray = field(default_factory=lambda: np.array([], dtype=str))


@dataclass(frozen=True)
class Fold:
    """One fold of one repeat as row numbers of `ExpressionData`."""

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray


def read(expression: Path, max_observations: int = MAX_OBSERVATIONS) -> ExpressionData:
    """Read `expression.h5ad` without the genes that no model may see; of many cells keep the same
    number per sample at most, spread evenly over their sorted ids.

    The cap counts samples and never looks at an expression value, so it cannot leak.
    """
    obs, var, lognorm = storage.parts(expression, "obs", "var", "layers/lognorm")
    described = obs[["sample", "label", "group"]].astype(str)
    names = var.index.to_numpy(dtype=str)
    order = np.lexsort(
        (described.index.to_numpy(dtype=str), described["sample"].to_numpy(dtype=str))
    )
    order = order[_capped(described["sample"].to_numpy(dtype=str)[order], max_observations)]
    genes = np.argsort(names, kind="stable")
    if "excluded" in var:
        genes = genes[~var["excluded"].to_numpy(dtype=bool)[genes]]
    described = described.iloc[order]
    return ExpressionData(
        lognorm=lognorm[order][:, genes],
        sample=described["sample"].to_numpy(dtype=str),
        label=described["label"].to_numpy(dtype=str),
        group=described["group"].to_numpy(dtype=str),
        genes=names[genes],
    )


def _capped(sample: np.ndarray, max_observations: int) -> np.ndarray:
    if len(sample) <= max_observations:
        return np.arange(len(sample))
    starts = np.flatnonzero(np.r_[True, sample[1:] != sample[:-1]])
    each = max(1, max_observations // len(starts))
    kept = [
        np.linspace(start, end - 1, min(each, end - start)).round().astype(int)
        for start, end in zip(starts, np.r_[starts[1:], len(sample)], strict=True)
    ]
    return np.concatenate(kept)


def each_fold(observations: ExpressionData, folds: pd.DataFrame) -> Iterator[Fold]:
    """Yield the training and test rows of every fold, in order of repeat and fold.

    Raises
    ------
    InputError
        A group that stands on both sides of a fold: a result from such folds would be worthless.
    """
    for (repeat, fold), tested in folds.groupby(["repeat", "fold"], sort=True):
        drawn = folds.loc[folds["repeat"] == repeat, "sample"]
        test = np.flatnonzero(np.isin(observations.sample, tested["sample"].to_numpy(dtype=str)))
        everyone = np.flatnonzero(np.isin(observations.sample, drawn.to_numpy(dtype=str)))
        train = np.setdiff1d(everyone, test)
        sides = np.repeat(["train", "test"], [len(train), len(test)])
        groups = observations.group[np.concatenate([train, test])]
        donors_apart.check(groups, sides, f"folds.tsv, repeat {repeat}, fold {fold}")
        yield Fold(int(repeat), int(fold), train, test)
