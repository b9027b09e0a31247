"""What the model saw."""

import math
from typing import Any

import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import attribution as figures
from epigpt.report.results import Results

_TITLE = "What the model saw"
_MOST_ROWS = 3000
_TEXTS = ("symbol", "gene", "flags")


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    told = "See which genes the model's output depends on, and whether they are those that differ."
    table = results.attributions
    silent = _silent(results)
    if silent and not table.empty:
        return Section("attributions", _TITLE, told, missing=silent)
    if table.empty:
        given = str(results.attribution_summary.get("reason") or "")
        reason = "attributions.tsv lists no gene: " + (
            given or ("not computed" if results.assessable else "no model was trained")
        )
        return Section("attributions", _TITLE, told, missing=f"{reason.rstrip('.')}.")
    rho, number = _agreement(results)
    if not math.isnan(rho):
        told += (
            f" Attribution and differential expression agree with Spearman ρ = {rho:.2f} over"
            f" {number:,} genes."
        )
    content: list[Any] = []
    facts = _facts(results.attribution_summary)
    if facts:
        content.append(blocks.Facts(facts))
    content += plates.save(figures.ranks(table, results.contrasts))
    content += plates.save(figures.overlap(results.agreement))
    shown = table.sort_values(["rank", "gene"], kind="stable").head(_MOST_ROWS)
    ids = ["gene"] if (shown["gene"] != shown["symbol"]).any() else []
    columns = ["rank", "symbol", *ids, "attribution", "knockout_effect", "p", "stability", "flags"]
    columns = [name for name in columns if name in shown]
    shown = shown.assign(**{name: _flags(shown[name]) for name in columns if name == "flags"})
    data = {
        "columns": [
            (
                [str(value) for value in shown[name]]
                if name in _TEXTS
                else [None if pd.isna(value) else float(f"{value:.3g}") for value in shown[name]]
            )
            for name in columns
        ],
        "levels": [],
    }
    first = [
        [blocks.cell(value, 3, 60) for value in row]
        for row in shown[columns].head(20).itertuples(index=False, name=None)
    ]
    note = (
        "Rank: how far a gene pushes held-out samples towards their own class. p: how often it"
        f" does as far with the labels of whole {results.units} permuted. Stability: share of"
        f" resamples of the {results.units} in which it is among the first 50. Flagged genes are"
        " not worth a story of their own: on a sex chromosome, moved by handling or dissociation,"
        " of low stability, or within chance."
    )
    if len(table) > len(shown):
        note += f" The first {len(shown):,} of {len(table):,} genes; all are in attributions.tsv."
    heads = [name.replace("_", " ") for name in columns]
    content.append(
        blocks.GeneTable(
            "attribution-genes",
            "Genes by attribution",
            heads,
            [name not in _TEXTS for name in columns],
            data,
            first,
            note,
        )
    )
    content.append(
        blocks.Prose(
            "Attributions are of the models as trained here on"
            f" {wording.count(len(results.compared), 'sample')}; they describe the model, not the"
            " disease."
        )
    )
    return Section("attributions", _TITLE, told, content)


def _silent(results: Results) -> str:
    """Return why no gene is listed, where GPT-2 was not shown to see a signal; empty otherwise."""
    if results.verdict.get("genes_are_listed", True):
        return ""
    return (
        "GPT-2 is not shown to tell the classes apart, so that the genes it leaned on say nothing"
        " about them: none is listed here."
    )


def _flags(column: pd.Series) -> pd.Series:
    return column.fillna("").astype(str).str.replace("_", " ").str.replace(";", ", ")


def _agreement(results: Results) -> tuple[float, int]:
    """Return the correlation that was computed with the attributions, or else one over the two
    tables."""
    summary = results.attribution_summary
    value = summary.get("size_rank_correlation")
    if isinstance(value, (int, float)):
        return float(value), int(summary.get("n_genes") or 0)
    rho, number, _ = figures.agreement(results.attributions, results.contrasts)
    return rho, number


def _facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return how far the attributions can be trusted."""

    def figure(key: str) -> str:
        value = summary.get(key)
        return f"{float(value):.2f}" if isinstance(value, (int, float)) else ""

    towards = str(summary.get("signed_towards") or "")
    rows = [
        (
            (
                "Positive means",
                (
                    f"more of the gene pushes samples towards '{towards}', which tells them apart"
                    if towards and towards != "own class"
                    else "towards the sample's own class"
                ),
            )
            if summary.get("computed")
            else ("", "")
        ),
        (
            "Between folds",
            (
                f"rank correlation {figure('between_folds_rank_correlation')}"
                if figure("between_folds_rank_correlation")
                else ""
            ),
        ),
        (
            "Random weights",
            (
                f"rank correlation {figure('random_weights_rank_correlation')} with a model that"
                " learned nothing: near zero is what attributions of something learned look like"
                if figure("random_weights_rank_correlation")
                else ""
            ),
        ),
        ("Method", str(summary.get("method") or "")),
        (
            "Unaccounted for",
            (
                f"{100 * float(summary['incompleteness']):.0f} % of what a sample's own output"
                " changes by, in the worst fold"
                if figure("incompleteness")
                else ""
            ),
        ),
        (
            "Beyond chance",
            (
                f"{wording.count(int(summary['above_chance']), 'gene')} with p ≤ 0.05"
                if isinstance(summary.get("above_chance"), int)
                else ""
            ),
        ),
        (
            "Same direction",
            (
                f"{100 * float(summary['same_direction']):.0f} % of the 50 first genes are"
                " attributed the direction of their change"
                if figure("same_direction")
                else ""
            ),
        ),
        (
            "Computed over",
            (
                f"{summary.get('observations', '')} held-out observations,"
                f" {wording.count(int(summary.get('folds') or 0), 'fold')}"
                if summary.get("observations")
                else ""
            ),
        ),
    ]
    return [(term, value) for term, value in rows if value]
