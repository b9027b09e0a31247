"""PyDESeq2 over units: fitted once, every contrast tested."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from pydeseq2.dds import DeseqDataSet
from pydeseq2.ds import DeseqStats
from threadpoolctl import threadpool_limits

from epigpt.expression.negative_binomial import AllGenesAtOnce

COLUMNS = ("contrast", "gene", "symbol", "base_mean", "log2_fold_change", "se", "p", "padj")
# Genes with less carry no information on a change. The sum runs over all units, whatever their
# class.
_FEWEST_COUNTS = 10
# Median-of-ratios needs genes that every unit expresses.
_FEWEST_COMMON_GENES = 50


@dataclass
class Comparison:
    """Differential expression of a data set.

    Attributes
    ----------
    table
        Columns `COLUMNS`; a header only where nothing could be compared.
    summary
        What was compared: contrasts, unit, units per class, terms of the design, genes tested,
        method.
    notes
        What a reader must know: terms left out, fallbacks, why a table is empty.
    """

    table: pd.DataFrame
    summary: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def significant(self) -> int:
        """How many tests have a false discovery rate below 5 %."""
        return int(self.table["padj"].lt(0.05).sum())


def nothing(notes: list[str]) -> Comparison:
    """Return a comparison without genes, and why."""
    empty = pd.DataFrame(columns=list(COLUMNS))
    return Comparison(empty, {"contrasts": [], "notes": notes}, notes)


def tested(
    expression: AnnData,
    counts: np.ndarray,
    matrix: pd.DataFrame,
    named: Sequence[tuple[str, np.ndarray]],
    notes: list[str],
) -> tuple[pd.DataFrame, int]:
    """Return the rows of every contrast, and how many genes were tested."""
    enough = (counts.sum(axis=0) >= _FEWEST_COUNTS) & ((counts > 0).sum(axis=0) >= 2)
    if not enough.any():
        notes.append(f"no gene has {_FEWEST_COUNTS} counts in two units: nothing was tested")
        return pd.DataFrame(columns=list(COLUMNS)), 0
    size_factors, results = _fit(counts[:, enough], matrix, [vector for _, vector in named], notes)
    base_mean = (counts / size_factors[:, None]).mean(axis=0)
    parts = [
        _table(name, expression.var, base_mean, enough, result)
        for (name, _), result in zip(named, results, strict=True)
    ]
    return pd.concat(parts, ignore_index=True), int(enough.sum())


def _fit(
    counts: np.ndarray, matrix: pd.DataFrame, contrasts: Sequence[np.ndarray], notes: list[str]
) -> tuple[np.ndarray, list[pd.DataFrame]]:
    """Fit once, test every contrast; PyDESeq2's own remarks join the notes."""
    genes = pd.Index([f"gene{position}" for position in range(counts.shape[1])])
    inference = AllGenesAtOnce()
    common = int((counts > 0).all(axis=0).sum())
    # BLAS sums in an order that depends on its threads.
    with (
        threadpool_limits(limits=1),
        warnings.catch_warnings(record=True) as said,
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("always")
        data = DeseqDataSet(
            counts=pd.DataFrame(counts, index=matrix.index, columns=genes),
            metadata=pd.DataFrame({"unit": matrix.index}, index=matrix.index),
            design=matrix,
            size_factors_fit_type="ratio" if common >= _FEWEST_COMMON_GENES else "poscounts",
            inference=inference,
            quiet=True,
        )
        data.deseq2()
        results = []
        for contrast in contrasts:
            statistics = DeseqStats(data, contrast=contrast, inference=inference, quiet=True)
            statistics.summary()
            results.append(statistics.results_df)
    remarks = sorted(
        {" ".join(str(one.message).split()) for one in said if one.category is UserWarning}
    )
    notes += [f"PyDESeq2: {remark}" for remark in remarks]
    return data.obs["size_factors"].to_numpy(dtype=float), results


def _table(
    name: str, genes: pd.DataFrame, base_mean: np.ndarray, tested: np.ndarray, result: pd.DataFrame
) -> pd.DataFrame:
    symbols = genes.get("symbol", genes.index.to_series())
    table = pd.DataFrame(
        {
            "contrast": name,
            "gene": genes.index.astype(str),
            "symbol": symbols.astype(str).to_numpy(),
            "base_mean": base_mean,
        }
    )
    for column, source in (
        ("log2_fold_change", "log2FoldChange"),
        ("se", "lfcSE"),
        ("p", "pvalue"),
        ("padj", "padj"),
        ("stat", "stat"),
    ):
        table[column] = np.nan
        table.loc[tested, column] = result[source].to_numpy(dtype=float)
    # The statistic orders genes whose p is too small for a floating point number.
    table = table.assign(strength=-table["stat"].abs()).sort_values(
        ["p", "strength", "gene"], na_position="last", kind="stable"
    )
    return table[list(COLUMNS)]
