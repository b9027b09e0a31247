"""A row of the table of data sets and what its cells mean."""

import csv
import re
from dataclasses import dataclass, fields
from io import StringIO

ORGANISMS = ("auto", "human", "mouse", "rat", "zebrafish")
ASSAYS = ("auto", "bulk", "single_cell")
ACCESSION = re.compile(r"GSE[0-9]{1,7}", re.IGNORECASE)
_FILTER = re.compile(r"(?P<name>[^=!]+?)\s*(?P<sign>!?=)\s*(?P<values>.*)")


@dataclass(frozen=True)
class Filter:
    """One condition of `include`: keep a sample if its characteristic is (not) among the values."""

    name: str
    keep: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One data set; the columns of the table as text, paths absolute, defaults filled in.

    `label`, `group` and the names in `include` mean a characteristic, else another text of the
    record (title, source_name, description, organism, platform, series …) or `column`, the name of
    the sample's column in the matrix. `NAME~REGEX` takes a part of such a text: the first group of
    the regular expression. `epigpt.samples.label_sources` resolves them.
    """

    dataset: str
    source: str
    samples: str = ""
    sample_map: str = ""
    organism: str = "auto"
    assay: str = "auto"
    matrix: str = "auto"
    label: str = "auto"
    case: str = ""
    control: str = ""
    group: str = "auto"
    contrasts: str = ""
    include: str = ""
    covariates: str = ""

    @property
    def is_accession(self) -> bool:
        """Return whether the source is a GEO series."""
        return ACCESSION.fullmatch(self.source) is not None

    @property
    def case_values(self) -> tuple[str, ...]:
        """Values of the label that make the positive class."""
        return split_values(self.case)

    @property
    def control_values(self) -> tuple[str, ...]:
        """Values of the label that make the negative class."""
        return split_values(self.control)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The conditions of `include`."""
        return parse_include(self.include)

    @property
    def inputs(self) -> list[str]:
        """Local files that the data set is made of; none for a GEO series."""
        return [] if self.is_accession else [path for path in (self.source, self.samples) if path]

    @property
    def map_files(self) -> list[str]:
        """The table of columns and samples, where there is one."""
        return [self.sample_map] if self.sample_map else []


COLUMNS = tuple(field.name for field in fields(Row))
DEFAULTS = {field.name: field.default for field in fields(Row) if isinstance(field.default, str)}


def split_values(cell: str) -> tuple[str, ...]:
    """Split a cell with several values joined by `|`."""
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def split_names(cell: str) -> tuple[str, ...]:
    """Split a cell with several names of characteristics, `,` or `;` between them."""
    return tuple(name.strip() for name in re.split(r"[,;]", cell) if name.strip())


def parse_include(cell: str) -> tuple[Filter, ...]:
    """Read `tissue=Hippocampus;sex=F;sample!=S4|S5`; ValueError names the part that is no
    condition."""
    filters = []
    for part in filter(None, (piece.strip() for piece in cell.split(";"))):
        match = _FILTER.fullmatch(part)
        if match is None or not split_values(match["values"]):
            raise ValueError(part)
        filters.append(
            Filter(match["name"].strip(), match["sign"] == "=", split_values(match["values"]))
        )
    return tuple(filters)


def row_to_paste(row: Row) -> str:
    """Write a row as a line of the table, all columns, tab-separated."""
    line = StringIO()
    # Values of a record may hold quotes, which the reader of the table takes for its own.
    csv.writer(line, delimiter="\t", lineterminator="").writerow(
        [getattr(row, name) for name in COLUMNS]
    )
    return line.getvalue()
