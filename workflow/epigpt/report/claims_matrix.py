"""Which claim about epilepsy holds in which data set."""

import pandas as pd

from epigpt.report import wording
from epigpt.report.blocks import Cell, Table
from epigpt.report.entries import Entry


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
    """Return the tone of an outcome: held, contradicted, neither."""
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


def matrix(entries: list[Entry]) -> tuple[Table | None, str]:
    """Return the table of claims, None where no data set has one, and the sentence above it."""
    told = (
        "Which of the paper's claims hold in which data set: claims stay per data set, since"
        " laboratories and models agree only in part."
    )
    outcomes: dict[str, dict[str, str]] = {}
    for entry in entries:
        if entry.claims.empty or not entry.about_epilepsy:
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
                link=entry.link,
                packed=entry.packed,
                detail=entry.compared,
            ),
            *[
                Cell(
                    result.replace("_", " ") or "–",
                    result,
                    claim_tone(result),
                )
                for result in (outcomes[name].get(entry.dataset, "") for name in names)
            ],
        ]
        for entry in entries
        if not entry.claims.empty and entry.about_epilepsy
    ]
    return (
        Table(
            "claims",
            "Every claim in every data set",
            ["data set", *[wording.short(name, 60) for name in names]],
            rows,
            [False] * (len(names) + 1),
            "Data sets whose record speaks of epilepsy; under each name stands what was compared."
            " Not assessable: missing or not tested, not unchanged.",
            folded=1000,
            search=True,
        ),
        told,
    )
