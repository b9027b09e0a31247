"""Differential expression with PyDESeq2, the donor as the unit.

A description of the whole data set: nothing of it reaches a model, so it may use every observation.
"""

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

from epigpt.errors import InputError, nearest_name
from epigpt.expression import design, pseudobulk
from epigpt.expression.negative_binomial import AllGenesAtOnce
from epigpt.expression.pseudobulk import Units
from epigpt.samples.classes import class_order
from epigpt.samples.label_sources import output_name

COLUMNS = ("contrast", "gene", "symbol", "base_mean", "log2_fold_change", "se", "p", "padj")
_FEWEST_UNITS = 2
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


def compare(
    expression: AnnData, case: str = "", control: str = "", covariates: Sequence[str] = ()
) -> Comparison:
    """Test every gene for a difference between the classes.

    Two classes: case against control. Several: each against the mean of the others. Counts are
    summed by donor and class first. Where every donor holds every class the donor enters the design
    as a blocking factor, `~ group + covariates + label`, so that each is compared with itself. Bulk
    samples of fewer than two donors per class are compared as if independent, with a note that says
    so; cells never are.

    Parameters
    ----------
    expression
        expression.h5ad: `layers["counts"]`, obs `label`, `group`, var `symbol`, uns `assay`.
    case, control
        Cells of the row, either may be empty.
    covariates
        Columns of obs to adjust for.

    Returns
    -------
    Comparison
        Fold changes are log2, case over control, not shrunk; p by the Wald test; padj by Benjamini
        & Hochberg after PyDESeq2's filter by mean count. Genes with too few counts have blank
        estimates; PyDESeq2 blanks p of genes with an outlying count, and padj of genes below its
        filter.

    Raises
    ------
    InputError
        A covariate that no characteristic is called.
    """
    covariates = [_characteristic(name, expression) for name in covariates]
    labels = expression.obs["label"].astype(str)
    classes = class_order(labels, case, control)
    units, notes = _units(expression, labels, classes, covariates)
    if units is None:
        return Comparison(
            pd.DataFrame(columns=list(COLUMNS)), {"contrasts": [], "notes": notes}, notes
        )
    model = design.build(units.table, classes, [name for name in covariates if name in units.table])
    notes += model.notes
    tested = (units.counts.sum(axis=0) >= _FEWEST_COUNTS) & ((units.counts > 0).sum(axis=0) >= 2)
    named = _named_contrasts(classes, list(model.matrix.columns))
    fitted = (
        _fit(units.counts[:, tested], model.matrix, [vector for _, vector in named], notes)
        if tested.any()
        else None
    )
    if fitted is None:
        notes.append(f"no gene has {_FEWEST_COUNTS} counts in two units: nothing was tested")
        return Comparison(
            pd.DataFrame(columns=list(COLUMNS)), {"contrasts": [], "notes": notes}, notes
        )
    size_factors, results = fitted
    base_mean = (units.counts / size_factors[:, None]).mean(axis=0)
    parts = [
        _table(name, expression.var, base_mean, tested, result)
        for (name, _), result in zip(named, results, strict=True)
    ]
    summary = {
        "contrasts": [name for name, _ in named],
        "unit": units.kind,
        "units_per_class": {name: int((units.table["label"] == name).sum()) for name in classes},
        "design": "~ " + " + ".join([*model.terms[1:], model.terms[0]]),
        "genes_tested": int(tested.sum()),
        "method": "PyDESeq2, Wald test, two-sided",
        "notes": notes,
    }
    return Comparison(pd.concat(parts, ignore_index=True), summary, notes)


def _characteristic(name: str, expression: AnnData) -> str:
    known = [
        str(column)
        for column in expression.obs.columns
        if column not in ("sample", "label", "group")
    ]
    # A characteristic called label, say, or genotype/variation is stored under another name.
    for column in known:
        if column.casefold() in (name.casefold(), output_name(name).casefold()):
            return column
    near = nearest_name(name, known)
    raise InputError(
        found=f"covariates = '{name}'",
        where=f"table of data sets, row '{expression.uns.get('dataset', '')}', column 'covariates'",
        why="no characteristic of the samples has this name",
        remedy=f"one of: {', '.join(known) or 'none at hand, empty the cell'}"
        + (f"; did you mean '{near}'?" if near else ""),
    )


def _units(
    expression: AnnData, labels: pd.Series, classes: Sequence[str], covariates: Sequence[str]
) -> tuple[Units | None, list[str]]:
    """Choose what is compared; None where no comparison would mean anything."""
    if len(classes) < 2:
        return None, [
            f"no differential expression: {len(classes)} class left ({', '.join(classes)}), a"
            " comparison needs two"
        ]
    notes: list[str] = []
    units = pseudobulk.summed(expression, labels)
    if covariates:
        wider = pseudobulk.summed(expression, labels, covariates)
        # Splitting a donor is harmless only where the donor is blocked; elsewhere its parts would
        # pass for independent donors.
        if len(wider.table) == len(units.table) or design.is_paired(units.table, classes):
            units = wider
        else:
            fixed = [
                name
                for name in covariates
                if len(pseudobulk.summed(expression, labels, [name]).table) == len(units.table)
            ]
            notes += [
                f"covariate '{name}' left out: it varies within donors, whose counts were summed"
                for name in covariates
                if name not in fixed
            ]
            units = pseudobulk.summed(expression, labels, fixed)
    if _enough(units, classes):
        if units.kind == "donor":
            notes.append(
                f"counts of {expression.n_obs} observations summed into {len(units.table)} units by"
                " donor and class"
            )
        return units, notes
    few = min(classes, key=lambda name: int((units.table["label"] == name).sum()))
    said = (
        f"class '{few}' has {int((units.table['label'] == few).sum())} donor, and a comparison"
        " between donors needs two"
    )
    alone = pseudobulk.single(expression, labels, covariates)
    if (
        str(expression.uns.get("assay")) == "bulk"
        and units.kind == "donor"
        and _enough(alone, classes)
    ):
        return alone, [
            f"{said}: samples were compared as if independent, so p values describe these donors"
            " only, no population"
        ]
    return None, [f"no differential expression: {said}"]


def _enough(units: Units, classes: Sequence[str]) -> bool:
    per_class = units.table["label"].value_counts()
    return all(per_class.get(name, 0) >= _FEWEST_UNITS for name in classes) and len(
        units.table
    ) > len(classes)


def _named_contrasts(
    classes: Sequence[str], columns: Sequence[str]
) -> list[tuple[str, np.ndarray]]:
    """Name each contrast and give its weights on the columns of the design; the first class has the
    weight of the intercept alone."""
    position = {name: columns.index(f"label[{name}]") for name in classes[1:]}

    def weights(name: str) -> np.ndarray:
        vector = np.zeros(len(columns))
        if name in position:
            vector[position[name]] = 1.0
        return vector

    if len(classes) == 2:
        return [(f"{classes[1]} vs {classes[0]}", weights(classes[1]))]
    return [
        (
            f"{name} vs rest",
            weights(name) - np.mean([weights(other) for other in classes if other != name], axis=0),
        )
        for name in classes
    ]


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
