"""Which samples or cells are kept: absolute floors, judged for each observation on its own.

A limit that followed from the distribution over the data set would let test samples decide which
training samples exist. Relative outliers are therefore named in the table but never removed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from epigpt.errors import InputError
from epigpt.genes import identifiers

# Bulk: below 100,000 counts a library shows only the few hundred most abundant genes reliably
# (GSE100225 has one such library, of 90,417 counts, while its median is 2.2 million). Bulk tissue
# rich in mitochondria (heart, kidney, neuropil) is not damaged tissue, so bulk has no mitochondrial
# limit. Single cells: the floors that scanpy's and Seurat's tutorials start from.
_AUTO = {"bulk": (100_000, 1_000, 100.0), "single_cell": (500, 200, 20.0)}
# Panels and simulated series with few genes cannot reach a whole transcriptome's totals.
_COUNTS_PER_GENE = {"bulk": 10.0, "single_cell": 0.5}
_SHARE_OF_GENES = {"bulk": 0.1, "single_cell": 0.05}
_OUTLYING_DEVIATIONS = 3.0
# More of them are counted by their reason; quality.tsv names each.
_MOST_NAMED = 20
_OWN_NUMBER = re.compile(r"(^|; )[\d,.]+ ")
# Median and MAD of fewer observations say nothing about outliers.
_FEWEST_FOR_OUTLIERS = 6


@dataclass(frozen=True)
class Limits:
    """Floors and ceiling for one observation.

    Attributes
    ----------
    min_counts
        Fewest counts.
    min_genes
        Fewest genes with at least one count.
    max_mitochondrial_percent
        Largest mitochondrial share of the counts, in percent.
    """

    min_counts: int
    min_genes: int
    max_mitochondrial_percent: float


def limits(settings: Mapping[str, Any], assay: str, n_genes: int) -> Limits:
    """Fill in what the settings leave to `auto`.

    Parameters
    ----------
    settings
        `quality.min_counts`, `quality.min_genes`, `quality.max_mitochondrial_percent`; each a
        number or `"auto"`.
    assay
        `"bulk"` or `"single_cell"`.
    n_genes
        Genes in the matrix. In a matrix of fewer than about 10,000 genes (bulk; 1,000 for single
        cells) the automatic floors shrink with it: 10 counts per gene and a tenth of the genes for
        bulk, half a count per gene and a twentieth for single cells.
    """
    counts, genes, mitochondrial = _AUTO[assay]
    chosen = {
        "min_counts": min(counts, int(_COUNTS_PER_GENE[assay] * n_genes)),
        "min_genes": min(genes, int(_SHARE_OF_GENES[assay] * n_genes)),
        "max_mitochondrial_percent": mitochondrial,
    }
    for name in chosen:
        given = settings[f"quality.{name}"]
        if given != "auto":
            chosen[name] = given
    return Limits(
        int(chosen["min_counts"]),
        int(chosen["min_genes"]),
        float(chosen["max_mitochondrial_percent"]),
    )


def measure(counts: AnnData) -> pd.DataFrame:
    """Return total counts, detected genes and mitochondrial percentage of every observation.

    Parameters
    ----------
    counts
        Raw counts, observations × genes; `var["symbol"]` and `uns["organism"]` tell the
        mitochondrial genes.

    Returns
    -------
    pandas.DataFrame
        Index as in `counts.obs`; columns `total_counts` (counts), `n_genes` (genes with at least
        one count), `mitochondrial_percent` (percent; missing where the matrix has no mitochondrial
        gene or the observation no counts).
    """
    totals = _row_sums(counts.X)
    symbols = counts.var.get("symbol", counts.var_names.to_series())
    organism = str(counts.uns.get("organism", ""))
    known = organism if organism in ("human", "mouse", "rat", "zebrafish") else None
    mitochondrial = identifiers.mitochondrial(
        list(symbols.astype(str)), list(counts.var_names.astype(str)), known
    )
    percent = np.full(counts.n_obs, np.nan)
    if mitochondrial.any():
        np.divide(
            100.0 * _row_sums(counts.X[:, np.flatnonzero(mitochondrial)]),
            totals,
            out=percent,
            where=totals > 0,
        )
    return pd.DataFrame(
        {
            "total_counts": totals,
            "n_genes": _row_sums(counts.X > 0),
            "mitochondrial_percent": percent,
        },
        index=counts.obs_names,
    )


def _row_sums(matrix: Any) -> np.ndarray:
    # int64, because the sum of a deep library overflows the 32 bits of its counts.
    return np.asarray(matrix.sum(axis=1, dtype=np.int64)).ravel()


def judge(measured: pd.DataFrame, floors: Limits) -> pd.DataFrame:
    """Return which observations are kept and why not; name relative outliers among those that are.

    Parameters
    ----------
    measured
        What `measure` gave.
    floors
        What `limits` gave.

    Returns
    -------
    pandas.DataFrame
        `measured` with `kept` (bool) and `reason` (text; for a kept observation empty, or how it
        stands out, beginning `outlier:`).
    """
    failed = {
        "total_counts": measured["total_counts"] < floors.min_counts,
        "n_genes": measured["n_genes"] < floors.min_genes,
        "mitochondrial_percent": (
            measured["mitochondrial_percent"] > floors.max_mitochondrial_percent
        ),
    }
    said = {
        "total_counts": f"{{:,.0f}} counts, fewer than {floors.min_counts:,}",
        "n_genes": f"{{:,.0f}} genes, fewer than {floors.min_genes:,}",
        "mitochondrial_percent": (
            f"{{:.1f}} % mitochondrial, more than {floors.max_mitochondrial_percent:g} %"
        ),
    }
    reasons = [""] * len(measured)
    for name, bad in failed.items():
        for position in np.flatnonzero(bad.to_numpy()):
            part = said[name].format(measured[name].iloc[position])
            reasons[position] = f"{reasons[position]}; {part}" if reasons[position] else part
    judged = measured.copy()
    judged["kept"] = [not reason for reason in reasons]
    judged["reason"] = reasons
    return _name_outliers(judged)


def _name_outliers(judged: pd.DataFrame) -> pd.DataFrame:
    kept = judged["kept"].to_numpy()
    if kept.sum() < _FEWEST_FOR_OUTLIERS:
        return judged
    notes: dict[int, list[str]] = {}
    for name, sign, words in (
        ("total_counts", -1, "few counts"),
        ("n_genes", -1, "few genes"),
        ("mitochondrial_percent", 1, "high mitochondrial share"),
    ):
        values = judged[name].to_numpy(dtype=float)
        scaled = values if name == "mitochondrial_percent" else np.log10(values + 1)
        median = np.nanmedian(scaled[kept]) if np.isfinite(scaled[kept]).any() else np.nan
        # 1.4826 × MAD estimates the standard deviation of a normal distribution.
        spread = (
            1.4826 * np.nanmedian(np.abs(scaled[kept] - median)) if np.isfinite(median) else np.nan
        )
        if not spread > 0:
            continue
        for position in np.flatnonzero(
            kept & (sign * (scaled - median) > _OUTLYING_DEVIATIONS * spread)
        ):
            notes.setdefault(int(position), []).append(words)
    reasons = judged["reason"].tolist()
    for outlier, found in notes.items():
        reasons[outlier] = f"outlier: {' and '.join(found)} for this data set, kept"
    return judged.assign(reason=reasons)


def in_words(judged: pd.DataFrame) -> list[str]:
    """Return in lines what does not pass or stands out: each observation, or where they are many
    how many there are for each reason."""
    told = judged.loc[judged["reason"] != "", "reason"]
    if len(told) <= _MOST_NAMED:
        return [f"{name}: {reason}" for name, reason in told.items()]
    alike = told.str.replace(_OWN_NUMBER, r"\1", regex=True)
    return [
        f"{number:,} × {reason}, such as {', '.join(told.index[alike == reason][:3])}"
        for reason, number in alike.value_counts().items()
    ]


def require_some(judged: pd.DataFrame, floors: Limits, where: str) -> None:
    """Refuse a data set of which nothing is left.

    Raises
    ------
    InputError
        No observation passes; the message names the limits and how near the best came.
    """
    if judged["kept"].any():
        return
    best, genes = (
        int(judged[name].max()) if len(judged) else 0 for name in ("total_counts", "n_genes")
    )
    raise InputError(
        found=(
            f"none of {len(judged)} samples or cells passes quality control (best: {best:,} counts,"
            f" {genes:,} genes)"
        ),
        where=where,
        why=(
            f"each needs {floors.min_counts:,} counts, {floors.min_genes:,} genes and at most "
            f"{floors.max_mitochondrial_percent:g} % mitochondrial counts"
        ),
        remedy=(
            "lower 'quality.min_counts' or 'quality.min_genes', or raise"
            " 'quality.max_mitochondrial_percent', in the config; or check 'matrix' and 'assay' in"
            " the row: single cells read as bulk fail too"
        ),
    )


def table(judged: pd.DataFrame, assay: str) -> pd.DataFrame:
    """Return the rows of quality.tsv; the id column is called `sample` in bulk and `cell` for
    single cells."""
    name = "cell" if assay == "single_cell" else "sample"
    return judged.rename_axis(index=name).reset_index()
