"""Differential expression."""

from typing import Any

import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import contrasts as figures
from epigpt.report.results import Results

_TITLE = "Differential expression"
_MOST_ROWS = 12_000
_MOST_FIGURES = 6
_DESIGN = {
    "contrasts": "Contrasts",
    "design": "Design",
    "unit": "Unit",
    "units_per_class": "Units per class",
    "units": "Units",
    "genes_tested": "Genes tested",
    "method": "Method",
}
_SHOWN = ["symbol", "log2_fold_change", "base_mean", "p", "padj"]
_HEADS = {
    "symbol": "gene",
    "gene": "id",
    "log2_fold_change": "log2 fold change",
    "base_mean": "mean",
    "p": "p",
    "padj": "FDR",
}


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    table = results.contrasts
    if table.empty:
        reason = (
            "differential_expression.tsv lists no gene: a contrast needs two classes with"
            " replicates."
        )
        told = "Which genes differ, by how much and how surely."
        return Section("contrasts", _TITLE, told, _design(results), reason)
    content: list[Any] = _design(results)
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
    content.append(_genes(table, contrasts))
    return Section("contrasts", _TITLE, _told(table, contrasts), content)


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


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return wording.listing([f"{number} {name}" for name, number in value.items()], 12)
    if isinstance(value, list):
        return "; ".join(str(item) for item in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _told(table: pd.DataFrame, contrasts: list[str]) -> str:
    found = table[table["padj"] < figures.THRESHOLD]
    ranked = table.sort_values(["p", "gene"], kind="stable")
    first = ranked.drop_duplicates("gene").head(5)
    names = [wording.short(row.symbol or row.gene, 20) for row in first.itertuples()]
    genes = (
        wording.count(len(found), "gene")
        if len(contrasts) == 1
        else f"{wording.count(len(found), 'change')} in {len(contrasts)} contrasts"
    )
    return f"{genes} at a false discovery rate of 5 %; most different: {wording.listing(names)}."


def _genes(table: pd.DataFrame, contrasts: list[str]) -> blocks.GeneTable:
    ranked = table.sort_values(["p", "gene"], kind="stable", na_position="last")
    shown = ranked.head(_MOST_ROWS)
    columns = list(_SHOWN)
    if (shown["gene"] != shown["symbol"]).any():
        columns.insert(1, "gene")
    if len(contrasts) > 1:
        columns.append("contrast")
    # Numbers travel with the digits that are shown: the exact ones are in the file.
    data: dict[str, Any] = {
        "columns": [
            (
                [str(value) for value in shown[name]]
                if name in ("symbol", "gene")
                else [_rounded(value) for value in shown[name]]
            )
            for name in columns
            if name != "contrast"
        ],
        "levels": [str(name) for name in contrasts],
    }
    if "contrast" in columns:
        code = {name: at for at, name in enumerate(contrasts)}
        data["columns"].append([code[name] for name in shown["contrast"]])
        data["coded"] = [len(columns) - 1]
    first = [
        [blocks.cell(value, 3, 60) for value in row]
        for row in shown[columns].head(20).itertuples(index=False, name=None)
    ]
    whole = (
        ""
        if len(shown) == len(ranked)
        else (
            f"The {len(shown):,} rows with the smallest p of {len(ranked):,}; all are in"
            " differential_expression.tsv."
        )
    )
    return blocks.GeneTable(
        "genes",
        "Genes by p value",
        [_HEADS.get(name, name) for name in columns],
        [name not in ("symbol", "gene", "contrast") for name in columns],
        data,
        first,
        whole,
    )


def _rounded(value: float) -> float | None:
    return None if pd.isna(value) else float(f"{value:.3g}")
