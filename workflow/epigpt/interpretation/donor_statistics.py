"""Expression of genes and sets per sample, and differences between classes with the donor as the
unit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from scipy import stats

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
        Donors that hold both classes were compared with themselves, the few others left out.
    """

    estimate: float
    p: float
    cases: int
    controls: int
    paired: bool


def pooled(
    blocks: Iterable[Any],
    sample: Sequence[str],
    genes: Sequence[str],
    members: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the log-normalised expression of each member per sample; several genes of one member
    are summed before the logarithm.

    Parameters
    ----------
    blocks
        Some observations after others, × genes: log1p of normalised counts, dense or sparse.
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
    place = {number: position for position, number in enumerate(needed)}
    names, row = np.unique(
        np.array([str(name) for name in sample], dtype=object), return_inverse=True
    )
    totals, begin = np.zeros((len(names), len(present))), 0
    for values in blocks:
        chosen = values[:, needed]
        linear = np.expm1(
            np.asarray(
                chosen.toarray() if scipy.sparse.issparse(chosen) else chosen, dtype=np.float64
            )
        )
        summed = [
            linear[:, [place[number] for number in columns]].sum(axis=1)
            for columns in present.values()
        ]
        rows = row[begin : begin + len(linear)]
        np.add.at(totals, rows, np.column_stack(summed) if summed else np.zeros((len(rows), 0)))
        begin += len(linear)
    means = totals / np.bincount(row, minlength=len(names))[:, None]
    return pd.DataFrame(
        np.log1p(means), index=pd.Index(names, name="sample"), columns=list(present)
    )


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

    Donors that hold both classes are compared with themselves (paired t) where they are at least
    three and outnumber the others, which are left out; otherwise Welch's t (Biometrika 1947; 34:
    28).

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
    both = one.index.intersection(other.index)
    single = len(one) + len(other) - 2 * len(both)
    # Incomplete pairs are compared within themselves where they are the larger part.
    paired = len(both) >= FEWEST_DONORS and single <= len(both)
    if paired:
        one, other = one[both], other[both]
    estimate = float(one.mean() - other.mean())
    if min(len(one), len(other)) < FEWEST_DONORS:
        return Difference(estimate, np.nan, len(one), len(other), paired)
    return Difference(estimate, _p_value(one, other, paired), len(one), len(other), paired)


def _p_value(one: pd.Series, other: pd.Series, paired: bool) -> float:
    spread = (one - other).std(ddof=1) if paired else max(one.std(ddof=1), other.std(ddof=1))
    if spread < 1e-9:
        return float("nan")
    tested = stats.ttest_rel(one, other) if paired else stats.ttest_ind(one, other, equal_var=False)
    return float(tested.pvalue)


def _donor_means(values: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    known = samples.reindex(values.index)
    return values.groupby(
        [known["group"].rename("group"), known["label"].rename("label")], sort=True
    ).mean()
