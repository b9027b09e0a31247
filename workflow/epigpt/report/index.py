"""All data sets side by side: what was asked, how GPT-2 did, which of the paper's claims hold
where."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import files
from epigpt.interpretation.domain import about_epilepsy
from epigpt.report import blocks, wording
from epigpt.report.blocks import Cell, Table
from epigpt.report.page import assets, environment
from epigpt.report.results import read_json, read_table

_NO_VERDICT = "no verdict yet"
_COLUMNS = [
    "data set",
    "status",
    "verdict",
    "GPT-2, AUC",
    "best rival, AUC",
    "difference",
    "samples",
    "groups",
    "classes",
    "organism",
    "assay",
    "genes at FDR 5 %",
]
_NUMERIC = [False, False, False, True, True, True, True, True, True, False, False, True]


@dataclass(frozen=True)
class Entry:
    """What the index shows of one data set; `packed` is the folder of its report inside Snakemake's
    own."""

    dataset: str
    reading: dict[str, Any]
    verdict: dict[str, Any]
    samples: pd.DataFrame
    metrics: pd.DataFrame
    contrasts: pd.DataFrame
    claims: pd.DataFrame
    has_report: bool
    packed: str = ""
    refused: str = ""


def write(
    results: Path, datasets: list[str], output: Path, refused: Mapping[str, str] | None = None
) -> None:
    """Write the index of `datasets`, whose folders lie in `results`, to `output`.

    Parameters
    ----------
    refused
        Why a data set was refused or failed in this run.
    """
    reasons = refused or {}
    entries = [replace(_entry(results / name), refused=reasons.get(name, "")) for name in datasets]
    files.write_text(output, render(entries))


def _entry(folder: Path) -> Entry:
    return Entry(
        dataset=folder.name,
        reading=read_json(folder / "reading.json"),
        verdict=read_json(folder / "verdict.json"),
        samples=read_table(folder, "samples", texts=True),
        metrics=read_table(folder, "metrics"),
        contrasts=read_table(folder, "differential_expression"),
        claims=read_table(folder, "claims"),
        has_report=(folder / "report.html").is_file(),
        # Snakemake's own report puts a file into a folder named by the hash of its path.
        packed=hashlib.sha256(str(folder / "report.html").encode()).hexdigest(),
    )


def render(entries: list[Entry]) -> str:
    """Give the page's text."""
    rows = [_row(entry) for entry in entries]
    verdicts = [str(entry.verdict.get("badge") or _NO_VERDICT) for entry in entries]
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
        for name, column in (("Verdict", 2), ("Status", 1), ("Organism", 9), ("Assay", 10))
    ]
    matrix, told = _claims(entries)
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
            filters=filters,
            claims=matrix,
            claims_sentence=told,
            **assets("report.css", "report.js"),
        )
    )


def _row(entry: Entry) -> list[Cell]:
    verdict = str(entry.verdict.get("verdict") or "")
    auc = (
        entry.metrics[(entry.metrics["metric"] == "auc") & entry.metrics["estimate"].notna()]
        .drop_duplicates("model")
        .set_index("model")["estimate"]
    )
    own = float(auc.get("finetuned", math.nan))
    best = str(entry.verdict.get("best_rival") or "")
    other = float(auc.get(best, math.nan))
    series = entry.reading.get("series") or {}
    organism = entry.reading.get("organism") or series.get("organisms") or ""
    return [
        Cell(
            entry.dataset,
            entry.dataset,
            link=_link(entry),
            packed=entry.packed,
            detail=_title(series, bool(entry.reading.get("simulated"))),
        ),
        Cell(*_status(entry)),
        Cell(
            str(entry.verdict.get("badge") or _NO_VERDICT),
            verdict,
            str(entry.verdict.get("tone") or ""),
            detail=wording.short(str(entry.verdict.get("reason") or ""), 160),
        ),
        _score(own),
        _score(other, wording.MODEL_NAMES.get(str(best), str(best))),
        _difference(entry.verdict.get("difference_to_best_rival")),
        blocks.cell(len(entry.samples)),
        blocks.cell(entry.samples["group"].nunique()),
        blocks.cell(entry.samples["label"].nunique()),
        blocks.cell(", ".join(organism) if isinstance(organism, list) else str(organism), most=40),
        blocks.cell(str(entry.reading.get("assay") or "").replace("_", " ")),
        blocks.cell(int(entry.contrasts["padj"].lt(0.05).sum())),
    ]


def _link(entry: Entry) -> str:
    return f"{entry.dataset}/report.html" if entry.has_report else ""


def _title(series: dict[str, Any], simulated: bool) -> str:
    title = wording.short(str(series.get("title") or ""), 110)
    return title if not simulated or "simulated" in title.lower() else f"Simulated: {title}"


def _status(entry: Entry) -> tuple[str, str]:
    """Say how far the data set has come."""
    if entry.refused:
        return f"refused: {entry.refused}", "refused"
    if not entry.has_report:
        return ("no report yet", "no_report") if entry.reading else ("not read yet", "not_read")
    return (
        ("complete", "complete")
        if entry.metrics["estimate"].notna().any()
        else ("described only", "described")
    )


def _applies(entry: Entry) -> bool:
    return about_epilepsy(entry.reading, sorted(set(entry.samples["label"])))


def _compared(entry: Entry) -> str:
    label = entry.reading.get("label") or {}
    case, control = (wording.short(label.get(key) or "", 30) for key in ("case", "control"))
    return (
        f"{case} against {control}"
        if case and control
        else wording.short(label.get("column") or "", 40)
    )


def _difference(found: Any) -> Cell:
    if not isinstance(found, dict) or found.get("estimate") is None:
        return Cell("–", "")
    interval = f"{wording.signed(found['low'])} to {wording.signed(found['high'])}"
    return Cell(wording.signed(found["estimate"]), f"{found['estimate']:.6g}", detail=interval)


def _score(value: float, detail: str = "") -> Cell:
    return Cell(wording.score(value), "" if math.isnan(value) else f"{value:.6g}", detail=detail)


def claim_columns(claims: pd.DataFrame) -> tuple[str, str]:
    """Find the columns of claims.tsv that name the claim and what became of it."""
    names = [str(name) for name in claims.columns]
    claim = next(
        (name for name in ("claim", "statement", "name", "id") if name in names),
        names[0] if names else "",
    )
    outcome = next(
        (name for name in ("verdict", "outcome", "result", "status") if name in names),
        names[-1] if names else "",
    )
    return claim, outcome


def claim_tone(outcome: str) -> str:
    """Give the tone of an outcome: held, contradicted, neither."""
    text = outcome.lower().replace("_", " ")
    if "not assess" in text or not text:
        return ""
    if any(word in text for word in ("contradict", "opposite", "refut")):
        return "bad"
    return (
        "good"
        if any(word in text for word in ("hold", "held", "confirm", "support", "agree", "replicat"))
        and "not" not in text.split()
        else "warn"
    )


def _claims(entries: list[Entry]) -> tuple[Table | None, str]:
    told = (
        "Which of the paper's claims hold in which data set: claims stay per data set, since"
        " laboratories and models agree only in part."
    )
    outcomes: dict[str, dict[str, str]] = {}
    for entry in entries:
        if entry.claims.empty:
            continue
        claim, outcome = claim_columns(entry.claims)
        for name, result in zip(
            entry.claims[claim].astype(str), entry.claims[outcome].astype(str), strict=True
        ):
            outcomes.setdefault(name, {})[entry.dataset] = result
    if not outcomes:
        return None, told
    # A row per data set: 200 of them are scrolled through more easily than 200 columns.
    names = list(outcomes)
    rows = [
        [
            Cell(
                entry.dataset,
                entry.dataset,
                link=_link(entry),
                packed=entry.packed,
                detail=_compared(entry),
            ),
            *[
                Cell(
                    result.replace("_", " ") or "–",
                    result,
                    claim_tone(result) if _applies(entry) else "",
                )
                for result in (outcomes[name].get(entry.dataset, "") for name in names)
            ],
        ]
        for entry in entries
        if not entry.claims.empty
    ]
    return (
        Table(
            "claims",
            "Every claim in every data set",
            ["data set", *[wording.short(name, 60) for name in names]],
            rows,
            [False] * (len(names) + 1),
            "Claims are about epilepsy: they are coloured where a record speaks of it; under each"
            " name stands what was compared. Not assessable: missing or not tested, not unchanged.",
            folded=1000,
            search=True,
        ),
        told,
    )
