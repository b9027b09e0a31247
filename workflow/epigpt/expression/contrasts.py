"""Differential expression with PyDESeq2, the donor as the unit.

A description of the whole data set: nothing of it reaches a model, so it may use every observation.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from anndata import AnnData

from epigpt.expression import design, pseudobulk
from epigpt.expression.formula_contrasts import by_formula
from epigpt.expression.negative_binomial import AGREEMENT
from epigpt.expression.pseudobulk import Units
from epigpt.expression.wald_tests import COLUMNS, Comparison, nothing, tested
from epigpt.samples.classes import class_order
from epigpt.samples.donors import singular

__all__ = ["COLUMNS", "Comparison", "compare"]
_FEWEST_UNITS = 2
_FEWEST_PAIRS = 3


def compare(
    expression: AnnData,
    case: str = "",
    control: str = "",
    covariates: Sequence[str] = (),
    formula: str = "",
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
        Samples, as `epigpt.dataset.storage.by_sample` reads them: `layers["counts"]`, obs `label`,
        `group`, var `symbol`, uns `assay`.
    case, control
        Cells of the row, either may be empty.
    covariates
        Columns of obs to adjust for.
    formula
        Further comparisons, such as `genotype * diet` (`epigpt.expression.formula`); their rows
        follow those of the label.

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
    covariates = [design.characteristic(name, expression, "covariates") for name in covariates]
    contrast = _by_label(expression, case, control, covariates)
    return _joined(contrast, by_formula(expression, formula)) if formula.strip() else contrast


def _by_label(
    expression: AnnData, case: str, control: str, covariates: Sequence[str]
) -> Comparison:
    labels = expression.obs["label"].astype(str)
    classes = class_order(labels, case, control)
    units, notes = _units(expression, labels, classes, covariates)
    if units is None:
        return nothing(notes)
    units = _of_pairs(units, classes, notes)
    model = design.build(units.table, classes, [name for name in covariates if name in units.table])
    notes += model.notes
    named = _named_contrasts(classes, list(model.matrix.columns))
    table, genes = tested(expression, units.counts, model.matrix, named, notes)
    if not genes:
        return nothing(notes)
    summary = {
        "contrasts": [name for name, _ in named],
        "unit": units.kind,
        "units_per_class": {name: int((units.table["label"] == name).sum()) for name in classes},
        "design": "~ " + " + ".join([*model.terms[1:], model.terms[0]]),
        "genes_tested": genes,
        "method": (
            "PyDESeq2, Wald test, two-sided; its negative binomial regressions and dispersions by"
            f" EpiGPT's routines for all genes at once ({AGREEMENT}), a fit that diverges by"
            " PyDESeq2's own"
        ),
        "notes": notes,
    }
    return Comparison(table, summary, notes)


def _joined(one: Comparison, other: Comparison) -> Comparison:
    tables = [part.table for part in (one, other) if len(part.table)]
    table = pd.concat(tables, ignore_index=True) if tables else one.table
    notes = [*one.notes, *(f"formula: {note}" for note in other.notes)]
    summary = {**one.summary, "formula": other.summary, "notes": notes}
    return Comparison(table, summary, notes)


def _of_pairs(units: Units, classes: Sequence[str], notes: list[str]) -> Units:
    """Keep the pairs of an incompletely paired design, where they are the larger part: the block by
    donor finds more than the few unpaired samples would add."""
    classes_of_group = units.table.groupby("group")["label"].nunique()
    pairs = classes_of_group.index[classes_of_group == len(classes)]
    if (
        len(pairs) == len(classes_of_group)
        or len(pairs) < _FEWEST_PAIRS
        or 2 * len(pairs) < len(classes_of_group)
    ):
        return units
    kept = units.table["group"].isin(pairs).to_numpy()
    notes.append(
        f"{len(classes_of_group) - len(pairs)} {units.donors} without a sample of every class were"
        f" left out ({int((~kept).sum())} units), so that each of the other {len(pairs)} is"
        " compared with itself"
    )
    return replace(units, counts=units.counts[kept], table=units.table[kept])


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
                f"covariate '{name}' left out: it varies within {units.donors}, whose counts were"
                " summed"
                for name in covariates
                if name not in fixed
            ]
            units = pseudobulk.summed(expression, labels, fixed)
    if _enough(units, classes):
        if units.kind != "sample":
            notes.append(
                f"counts of {units.table['observations'].sum()} observations summed into"
                f" {len(units.table)} units by {units.kind} and class"
            )
        return units, notes
    few = min(classes, key=lambda name: int((units.table["label"] == name).sum()))
    said = (
        f"class '{few}' has {int((units.table['label'] == few).sum())} {singular(units.donors)},"
        f" and a comparison between {units.donors} needs two"
    )
    alone = pseudobulk.single(expression, labels, covariates)
    if (
        str(expression.uns.get("assay")) == "bulk"
        and units.kind != "sample"
        and _enough(alone, classes)
    ):
        return alone, [
            f"{said}: samples were compared as if independent, so p values describe these"
            f" {units.donors} only, no population"
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
