"""What was found in a piece of a series: a matrix that may be the counts, or why it is not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices import cell_evidence, dee2, gene_rows
from epigpt.matrices.cell_tables import CellTable
from epigpt.matrices.formats import Reading
from epigpt.matrices.sample_matching import SampleNames
from epigpt.matrices.streams import Budget
from epigpt.matrices.value_kind import IN_WORDS, ValueKind
from epigpt.matrices.values import Values


@dataclass
class Candidate:
    """A matrix that was read.

    Attributes
    ----------
    name, shape
        File (or set of files) and its kind, as shown to users.
    values
        The numbers; emptied once the matrix cannot be chosen any more.
    samples
        Sample id per observation, "" where it has none.
    kind
        What kind of numbers.
    single_cell
        Whether observations are cells.
    facts
        Further entries for the report: orientation, delimiter, matched_by, other_columns.
    size
        Observations and genes.
    cells
        What is known of each observation beside its sample (its cell type); empty for bulk.
    glob
        What to write into the cell `matrix` to choose it.
    rank
        Among matrices of one file, how well its name fits counts: 0 fits best.
    exons
        Whether its rows are exons or parts of genes.
    """

    name: str
    shape: str
    values: Values
    samples: list[str]
    kind: ValueKind
    single_cell: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    glob: str = ""
    rank: int = 0
    exons: bool = False

    def __post_init__(self) -> None:
        self.size = (int(self.values.matrix.shape[0]), int(self.values.matrix.shape[1]))
        self.glob = self.glob or self.name

    @property
    def in_words(self) -> str:
        """Return what the file holds, for a list to choose from."""
        matched = len(set(self.samples) - {""})
        what = "cells" if self.single_cell else "samples"
        rows = "exons" if self.exons else "genes"
        return (
            f"{self.name}: {self.shape}, {self.size[0]} {what} ({matched} of the record's samples)"
            f" × {self.size[1]} {rows}, {IN_WORDS[self.kind.type]}"
        )

    def release(self) -> None:
        """Forget the numbers."""
        self.values = Values(sparse.csr_array((0, 0)), [], [])


@dataclass(frozen=True)
class Rejected:
    """A file that cannot be used, and why; `names` are the sample-like names it holds."""

    file: str
    reason: str
    names: tuple[str, ...] = ()
    refusal: InputError | None = None


def _no_table() -> tuple[Mapping[str, str], str]:
    return {}, ""


@dataclass(frozen=True)
class Search:
    """What is looked for.

    Attributes
    ----------
    samples
        The samples of the record or sheet.
    pattern
        The cell `matrix`.
    allowed
        Kinds of values accepted beside raw counts.
    budget
        Bound on unpacked bytes.
    scratch
        A folder for unpacked copies, removed by the caller.
    assay
        The cell `assay`.
    wanted
        Samples that the cell `include` keeps: a matrix of none of them is not a candidate.
        None: all.
    organism
        The species of the data set; None where neither row nor record settles it.
    record
        What the record says of single cells.
    transcripts
        The user's table of transcripts and genes.
    table
        Gives transcript → gene on demand.
    cells
        The table that says which sample each cell is of, once one is found.
    runs
        The runs that DEE2 counted.
    """

    samples: SampleNames
    pattern: str
    allowed: frozenset[str]
    budget: Budget
    scratch: Path
    assay: str = "auto"
    wanted: frozenset[str] | None = None
    organism: str | None = None
    record: cell_evidence.Record = field(default_factory=cell_evidence.Record)
    transcripts: Path | None = None
    table: gene_rows.Table = _no_table
    cells: CellTable | None = None
    runs: dee2.Runs = field(default_factory=dee2.Runs)

    @property
    def reading(self) -> Reading:
        """What readers of formats need."""
        return Reading(self.budget, self.scratch)
