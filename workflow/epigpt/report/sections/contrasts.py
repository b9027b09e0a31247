"""Differential expression."""

from typing import Any

from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import contrasts as figures
from epigpt.report.figures import upset
from epigpt.report.results import Results

_TITLE = "Differential expression"
_TOLD = "What was compared with what, over which units; volcano and MA plot of each contrast."
_MOST_FIGURES = 6
_DESIGN = {
    "contrasts": "Contrasts",
    "design": "Design",
    "unit": "Unit",
    "units_per_class": "Units per class",
    "units": "Units",
    "genes_tested": "Genes tested",
    "genes_at_fdr_5_percent": "Genes at FDR 5 %",
    "method": "Method",
}
_KINDS = {
    "cell_type": "kind of cell",
    "n_cells": "cells",
    "n_groups": "donors",
    "genes_tested": "genes tested",
    "genes_at_fdr_5_percent": "genes at FDR 5 %",
    "auc": "AUC",
    "low": "low",
    "high": "high",
    "reason": "reason",
}


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    table = results.contrasts
    content: list[Any] = [*_design(results), *_kinds_of_cells(results)]
    if table.empty:
        reason = "no gene was tested: a contrast needs two classes with replicates."
        return Section("contrasts", _TITLE, _TOLD, content, reason)
    contrasts = table["contrast"].drop_duplicates().tolist()
    for at, contrast in enumerate(contrasts[:_MOST_FIGURES]):
        content += plates.save(
            figures.volcano_and_ma(
                table[table["contrast"] == contrast], str(contrast), f"contrast_{at + 1}"
            )
        )
    if len(contrasts) > _MOST_FIGURES:
        content.append(
            blocks.Prose(
                f"Drawn: the first {_MOST_FIGURES} of {len(contrasts)} contrasts; the table holds"
                " all."
            )
        )
    content += plates.save(upset.intersections(table, figures.THRESHOLD))
    return Section("contrasts", _TITLE, _TOLD, content)


def _design(results: Results) -> list[Any]:
    """Show what was compared with what, before any gene: formula, unit, what was left out."""
    content: list[Any] = []
    of_label = {key: value for key, value in results.contrast_design.items() if key != "formula"}
    for title, made in (
        ("By the label", of_label),
        ("By the formula", results.contrast_design.get("formula") or {}),
    ):
        if made.get("design"):
            facts = [
                (_DESIGN[key], _in_words(made[key])) for key in _DESIGN if made.get(key) is not None
            ]
            content.append(blocks.Facts([("Comparison", title), *facts]))
    notes = results.contrast_design.get("notes") or []
    content += [blocks.Prose(wording.sentence(str(note))) for note in notes]
    return content


def _kinds_of_cells(results: Results) -> list[Any]:
    """Show a row for each kind of cell: its own contrast, and how well it alone tells the classes
    apart."""
    if results.cell_types.empty:
        return []
    names = {column: results.called(name) for column, name in _KINDS.items()}
    frame = results.cell_types.rename(columns=names)[list(names.values())]
    return [
        blocks.table(
            frame,
            "cell-types",
            "Each kind of cell alone",
            folded=12,
            note=(
                "Counts are summed over the cells of a kind in each sample. AUC with its 95 %"
                f" interval: logistic regression on these sums, on held-out {results.units}."
                " cell_type_contrasts.tsv holds the change of every gene."
            ),
        )
    ]


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return wording.listing([f"{number} {name}" for name, number in value.items()], 12)
    if isinstance(value, list):
        return "; ".join(str(item) for item in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
