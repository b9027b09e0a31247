"""Counts that DEE2 made of the runs of a series: runs of a sample are added, and the report says
whose counts they are."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from epigpt.matrices import table_layout
from epigpt.matrices.csv_layout import Layout
from epigpt.matrices.sample_matching import Match

COUNTS = re.compile(r"_dee2_[a-z]+_\d+\.zip/(.*/)?GeneCountMatrix\.tsv$")
RUNS = re.compile(r"_dee2_[a-z]+_runs\.tsv$")
_OTHER = re.compile(r"_dee2_[a-z]+_\d+\.zip/")


@dataclass(frozen=True)
class Runs:
    """The runs of a series.

    Attributes
    ----------
    samples
        Run → sample.
    poor
        Runs that failed DEE2's quality control.
    """

    samples: dict[str, str] = field(default_factory=dict)
    poor: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What a report says of these counts."""
        found = [
            f"The counts are those of DEE2 (Digital Expression Explorer 2), which counted"
            f" {len(self.samples)} runs of {len(set(self.samples.values()))} samples anew; they are"
            " not the authors' own."
        ]
        if self.poor:
            found.append(
                f"{len(self.poor)} runs failed DEE2's quality control and are used:"
                f" {', '.join(self.poor[:8])}{' …' if len(self.poor) > 8 else ''}."
            )
        return found


def read_runs(paths: Iterable[Path]) -> Runs:
    """Read the lists of runs that the download wrote."""
    samples: dict[str, str] = {}
    poor = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as table:
            for row in csv.DictReader(table, delimiter="\t"):
                samples[row["run"]] = row["sample"]
                if row["quality"].upper().startswith("FAIL"):
                    poor.append(row["run"])
    return Runs(samples, tuple(poor))


def is_other_part(name: str) -> bool:
    """Return whether a file is a part of an answer of DEE2 beside the counts of genes: transcripts,
    quality, logs."""
    return bool(_OTHER.search(name)) and not COUNTS.search(name)


def plans(layout: Layout, runs: Runs) -> list[table_layout.TableLayout]:
    """Read the columns of runs as parts of their samples; none where no run is known."""
    columns = {index: name for index, name in enumerate(layout.header) if name in runs.samples}
    if not columns:
        return []
    found = Match(
        {name: runs.samples[name] for name in columns.values()},
        "runs in DEE2's list",
        per_sample=True,
    )
    others: Sequence[str] = [
        name for index, name in enumerate(layout.header) if index and index not in columns
    ]
    return [
        table_layout.TableLayout(
            table_layout.GENES_BY_SAMPLES, 0, None, columns, found, "", tuple(others), lanes=True
        )
    ]
