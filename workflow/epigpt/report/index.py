"""All data sets side by side: what was asked, how GPT-2 did, which of the paper's claims hold
where."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import files
from epigpt.provenance import run_outcome
from epigpt.report import blocks, claims_matrix, figure_writer, wording
from epigpt.report.blocks import Cell, Table
from epigpt.report.entries import Entry, on_disk, read
from epigpt.report.figures import index as figures
from epigpt.report.frame import assets, environment

_NO_VERDICT = "no verdict yet"
_COLUMNS = [
    "data set",
    "status",
    "verdict",
    "GPT-2, AUC",
    "best rival, AUC",
    "difference",
    "samples",
    "donors",
    "organism",
    "assay",
    "genes at FDR 5 %",
]
_NUMERIC = [False, False, False, True, True, True, True, True, False, False, True]


def write(
    results: Path, datasets: list[str], output: Path, refused: Mapping[str, str] | None = None
) -> None:
    """Write the index of `datasets`, and of every other data set that lies in `results`, to
    `output`.

    Parameters
    ----------
    datasets
        Those of this run's table, which come first.
    refused
        Why a data set was refused or failed in this run; of those that an earlier run left without
        a report, their logs say it.
    """
    others = on_disk(results, datasets)
    reasons = {
        outcome.dataset: outcome.reason
        for outcome in run_outcome.of_folders([results / name for name in others])
        if not outcome.finished
    }
    reasons |= dict(refused or {})
    entries = [
        replace(read(results / name), refused=reasons.get(name, ""), of_this_run=name in datasets)
        for name in [*datasets, *others]
    ]
    files.write_text(output, render(entries))


def render(entries: list[Entry]) -> str:
    """Return the page's text."""
    rows = [_row(entry) for entry in entries]
    verdicts = [_verdict(entry) for entry in entries]
    per_verdict = [f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts)]
    overview = Table(
        "overview",
        "All data sets",
        _COLUMNS,
        rows,
        _NUMERIC,
        "Best rival: the highest AUC among the baselines and GPT-2 without its blocks, on the same"
        " folds; the difference stands with the interval that holds for all rivals at once.",
        folded=1000,
        search=True,
    )
    filters = [
        (name, column, sorted({row[column].shown for row in rows} - {""}))
        for name, column in (("Verdict", 2), ("Status", 1), ("Organism", 8), ("Assay", 9))
    ]
    matrix, told = claims_matrix.matrix(entries)
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            headline=wording.count(len(entries), "data set"),
            sentence=(
                f"Verdicts: {wording.listing(per_verdict)}."
                if per_verdict
                else "The table of data sets is empty."
            ),
            overview=overview,
            forest=figure_writer.inline(figures.forest(_scores(entries))),
            filters=filters,
            claims=matrix,
            claims_sentence=told,
            **assets("report.css", "report.js"),
        )
    )


def _row(entry: Entry) -> list[Cell]:
    verdict = str(entry.verdict.get("verdict") or "")
    auc = entry.auc["estimate"]
    own = float(auc.get("finetuned", math.nan))
    best = str(entry.verdict.get("best_rival") or "")
    other = float(auc.get(best, math.nan))
    series = entry.reading.get("series") or {}
    organism = entry.reading.get("organism") or series.get("organisms") or ""
    return [
        Cell(
            entry.dataset,
            entry.dataset,
            link=entry.link,
            packed=entry.packed,
            detail=_title(series, bool(entry.reading.get("simulated"))),
        ),
        Cell(*_status(entry)),
        Cell(
            _verdict(entry),
            verdict,
            str(entry.verdict.get("tone") or ""),
            detail=wording.short(str(entry.verdict.get("reason") or ""), 160),
        ),
        _score(own),
        _score(other, wording.MODEL_NAMES.get(str(best), str(best))),
        _difference(entry.verdict.get("difference_to_best_rival")),
        blocks.cell(len(entry.samples)),
        blocks.cell(entry.samples["group"].nunique()),
        blocks.cell(", ".join(organism) if isinstance(organism, list) else str(organism), most=40),
        blocks.cell(str(entry.reading.get("assay") or "").replace("_", " ")),
        blocks.cell(entry.significant),
    ]


def _verdict(entry: Entry) -> str:
    """Name a verdict as of every data set: its page alone calls donors litters, or cell lines."""
    badge = str(entry.verdict.get("badge") or _NO_VERDICT)
    return badge if entry.verdict.get("verdict") != "too_few_donors" else "too few donors"


def _title(series: dict[str, Any], simulated: bool) -> str:
    title = wording.short(str(series.get("title") or ""), 110)
    return title if not simulated or "simulated" in title.lower() else f"Simulated: {title}"


def _status(entry: Entry) -> tuple[str, str]:
    """Return how far the data set has come."""
    if entry.refused:
        return f"refused: {entry.refused}", "refused"
    if not entry.has_report:
        return ("no report yet", "no_report") if entry.reading else ("not read yet", "not_read")
    told, code = (
        ("complete", "complete")
        if entry.metrics["estimate"].notna().any()
        else ("described only", "described")
    )
    return (told, code) if entry.of_this_run else (f"{told} (another table)", code)


def _scores(entries: list[Entry]) -> pd.DataFrame:
    """Return AUC and interval of GPT-2 and of its best rival, a row per data set that has both."""
    rows = []
    for entry in entries:
        auc = entry.auc
        best = str(entry.verdict.get("best_rival") or "")
        if not {"finetuned", best} <= set(auc.index):
            continue
        own, other = auc.loc["finetuned"], auc.loc[best]
        difference = entry.verdict.get("difference_to_best_rival") or {}
        rows.append(
            {
                "dataset": entry.dataset,
                **{f"own_{name}": own[name] for name in ("estimate", "low", "high")},
                "rival": wording.MODEL_NAMES.get(best, best),
                **{f"rival_{name}": other[name] for name in ("estimate", "low", "high")},
                **{
                    f"difference_{name}": difference.get(name, math.nan)
                    for name in ("estimate", "low", "high")
                },
            }
        )
    return pd.DataFrame(rows)


def _difference(found: Any) -> Cell:
    if not isinstance(found, dict) or found.get("estimate") is None:
        return Cell("–", "")
    interval = f"{wording.signed(found['low'])} to {wording.signed(found['high'])}"
    return Cell(wording.signed(found["estimate"]), f"{found['estimate']:.6g}", detail=interval)


def _score(value: float, detail: str = "") -> Cell:
    return Cell(wording.score(value), "" if math.isnan(value) else f"{value:.6g}", detail=detail)
