"""Expression of the kept observations in one canonical order, and the folds they are tested in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from epigpt.dataset import donors_apart, normalization, storage

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class ExpressionData:
    """Log-normalised expression with what the baselines need to know of each observation.

    Attributes
    ----------
    lognorm
        ExpressionData × genes, log1p of counts per million (of single cells, of their sum over
        the sample); dense or CSR. Rows are sorted by sample and observation, columns by gene id,
        so that nothing downstream can depend on the order in a file.
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


def read(expression: Path) -> ExpressionData:
    """Read `expression.h5ad` without the genes that no model may see; of single cells the sums of
    each sample's counts (pseudo-bulk), which is how a donor is judged."""
    if storage.text(expression, "assay") == "single_cell":
        return of_sums(storage.by_sample(expression))
    return _ordered(*storage.parts(expression, "obs", "var", "layers/lognorm"))


def of_sums(summed: "AnnData") -> ExpressionData:
    """Normalise sums of cells (`epigpt.dataset.storage.by_sample`) as bulk samples are."""
    lognorm = normalization.lognorm(summed.layers["counts"], normalization.SCALE["bulk"])
    return _ordered(summed.obs, summed.var, lognorm)


def _ordered(obs: pd.DataFrame, var: pd.DataFrame, lognorm: Any) -> ExpressionData:
    described = obs[["sample", "label", "group"]].astype(str)
    names = var.index.to_numpy(dtype=str)
    order = np.lexsort(
        (described.index.to_numpy(dtype=str), described["sample"].to_numpy(dtype=str))
    )
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
