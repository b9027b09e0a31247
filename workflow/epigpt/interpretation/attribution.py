"""Attributions of a data set's genes held against one another and against other measures.

Two checks: how the attributions agree with differential expression, which the model never saw as
such; and that they fall apart when a model's weights are replaced by random ones (Adebayo et al.,
NeurIPS 2018): a map that survives this shows the data, not the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

AGREEMENT = ["genes", "shared", "share", "expected_share"]
_TOPS = (10, 20, 50, 100, 200, 500, 1000)
_FEWEST_GENES = 10


@dataclass(frozen=True)
class OfFold:
    """Attributions of one fold's model, one number per gene of its vocabulary.

    Attributes
    ----------
    genes, symbols
        The vocabulary.
    attribution
        Mean over the held-out samples, as `over_samples` gives it.
    """

    genes: Sequence[str]
    symbols: Sequence[str]
    attribution: np.ndarray


def over_samples(contributions: np.ndarray, samples: pd.DataFrame) -> np.ndarray:
    """Average contributions over the observations of a sample, the samples of a class, and the
    classes, which weigh alike.

    Two classes: a positive attribution says that more of the gene pushes the model towards the case
    (a raised gene towards the case, a lowered one towards the control), a negative one that it
    pushes away. Several classes: a positive attribution says that the gene pushes held-out samples
    towards their own class.

    Parameters
    ----------
    contributions
        Shape (observations, genes), signed by `epigpt.interpretation.contributions.directions`.
    samples
        Columns sample and label, one row per observation.
    """
    frame = pd.DataFrame(contributions)
    keys = [samples["label"].to_numpy(), samples["sample"].to_numpy()]
    by_sample = frame.groupby(keys, sort=True).mean()
    return by_sample.groupby(level=0, sort=True).mean().mean(axis=0).to_numpy()


def spread(genes: Sequence[str], folds: Sequence[OfFold]) -> np.ndarray:
    """Arrange the folds' attributions over common genes, 0 where a fold does not know one: (folds,
    genes)."""
    place = {gene: number for number, gene in enumerate(genes)}
    arranged = np.zeros((len(folds), len(genes)))
    for row, fold in enumerate(folds):
        arranged[row, [place[gene] for gene in fold.genes]] = fold.attribution
    return arranged


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation; NaN with fewer than ten pairs or where a side does not vary."""
    known = ~(np.isnan(one) | np.isnan(other))
    if known.sum() < _FEWEST_GENES:
        return float("nan")
    first, second = rankdata(one[known]), rankdata(other[known])
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def between_folds(folds: Sequence[OfFold]) -> float:
    """Mean rank correlation between the attributions of two folds, over the genes that either
    knows; NaN with a single fold."""
    found = []
    for pair in combinations(folds, 2):
        genes = sorted(set(pair[0].genes) | set(pair[1].genes))
        found.append(rank_correlation(*spread(genes, pair)))
    return float(np.mean(found)) if found else float("nan")


def agreement(
    attributions: pd.DataFrame, contrasts: pd.DataFrame, signed: bool
) -> tuple[pd.DataFrame, Mapping[str, float | int]]:
    """Compare attributions with differential expression over the genes that both have.

    Parameters
    ----------
    attributions
        As `epigpt.interpretation.ranking.table` gives it.
    contrasts
        differential_expression.tsv; of several contrasts a gene's smallest p counts.
    signed
        Whether attributions are signed towards the case, as the log2 fold changes of the single
        contrast are.

    Returns
    -------
    curve
        `AGREEMENT`: of the first this many genes by absolute attribution and by p, the number and
        share that are the same, and the share expected of chance.
    figures
        n_genes; size_rank_correlation (absolute attribution with the smallness of p);
        signed_rank_correlation (attribution with log2 fold change over its standard error; NaN
        where not `signed`); same_direction: share of the 50 genes of highest rank whose attribution
        has the sign of their fold change.
    """
    smallest = (
        contrasts.dropna(subset=["p"])
        .sort_values("p", kind="stable")
        .drop_duplicates("gene")
        .set_index("gene")
    )
    both = attributions[attributions["gene"].isin(smallest.index)].sort_values(
        "rank", kind="stable", ignore_index=True
    )
    found = smallest.reindex(both["gene"])
    p, change = found["p"].to_numpy(dtype=float), found["log2_fold_change"].to_numpy(dtype=float)
    by_p = both["gene"].to_numpy()[np.argsort(p, kind="stable")]
    rows = []
    for top in [number for number in _TOPS if number < len(both)]:
        shared = len(set(both["gene"][:top]) & set(by_p[:top]))
        rows.append((top, shared, shared / top, top / len(both)))
    attributed = both["attribution"].to_numpy(dtype=float)
    first = np.flatnonzero((attributed != 0) & ~np.isnan(change))[:50]
    same = (
        float(np.mean(np.sign(attributed[first]) == np.sign(change[first])))
        if signed and len(first)
        else float("nan")
    )
    statistic = change / found["se"].to_numpy(dtype=float)
    return pd.DataFrame(rows, columns=AGREEMENT), {
        "n_genes": len(both),
        "size_rank_correlation": rank_correlation(np.abs(attributed), -p),
        "signed_rank_correlation": (
            rank_correlation(attributed, statistic) if signed else float("nan")
        ),
        "same_direction": same,
    }
