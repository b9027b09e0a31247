"""What a description of a series holds."""

from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from epigpt.config.dataset_row import Row
from epigpt.errors import InputError
from epigpt.samples.label_candidates import Candidate


@dataclass(frozen=True)
class File:
    """A file of the series: its size where the listing tells it, whether a run would download it
    and why (not), what is in it."""

    name: str
    bytes: int | None
    fetched: bool
    reason: str
    members: tuple[str, ...] = ()


@dataclass
class Description:
    """Everything that `epigpt describe` shows.

    Attributes
    ----------
    source, title, summary
        Accession or path, and what the record says of it.
    facts
        Name → value: types, organisms, platforms, status and so on.
    samples
        Columns sample, title, then the characteristics as they stand in samples.tsv.
    kept
        Number of samples that filters and choices leave; what follows is about them.
    characteristics
        For each its values with their counts, most frequent first, and the number of samples
        without one.
    files
        Supplementary files; empty for a sheet.
    problems
        What stands against analysing it as it is: choices that have to be made, or why EpiGPT
        cannot read it.
    candidates
        Possible labels, best first.
    group
        Characteristic that looks like the donor, or `sample`.
    group_to_consider
        Where every sample is its own: what may name the donors all the same, or "".
    confounding
        The first candidate against the other characteristics, as `confounding.table` gives it.
    rows
        Rows of datasets.tsv, the first the most likely one.
    notes
        What the reader decided.
    """

    source: str
    title: str
    summary: str
    facts: dict[str, str]
    samples: pd.DataFrame
    characteristics: dict[str, dict[str, Any]]
    kept: int = 0
    files: list[File] = field(default_factory=list)
    problems: list[InputError] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    group: str = "sample"
    group_to_consider: str = ""
    confounding: pd.DataFrame = field(default_factory=pd.DataFrame)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return {
            "source": self.source,
            "title": self.title,
            "summary": self.summary,
            "facts": self.facts,
            "samples": self.samples.to_dict("records"),
            "kept": self.kept,
            "characteristics": self.characteristics,
            "files": [asdict(file) for file in self.files],
            "problems": [
                {"found": one.found, "where": one.where, "why": one.why, "remedy": one.remedy}
                for one in self.problems
            ],
            "candidates": [
                {**one.as_dict(), "auto": place == 0} for place, one in enumerate(self.candidates)
            ],
            "group": self.group,
            "confounding": self.confounding.to_dict("records"),
            "rows": [asdict(row) for row in self.rows],
            "notes": self.notes,
        }
