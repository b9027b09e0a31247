"""What the model saw."""

import math
from typing import Any

import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.figures import attribution as figures
from epigpt.report.plates import Plates
from epigpt.report.results import Results

_TITLE = "What the model saw"
_MOST_ROWS = 3000


def section(results: Results, plates: Plates) -> Section:
    """Make the section."""
    told = "See which genes the model's output depends on, and whether they are those that differ."
    table = results.attributions
    if table.empty:
        reason = "There is no attributions.tsv with a row: attributions were not computed" + (
            "." if results.assessable else ", since no model was trained."
        )
        return Section("attributions", _TITLE, told, missing=reason)
    rho, number, _ = figures.agreement(table, results.contrasts)
    if not math.isnan(rho):
        told += f" Attribution and differential expression agree with Spearman ρ = {rho:.2f} over {number:,} genes."
    content: list[Any] = list(plates.save(figures.ranks(table, results.contrasts)))
    shown = table.sort_values(["rank", "gene"], kind="stable").head(_MOST_ROWS)
    columns = ["rank", "symbol", "gene", "attribution", "knockout_effect", "stability"]
    data = {
        "columns": [
            [str(value) for value in shown[name]]
            if name in ("symbol", "gene")
            else [None if pd.isna(value) else float(f"{value:.3g}") for value in shown[name]]
            for name in columns
        ],
        "levels": [],
    }
    first = [[blocks.cell(value, 3, 60) for value in row] for row in shown[columns].head(20).itertuples(index=False, name=None)]
    note = "Stability: how far the ranks agree between folds. Genes of low stability are not worth a story."
    if len(table) > len(shown):
        note += f" The first {len(shown):,} of {len(table):,} genes; all are in attributions.tsv."
    heads = [name.replace("_", " ") for name in columns]
    content.append(
        blocks.GeneTable(
            "attribution-genes", "Genes by attribution", heads, [name not in ("symbol", "gene") for name in columns], data, first, note
        )
    )
    content.append(
        blocks.Prose(
            f"Attributions are of the models as trained here on {wording.count(len(results.samples), 'sample')}; they"
            f" describe the model, not the disease."
        )
    )
    return Section("attributions", _TITLE, told, content)
