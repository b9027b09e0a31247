"""Markers: sets with their expected direction, the excitation/inhibition score, the paper's
claims."""

from typing import Any

import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Cell, Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import markers as figures
from epigpt.report.results import Results

_TITLE = "Markers and claims of epilepsy"
_TONES = {
    "as expected": "good",
    "supported": "good",
    "opposite": "bad",
    "contradicted": "bad",
    "not supported": "warn",
}


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    told = (
        "See whether known markers of epilepsy move in the direction that was expected beforehand."
    )
    markers, claims = results.markers, results.claims
    if not results.about_epilepsy:
        return Section("markers", _TITLE, _closed(results))
    if markers.empty and claims.empty and results.balance.empty:
        return Section(
            "markers",
            _TITLE,
            told,
            missing="there is no marker table for this organism, or nothing was tested.",
        )
    content: list[Any] = []
    contrasts = results.contrasts["contrast"].drop_duplicates().tolist()
    if len(contrasts) > 1:
        content.append(
            blocks.Prose(
                f"Of {len(contrasts)} contrasts, markers are held against the first:"
                f" {contrasts[0]}."
            )
        )
    if len(claims):
        content.append(_claims(results))
    if len(results.marker_sets):
        content.append(_sets(results))
    content += _balance(results, plates)
    content += plates.save(figures.panels(markers))
    if markers["log2_fold_change"].isna().all():
        content.append(
            blocks.Prose(
                "No marker could be assessed: none of them is among the genes that were tested."
            )
        )
    if len(markers):
        content.append(_table(results))
    if not results.single_cell:
        content.append(
            blocks.Prose(
                "In bulk tissue a marker can change because the cells of a kind became more or"
                " fewer, not because a cell changed."
            )
        )
    met = int((markers["verdict"] == "as expected").sum())
    against = int((markers["verdict"] == "opposite").sum())
    if len(markers):
        moves = "moves" if met == 1 else "move"
        told = (
            f"Of {wording.count(len(markers), 'marker')}, {met} {moves} as expected and {against}"
            " the other way: see which sets hold together."
        )
    return Section("markers", _TITLE, told, content)


def _closed(results: Results) -> str:
    """Return why nothing is held against what is known of epilepsy, and how to have it shown."""
    settings = results.provenance.get("settings") or {}
    if settings.get("domain") == "none":
        return "Not shown: the key domain is none."
    return (
        "Not shown: the record does not speak of epilepsy (the key domain: epilepsy shows them all"
        " the same)."
    )


def _claims(results: Results) -> blocks.Table:
    frame = results.claims
    rows = [
        [
            (
                Cell(
                    results.called(wording.figures(str(value))),
                    str(value),
                    _TONES.get(str(value), "") if name == "verdict" else "",
                )
                if len(str(value)) < 200
                else blocks.cell(results.called(str(value)))
            )
            for name, value in zip(frame.columns, row, strict=True)
        ]
        for row in frame.itertuples(index=False, name=None)
    ]
    return blocks.Table(
        "claims-table",
        "Claims of the paper in this data set",
        [str(name) for name in frame.columns],
        rows,
        [False] * len(frame.columns),
        "Held in this data set alone. Not assessable is not the same as not supported.",
    )


def _sets(results: Results) -> blocks.Table:
    """Show the test of each set as a whole, donors as units."""
    frame = results.marker_sets
    rows = [
        [
            Cell(wording.short(row.title or wording.set_name(row.set), 60), row.set),
            Cell(row.expected, row.expected),
            blocks.cell(float(row.n_genes)),
            blocks.cell(float(row.difference)),
            blocks.cell(float(row.padj)),
            Cell(row.verdict, row.verdict, _TONES.get(row.verdict, "")),
        ]
        for row in frame.itertuples()
    ]
    cautions = (
        [str(text) for text in frame["caution"].drop_duplicates() if str(text)]
        if "caution" in frame
        else []
    )
    return blocks.Table(
        "marker-sets",
        f"Whole sets, tested over {results.units}",
        ["set", "expected", "genes", "difference in mean z", "FDR", "verdict"],
        rows,
        [False, False, True, True, True, False],
        "A sample's score is the mean z of the set's genes; means of"
        f" {results.units} are compared. " + " ".join(map(wording.sentence, cautions)),
        folded=20,
    )


def _balance(results: Results, plates: FigureWriter) -> list[Any]:
    scores = results.balance
    if scores.empty or "score" not in scores:
        return [blocks.Prose("Excitation/inhibition score: no sample has one.")]
    drawn: list[Any] = list(plates.save(figures.balance(scores, results.classes)))
    members = [
        f"{side.capitalize()}: {scores[side].iloc[0]}."
        for side in ("excitatory", "inhibitory")
        if side in scores and str(scores[side].iloc[0])
    ]
    return [
        blocks.Heading(
            "Excitation/inhibition score", "See whether the balance shifts between the classes."
        ),
        *drawn,
        *[blocks.Prose(text) for text in members],
    ]


def _table(results: Results) -> blocks.Table:
    frame = results.markers.rename(columns={"log2_fold_change": "log2 fold change", "padj": "FDR"})
    frame = frame.dropna(axis=1, how="all").assign(set=frame["set"].map(wording.set_name))
    if frame["gene"].isin(["", *frame["symbol"]]).mean() > 0.5:
        # Where ids are symbols, the few that are not stand below theirs.
        other = frame["gene"].where(frame["gene"] != frame["symbol"], "")
        symbols = [
            Cell(name, name, detail=wording.short(gene))
            for name, gene in zip(frame["symbol"], other, strict=True)
        ]
        frame = frame.assign(symbol=pd.Series(symbols, index=frame.index, dtype=object)).drop(
            columns="gene"
        )
    made = blocks.table(frame, "markers-table", "Markers, set by set", folded=20, search=True)
    at = [str(name) for name in frame.columns].index("verdict")
    rows = [
        [
            (Cell(cell.shown, cell.value, _TONES.get(cell.value, "")) if column == at else cell)
            for column, cell in enumerate(row)
        ]
        for row in made.rows
    ]
    return blocks.Table(
        made.id, made.caption, made.columns, rows, made.numeric, made.note, made.folded, made.search
    )
