"""Samples that are libraries of one and the same RNA: copies and technical replicates.

Two libraries of one RNA differ by the chance of sequencing alone (Poisson), two animals by their
biology too, which at thousands of counts is many times more. For each pair of samples the squared
difference of every well expressed gene is held against the variance that sequencing alone would
give it; the median over the genes is about 1 for technical replicates, 0 for copies, and far above
for animals.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from scipy import stats
from scipy.sparse.csgraph import connected_components

from epigpt.errors import InputError

_GENES = 500
# Genes of fewer counts cannot tell sequencing from biology.
_FEWEST_COUNTS = 100
_FEWEST_GENES = 100
# The largest ratio that still counts as sequencing alone, and the share of the ordinary pair's.
_LARGEST, _SHARE = 2.5, 0.3
_MEDIAN_CHI2 = float(stats.chi2.median(1))


@dataclass(frozen=True)
class Merged:
    """Samples that are libraries of one RNA.

    Attributes
    ----------
    group
        The group of every observation, those of one RNA joined under one name.
    samples
        How many samples are not alone.
    rna
        How many RNAs they are of.
    """

    group: pd.Series
    samples: int = 0
    rna: int = 0

    def in_words(self) -> str:
        """Return what was found; empty where nothing was."""
        if not self.samples:
            return ""
        return (
            f"{self.samples} samples differ from each other by no more than sequencing does: they"
            f" are libraries of {self.rna} donors and were grouped so, since a donor on both sides"
            " of a fold makes every score too good."
        )


def merge(expression: AnnData) -> Merged:
    """Join the groups of samples that are libraries of one RNA.

    Parameters
    ----------
    expression
        Raw counts in `layers["counts"]`; obs label and group. Bulk samples only: cells are too
        shallow to tell.

    Raises
    ------
    InputError
        Libraries of one RNA in different classes.
    """
    group = expression.obs["group"].astype(str)
    if str(expression.uns.get("assay")) != "bulk" or group.nunique() < 3:
        return Merged(group)
    same = _same_rna(excess(sp.csr_matrix(expression.layers["counts"])))
    # Samples of one group are of one donor whatever their counts say.
    codes = pd.factorize(group)[0]
    apart = codes[:, None] != codes[None, :]
    if not (same & apart).any():
        return Merged(group)
    _refuse_across_classes(same & apart, expression)
    joined = same | ~apart
    number, part = connected_components(sp.csr_matrix(joined), directed=False)
    names = {at: "+".join(sorted(set(group[part == at]))) for at in range(number)}
    merged = pd.Series([names[at] for at in part], index=group.index)
    touched = np.flatnonzero((same & apart).any(axis=1))
    return Merged(merged, len(touched), len(set(part[touched])))


def excess(counts: sp.csr_matrix) -> np.ndarray:
    """Return, for each pair of samples, the median over well expressed genes of the squared
    difference over the variance of sequencing; NaN where too few genes are expressed well."""
    totals = np.asarray(counts.sum(axis=1), dtype=float).ravel()
    level = np.asarray(counts.mean(axis=0)).ravel()
    chosen = np.argsort(-level, kind="stable")[:_GENES]
    dense = counts[:, np.sort(chosen)].toarray().astype(float)
    found = np.full((len(totals), len(totals)), np.nan)
    for one in range(len(totals)):
        for other in range(one):
            ratio = totals[one] / totals[other]
            a, b = dense[one], dense[other]
            enough = np.minimum(a, b * ratio) >= _FEWEST_COUNTS
            if enough.sum() < _FEWEST_GENES:
                continue
            a, b = a[enough], b[enough]
            # The median ratio, since a few genes that take much of one library shift its total.
            ratio = float(np.median(a / b))
            squared = (a - b * ratio) ** 2 / (a + b * ratio**2)
            found[one, other] = found[other, one] = np.median(squared) / _MEDIAN_CHI2
    return found


def _same_rna(found: np.ndarray) -> np.ndarray:
    pairs = found[np.tril_indices(len(found), -1)]
    known = pairs[~np.isnan(pairs)]
    if not len(known):
        return np.zeros(found.shape, dtype=bool)
    # Where all pairs differ by sequencing alone (a simulation, a cell line), it says nothing.
    usual = float(np.median(known[known > _LARGEST])) if (known > _LARGEST).any() else 0.0
    limit = min(_LARGEST, _SHARE * usual)
    same: np.ndarray = np.nan_to_num(found, nan=np.inf) <= limit
    if (known > limit).mean() < 0.5:
        return np.zeros(found.shape, dtype=bool)
    return same


def _refuse_across_classes(same: np.ndarray, expression: AnnData) -> None:
    label = expression.obs["label"].astype(str).to_numpy()
    names = expression.obs_names.to_numpy(dtype=str)
    for one, other in zip(*np.nonzero(np.tril(same)), strict=True):
        if label[one] != label[other]:
            raise InputError(
                found=f"samples {names[other]} and {names[one]} with the counts of one RNA",
                where=f"classes '{label[other]}' and '{label[one]}'",
                why=(
                    "their counts differ by no more than sequencing does: one of them is labelled"
                    " wrong, or a file was copied"
                ),
                remedy=f"leave both out by the column include: sample!={names[other]}|{names[one]}",
            )
