"""What `epigpt start` is pointed at: a series, an .h5ad file or a counts table with its sheet."""

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

from epigpt.config.dataset_row import Row
from epigpt.config.settings_data import Geo
from epigpt.dataset.h5ad_source import samples_of_h5ad
from epigpt.describe.description import Description
from epigpt.describe.series_description import describe_h5ad, describe_series, describe_sheet
from epigpt.errors import InputError
from epigpt.genes import id_kinds
from epigpt.matrices.streams import Budget
from epigpt.samples.assays import Choice
from epigpt.samples.label_candidates import Candidate
from epigpt.samples.label_rows import row_for
from epigpt.samples.sample_sheet import read_sheet
from epigpt.transport.http_client import Connection

# Cells of a sample where nobody knows their number before the matrix is here.
CELLS_OF_A_SAMPLE = 500
_ACCESSION_OF_GEO = re.compile(r"(GSE|GSM|GPL|GDS)[0-9]*", re.IGNORECASE)
# A sheet of this many rows whose first column holds genes is the table of counts.
_MANY_ROWS = 500


@dataclass(frozen=True)
class Source:
    """A source that has been looked at.

    Attributes
    ----------
    description
        What is in it.
    row
        The row of the data set table, its cells as far as they are known; paths absolute.
    observations
        What is trained on: samples or cells.
    counted
        Whether their number is known, not guessed.
    downloads
        Bytes that will be fetched; None where a server does not tell.
    """

    description: Description
    row: Row
    observations: int
    counted: bool
    downloads: int | None

    @property
    def samples_of_cells(self) -> int:
        """How many samples its cells are of; 0 of bulk samples."""
        return self.description.kept if self.row.assay == "single_cell" else 0

    @property
    def candidates(self) -> list[Candidate]:
        """Possible labels that split the samples differently, best first."""
        return [one for one in self.description.candidates if not one.same_as]

    def with_label(self, candidate: Candidate) -> "Source":
        """Return the same source with another label."""
        return replace(self, row=row_for(self.row, candidate))

    def with_group(self, group: str) -> "Source":
        """Return the same source with donors by another characteristic."""
        return replace(self, row=replace(self.row, group=group))


def look(named: str, given: Row, geo: Geo, log: logging.Logger) -> Source:
    """Look at a source; of a series its record is fetched, and no matrix.

    Parameters
    ----------
    named
        A GEO accession or a path.
    given
        What the user has decided: samples, label, group and so on; its dataset may be "".

    Raises
    ------
    InputError
        There is no such source, it measures something else than expression, or a
        table has no sheet.
    """
    path = Path(named).expanduser()
    if path.is_file():
        return _of_file(path.resolve(), given, geo)
    if given.samples:
        raise InputError(
            f"--samples {given.samples} with {named}",
            "the command line",
            "there is no file of this name, and a GEO series describes its samples itself",
            "correct the path of the table, or leave --samples out",
        )
    if not _ACCESSION_OF_GEO.fullmatch(named):
        is_folder = path.is_dir()
        raise InputError(
            f"the folder {named}" if is_folder else f"no file {named}",
            "SOURCE",
            "a source is a GEO accession, an .h5ad file or a table of counts",
            f"name a file of it, such as {named.rstrip('/')}/counts.tsv, with --samples SHEET"
            if is_folder
            else "correct the path, or give the accession of a series, such as GSE264537",
        )
    connection = Connection(geo.retries, geo.backoff_seconds, geo.timeout_seconds)
    shown = describe_series(named, geo.base_url, log, given, connection)
    for problem in shown.problems:
        if not isinstance(problem, Choice):
            raise problem
    row = replace(shown.rows[0], dataset=given.dataset or shown.source)
    fetched = [file.bytes for file in shown.files if file.fetched]
    cells = row.assay == "single_cell"
    return Source(
        shown,
        _with_given(row, given),
        shown.kept * (CELLS_OF_A_SAMPLE if cells else 1),
        not cells,
        None if None in fetched else sum(size or 0 for size in fetched),
    )


def _of_file(path: Path, given: Row, geo: Geo) -> Source:
    name = given.dataset or _name_of(path)
    row = replace(given, dataset=name, source=str(path))
    if path.name.lower().endswith(".h5ad"):
        budget = Budget.of_gigabytes(geo.max_unpacked_gb)
        samples, observations, assay = samples_of_h5ad(row, budget)
        row = replace(row, assay=assay)
        facts = {"assay": assay} | ({"cells": str(observations)} if assay != "bulk" else {})
        shown = describe_h5ad(row, samples, facts)
        return Source(shown, _with_given(shown.rows[0], given), observations, True, 0)
    if not given.samples:
        raise InputError(
            f"{path.name} without a sample sheet",
            "the command line",
            "a table of counts does not say what its samples are",
            f"add --samples SHEET, a table whose first column holds the sample ids of {path.name};"
            " `epigpt describe SHEET` shows what such a sheet says",
        )
    sheet = Path(given.samples).expanduser().resolve()
    if not sheet.is_file():
        raise InputError(
            f"no file {sheet}", "--samples", "it should be the sample sheet", "correct the path"
        )
    ids = list(read_sheet(sheet).index)
    if sheet == path or (len(ids) > _MANY_ROWS and id_kinds.id_type(ids) != "unknown"):
        raise InputError(
            f"a table of genes as the sample sheet: {sheet}",
            "--samples",
            "a sample sheet has a row for each sample",
            "give the table of counts as SOURCE and the sheet behind --samples",
        )
    shown = describe_sheet(sheet, replace(row, samples=str(sheet)))
    found = replace(shown.rows[0], dataset=name, source=str(path), samples=str(sheet))
    cells = found.assay == "single_cell"
    observations = shown.kept * (CELLS_OF_A_SAMPLE if cells else 1)
    return Source(shown, _with_given(found, given), observations, not cells, 0)


def _with_given(row: Row, given: Row) -> Row:
    """Let what the user said stand; without any possible label the series is described only."""
    said = {name: text for name in ("case", "control") if (text := getattr(given, name))}
    if row.label == "NAME":
        said |= {"label": "auto"}
    return replace(row, **said)


def _name_of(path: Path) -> str:
    """Return an id for a file's data set: its name up to the first point, made of allowed signs."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", path.name.split(".")[0]).strip("_-")
    return name if name[:1].isalpha() else f"data_{name}".rstrip("_")
