"""Markers: sets with their expected direction, the excitation/inhibition score, the paper's
claims."""

from typing import Any

import pandas as pd

from epigpt.interpretation.domain import about_epilepsy
from epigpt.report import blocks, wording
from epigpt.report.blocks import Cell, Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import enrichment
from epigpt.report.figures import markers as figures
from epigpt.report.results import Results

_TITLE = "Markers"
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
    if markers.empty and claims.empty and results.balance.empty:
        return Section(
            "markers",
            _TITLE,
            told,
            missing=(
                "markers.tsv lists no gene: there is no marker table for this organism, or nothing"
                " was tested."
            ),
        )
    content: list[Any] = []
    foreign = _other_question(results)
    if foreign:
        content.append(blocks.Prose(foreign, strong=True))
    contrasts = results.contrasts["contrast"].drop_duplicates().tolist()
    if len(contrasts) > 1:
        content.append(
            blocks.Prose(
                f"Of {len(contrasts)} contrasts, markers are held against the first:"
                f" {contrasts[0]}."
            )
        )
    if len(claims):
        content.append(_claims(results, toned=not foreign))
    if len(results.marker_sets):
        content.append(_sets(results, toned=not foreign))
    content += _balance(results, plates)
    content += plates.save(figures.panels(markers))
    if markers["log2_fold_change"].isna().all():
        content.append(
            blocks.Prose(
                "No marker could be assessed: none of them is among the genes that were tested."
            )
        )
    if len(markers):
        content.append(_table(results, toned=not foreign))
    content += _enrichment(results, plates)
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


def _other_question(results: Results) -> str:
    """Say so where the record never speaks of epilepsy: the expectations were written for epileptic
    against control tissue."""
    if about_epilepsy(results.reading, results.classes):
        return ""
    compared = (
        " and ".join(f"'{wording.short(name, 40)}'" for name in reversed(results.classes))
        if len(results.classes) == 2
        else "other classes"
    )
    return (
        "The expectations below are those of epilepsy against control. This series compares"
        f" {compared} and its record does not mention epilepsy: read them as a check of the method,"
        " not as claims about the disease."
    )


def _claims(results: Results, toned: bool) -> blocks.Table:
    frame = results.claims
    rows = [
        [
            (
                Cell(
                    wording.figures(str(value)),
                    str(value),
                    _TONES.get(str(value), "") if toned and name == "verdict" else "",
                )
                if len(str(value)) < 200
                else blocks.cell(str(value))
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


def _sets(results: Results, toned: bool) -> blocks.Table:
    """Show the test of each set as a whole, donors as units."""
    frame = results.marker_sets
    rows = [
        [
            Cell(wording.short(row.title or wording.set_name(row.set), 60), row.set),
            Cell(row.expected, row.expected),
            blocks.cell(float(row.n_genes)),
            blocks.cell(float(row.difference)),
            blocks.cell(float(row.padj)),
            Cell(row.verdict, row.verdict, _TONES.get(row.verdict, "") if toned else ""),
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
        "Whole sets, tested over donors",
        ["set", "expected", "genes", "difference in mean z", "FDR", "verdict"],
        rows,
        [False, False, True, True, True, False],
        "A sample's score is the mean z of the set's genes; donors' means are compared. "
        + " ".join(cautions),
        folded=20,
    )


def _enrichment(results: Results, plates: FigureWriter) -> list[Any]:
    """Show where the user's own gene sets lie in the ranking of all genes, or why there are
    none."""
    heading = "Gene sets of your own"
    frame = results.enrichment.sort_values(["p", "set"], kind="stable", na_position="last")
    if frame.empty:
        asked = (results.provenance.get("settings") or {}).get("gene_sets")
        reason = "gene_set_enrichment.tsv lists no set: " + (
            "there is no marker table for this organism, or no contrast that ranks its genes"
            if asked
            else "none was given (setting: gene_sets, a list of GMT files)"
        )
        return [blocks.Heading(heading), blocks.Prose(f"{reason}.")]
    contrasts = results.contrasts["contrast"].drop_duplicates().tolist()
    case = contrasts[0].split(" vs ")[0] if contrasts else "the case"
    found = int(frame["padj"].lt(enrichment.THRESHOLD).sum())
    told = (
        f"{wording.count(found, 'set')} of {len(frame):,} at a false discovery rate of 5 %: see at"
        " which end of the ranking each gathers."
    )
    names = {
        "n_asked": "genes asked",
        "n_genes": "genes found",
        "score": "enrichment",
        "padj": "FDR",
        "leading_genes": "leading genes",
    }
    table = blocks.table(
        frame.rename(columns=names),
        "gene-sets",
        "The user's gene sets in the ranking of all genes",
        note=(
            "Positive: the set's genes gather among those that are higher in"
            f" {wording.short(case)}. Genes were permuted, not donors, which makes p too small"
            " where a set's genes go together."
        ),
        folded=20,
        search=True,
    )
    return [blocks.Heading(heading, told), *plates.save(enrichment.bars(frame, case)), table]


def _balance(results: Results, plates: FigureWriter) -> list[Any]:
    scores = results.balance
    if scores.empty or "score" not in scores:
        return [
            blocks.Prose("Excitation/inhibition score: excitation_inhibition.tsv lists no sample.")
        ]
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


def _table(results: Results, toned: bool) -> blocks.Table:
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
            (
                Cell(cell.shown, cell.value, _TONES.get(cell.value, "") if toned else "")
                if column == at
                else cell
            )
            for column, cell in enumerate(row)
        ]
        for row in made.rows
    ]
    return blocks.Table(
        made.id, made.caption, made.columns, rows, made.numeric, made.note, made.folded, made.search
    )
