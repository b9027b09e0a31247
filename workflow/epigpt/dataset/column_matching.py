"""How columns of the matrix and samples of the record met: for reading.json and the first lines of
log and report."""

from typing import Any

from epigpt.dataset.sample_annotation import SampleAnnotation
from epigpt.errors import InputError
from epigpt.matrices.candidate import Candidate

_MOST_NAMED = 8


def check_map(candidate: Candidate, about: SampleAnnotation) -> None:
    """Refuse a table of columns and samples of which the matrix has only a part.

    Raises
    ------
    InputError
        Samples in the table whose columns were not found.
    """
    names = about.names
    absent = sorted(set(names.mapped.values()) - set(candidate.samples))
    if absent:
        columns = [name for name, sample in names.mapped.items() if sample in absent]
        raise InputError(
            f"columns {', '.join(columns[:_MOST_NAMED])} of {names.map_name}",
            f"cell `sample_map`, against {candidate.name}",
            "the matrix has no such columns"
            + _listed(" but ", [name for name in _columns(candidate) if name not in names.mapped]),
            "write the columns' names as the matrix has them, or leave the cell `sample` of these"
            " rows empty",
        )


def summary(
    candidate: Candidate, about: SampleAnnotation, wanted: frozenset[str] | None
) -> dict[str, Any]:
    """Return what reading.json says under `matching`.

    Parameters
    ----------
    candidate
        The matrix.
    about
        The samples as described.
    wanted
        Samples that the cell `include` keeps; None: all.

    Returns
    -------
    dict
        `rule`; `columns`, `samples` and `matched`, numbers; `unmatched_columns` and
        `unmatched_samples`, lists of names. For cells, columns are cells.
    """
    described = [name for name in about.names.ids if wanted is None or name in wanted]
    present = set(candidate.samples)
    over = [
        name
        for name, sample in zip(candidate.values.observations, candidate.samples, strict=True)
        if not sample
    ] + list(candidate.facts.get("other_columns", []))
    return {
        "rule": candidate.facts.get("matched_by", ""),
        "columns": len(_columns(candidate)),
        "samples": len(described),
        "matched": sum(name in present for name in described),
        "unmatched_columns": over,
        "unmatched_samples": [name for name in described if name not in present],
    }


def warnings(candidate: Candidate, matching: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what has to stand in the first lines about columns and samples: fewer than all of
    either matched, and a rule that leans on the record's order."""
    listed = []
    columns, samples = matching["unmatched_columns"], matching["unmatched_samples"]
    if columns or samples:
        what = "cells" if candidate.single_cell else "columns"
        parts = [
            f"{len(columns)} of {matching['columns']} {what} of the matrix are not samples of the"
            f" record{_listed(': ', columns)}"
            if columns
            else "",
            f"{len(samples)} of {matching['samples']} samples of the record are not in the matrix"
            f"{_listed(': ', samples)}"
            if samples
            else "",
        ]
        text = "; ".join(filter(None, parts))
        ended = text if text.endswith("…") else f"{text}."
        listed.append({"about": "columns", "text": ended, "rows": []})
    if caution := candidate.facts.get("caution", ""):
        text = f"{caution[0].upper()}{caution[1:]}. The cell `sample_map` can say it for certain."
        listed.append({"about": "columns", "text": text, "rows": []})
    return listed


def _columns(candidate: Candidate) -> list[str]:
    return [*candidate.values.observations, *candidate.facts.get("other_columns", [])]


def _listed(before: str, names: list[str]) -> str:
    more = ", …" if len(names) > _MOST_NAMED else ""
    return f"{before}{', '.join(names[:_MOST_NAMED])}{more}" if names else ""
