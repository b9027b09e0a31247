"""Expression of genes and sets per sample, and differences between classes with the donor as the
unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from scipy.special import stdtr

FEWEST_DONORS = 3


@dataclass(frozen=True)
class Difference:
    """Case minus control, tested over donors.

    Attributes
    ----------
    estimate
        In the units of the values; NaN where a class has no donor.
    p
        Two-sided; NaN with fewer than `FEWEST_DONORS` donors in a class, or where the values do not
        vary.
    cases, controls
        Donors of each class.
    paired
        Every donor holds both classes, so that each is its own control.
    """

    estimate: float
    p: float
    cases: int
    controls: int
    paired: bool


def pooled(
    values: Any, sample: Sequence[str], genes: Sequence[str], members: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Give the log-normalised expression of each member per sample; several genes of one member are
    summed before the logarithm.

    Parameters
    ----------
    values
        Observations × genes, log1p of normalised counts, dense or sparse.
    sample
        Sample of each observation; the cells of a sample are averaged before the logarithm.
    genes
        Gene ids of the columns.
    members
        Name → gene ids that are summed (co-orthologs); those the data set lacks are passed over.

    Returns
    -------
    pandas.DataFrame
        Samples (sorted) × the members of which a gene is there, natural logarithm.
    """
    column = {gene: number for number, gene in enumerate(genes)}
    present = {
        name: [column[gene] for gene in dict.fromkeys(ids) if gene in column]
        for name, ids in members.items()
    }
    present = {name: columns for name, columns in present.items() if columns}
    needed = sorted({number for columns in present.values() for number in columns})
    chosen = values[:, needed]
    linear = np.expm1(
        np.asarray(chosen.toarray() if scipy.sparse.issparse(chosen) else chosen, dtype=np.float64)
    )
    place = {number: position for position, number in enumerate(needed)}
    summed = {
        name: linear[:, [place[number] for number in columns]].sum(axis=1)
        for name, columns in present.items()
    }
    frame = pd.DataFrame(summed, index=pd.Index([str(name) for name in sample], name="sample"))
    return np.log1p(frame.groupby(level=0, sort=True).mean())


def detected(expression: pd.DataFrame, samples: pd.DataFrame) -> list[str]:
    """List the columns that are expressed: counted in at least half of the donors of some class.

    Parameters
    ----------
    expression
        Samples × genes, as `pooled` gives it.
    samples
        Index: samples; columns group and label.
    """
    donors = _donor_means(expression, samples)
    share = (donors > 0).groupby(level="label").mean()
    return [str(name) for name in expression.columns if share[name].max() >= 0.5]


def z_scores(expression: pd.DataFrame) -> pd.DataFrame:
    """Standardise each gene over the samples; genes that do not vary are left out."""
    spread = expression.std(ddof=0)
    varying = spread.index[spread > 0]
    return (expression[varying] - expression[varying].mean()) / spread[varying]


def compare(values: pd.Series, samples: pd.DataFrame, case: str, control: str) -> Difference:
    """Test the difference of two classes over the means of their donors.

    Donors that hold both classes are compared with themselves (paired t) where all do; otherwise
    Welch's t (Biometrika 1947; 34: 28).

    Parameters
    ----------
    values
        Index: samples.
    samples
        Index: samples; columns group and label.
    case, control
        Labels; an empty control stands for all other classes.
    """
    side = samples["label"].map(
        lambda label: (
            "case" if label == case else "control" if label == control or not control else ""
        )
    )
    means = _donor_means(values.to_frame("value"), samples.assign(label=side))["value"].dropna()
    one, other = (
        means[means.index.get_level_values("label") == name].droplevel("label")
        for name in ("case", "control")
    )
    if one.empty or other.empty:
        return Difference(np.nan, np.nan, len(one), len(other), paired=False)
    paired = set(one.index) == set(other.index)
    apart = one - other if paired else None
    estimate = float(one.mean() - other.mean())
    if min(len(one), len(other)) < FEWEST_DONORS:
        return Difference(estimate, np.nan, len(one), len(other), paired)
    p = (
        _t_paired(apart.to_numpy())
        if apart is not None
        else _t_welch(one.to_numpy(), other.to_numpy())
    )
    return Difference(estimate, p, len(one), len(other), paired)


def _donor_means(values: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    known = samples.reindex(values.index)
    return values.groupby(
        [known["group"].rename("group"), known["label"].rename("label")], sort=True
    ).mean()


def _t_paired(apart: np.ndarray) -> float:
    variance = apart.var(ddof=1) / len(apart)
    return _two_sided(apart.mean(), variance, len(apart) - 1)


def _t_welch(one: np.ndarray, other: np.ndarray) -> float:
    parts = [values.var(ddof=1) / len(values) for values in (one, other)]
    spread = sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (one, other), strict=True)
    )
    return _two_sided(
        one.mean() - other.mean(), sum(parts), sum(parts) ** 2 / spread if spread > 0 else 1.0
    )


def _two_sided(difference: float, variance: float, freedom: float) -> float:
    return (
        float(2 * stdtr(freedom, -abs(difference) / np.sqrt(variance)))
        if variance > 1e-18
        else float("nan")
    )


def false_discovery_rate(p: Sequence[float]) -> np.ndarray:
    """Adjust p values by Benjamini and Hochberg (J R Stat Soc B 1995; 57: 289); NaN stay NaN and do
    not count."""
    values = np.asarray(p, dtype=float)
    known = np.flatnonzero(~np.isnan(values))
    ranked = known[np.argsort(-values[known], kind="stable")]
    adjusted = np.full(len(values), np.nan)
    adjusted[ranked] = (
        np.minimum.accumulate(values[ranked] * len(known) / np.arange(len(known), 0, -1)).clip(
            max=1
        )
        if len(known)
        else 1
    )
    return adjusted
