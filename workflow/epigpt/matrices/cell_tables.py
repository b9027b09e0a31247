"""Tables that say of each cell which sample it is of, and what kind of cell."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from epigpt.genes.patterns import text_of
from epigpt.matrices.csv_dialect import decode, split_line
from epigpt.matrices.csv_layout import Layout, NoTable
from epigpt.matrices.delimited import layout_of
from epigpt.matrices.sample_matching import Match, SampleNames, match
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.text_streams import as_utf8

_TEXT = re.compile(r"\.(tsv|csv|txt|tab)(\.(gz|bz2|xz))?$", re.IGNORECASE)
_LARGEST = 1 << 29
# Columns of the list of libraries that Cell Ranger's aggr is given.
_AGGREGATED = {"molecule_h5", "sample_outs"}
_LIBRARY = re.compile(r"-\d+$")
CELL_TYPE = re.compile(
    r"(major|minor|broad|fine|predicted)?[ ._-]*(cell|sub)[ ._-]*"
    r"(type|class|identity|label|annotation)s?"
    r"|annotation|celltype.*|cell[ ._-]*type.*|(seurat[ ._-]*)?clusters?|ident",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CellTable:
    """Which sample each cell is of.

    Attributes
    ----------
    name
        The file.
    sample
        Key of a cell → sample id.
    cells
        Index: keys; the other columns of the table as text.
    rule
        How the table was read, for the report.
    key
        What tells of a cell's name which row it is: its plain name, or the suffix of its library.
    """

    name: str
    sample: dict[str, str]
    cells: pd.DataFrame
    rule: str
    key: Callable[[str], str]

    def match(self, names: Sequence[str]) -> Match | None:
        """Match cells to their samples; None unless most of them are in the table."""
        owned = {name: self.sample[key] for name in names if (key := self.key(name)) in self.sample}
        if len(owned) < 0.5 * len(names):
            return None
        return Match(owned, self.rule, per_sample=True)

    def about(self, names: Sequence[str]) -> pd.DataFrame:
        """Return what the table says of some cells, in their order."""
        rows = self.cells.reindex([self.key(name) for name in names])
        return rows.set_axis(list(names)).fillna("")


def plain(name: str) -> str:
    """Return a cell's name as it is whatever R made of it: without quotes, R's X, and with one kind
    of separator."""
    return re.sub(r"[^A-Za-z0-9]+", ".", re.sub(r"^X(?=\d)", "", text_of(name))).strip(".").upper()


def library(name: str) -> str:
    """Return the suffix by which a barcode names its library, as in `AAACCTGAGAAACCAT-2`; "" where
    it has none."""
    found = _LIBRARY.search(name)
    return found.group() if found else ""


def find(
    members: Sequence[Member], names: Sequence[str], samples: SampleNames, budget: Budget
) -> CellTable | None:
    """Find the table that names the cells in one column and samples of the record in another.

    Parameters
    ----------
    members
        Files beside the matrix.
    names
        The cells' names, or the first thousands of them.
    samples
        The samples of the record.
    budget
        Bound on unpacked bytes.
    """
    wanted = {plain(name) for name in names}
    for member in members:
        if not _TEXT.search(member.base) or member.size > _LARGEST:
            continue
        try:
            layout = layout_of(member, budget)
        except NoTable:
            continue
        if _AGGREGATED & {name.lower() for name in layout.header}:
            found = _of_libraries(member.base, _read(member, layout, budget), names, samples)
        elif (column := _cell_column(layout, wanted)) is not None:
            found = _of(member.base, _read(member, layout, budget), column, samples)
        else:
            found = None
        if found is not None:
            return found
    return None


def _of_libraries(
    name: str, table: pd.DataFrame, cells: Sequence[str], samples: SampleNames
) -> CellTable | None:
    """Read the list of libraries that Cell Ranger's `aggr` was given: the barcodes of the n-th end
    in -n."""
    suffixes = set(map(library, cells))
    if not suffixes <= {f"-{number}" for number in range(1, len(table) + 1)}:
        return None
    for column in table.columns:
        matched = match(table[column].tolist(), samples, cells=False)
        if matched is not None and len(matched.samples) == len(table):
            libraries = {
                f"-{at + 1}": matched.samples[text] for at, text in enumerate(table[column])
            }
            rule = f"the barcodes' suffix, the row of {name} (column '{column}', {matched.rule})"
            return CellTable(name, libraries, pd.DataFrame(), rule, library)
    return None


def _cell_column(layout: Layout, wanted: set[str]) -> int | None:
    """Find the column whose cells are names of cells of the matrix."""
    for column in range(min(len(layout.header), 50)):
        cells = [plain(cell) for cell in layout.column(column)]
        if len(cells) > 1 and sum(cell in wanted for cell in cells) >= 0.5 * len(cells):
            return column
    return None


def _read(member: Member, layout: Layout, budget: Budget) -> pd.DataFrame:
    with as_utf8(member.open(budget)) as stream:
        lines = decode(stream.read())[0].splitlines()
    width = len(layout.header)
    rows = [
        [text_of(cell) for cell in cells]
        for line in lines[layout.skipped :]
        if len(cells := split_line(line, layout.delimiter)) == width
    ]
    return pd.DataFrame(rows, columns=range(width), dtype=object).set_axis(
        [name or f"column {at + 1}" for at, name in enumerate(layout.header)], axis=1
    )


def _of(name: str, table: pd.DataFrame, column: int, samples: SampleNames) -> CellTable | None:
    keys = [plain(cell) for cell in table.iloc[:, column]]
    best: tuple[int, str, Match] | None = None
    for position, other in enumerate(table.columns):
        values = table.iloc[:, position]
        distinct = sorted(set(values) - {""})
        if position == column or not 0 < len(distinct) < 0.5 * len(values):
            continue
        matched = match(distinct, samples, cells=False)
        if (
            matched is not None
            and len(matched.samples) >= 0.5 * len(distinct)
            and (best is None or len(matched.samples) > best[0])
        ):
            best = (len(matched.samples), str(other), matched)
    if best is None:
        return None
    _, owner, matched = best
    owned = {
        key: matched.samples[text]
        for key, text in zip(keys, table[owner], strict=True)
        if text in matched.samples
    }
    described = table.set_axis(keys)
    described = described[~described.index.duplicated()]
    rule = f"column '{owner}' of {name} ({matched.rule})"
    return CellTable(name, owned, described, rule, plain)


def cell_types(cells: pd.DataFrame) -> pd.Series | None:
    """Return the column that names the kind of each cell; None where there is none."""
    for column in cells:
        if CELL_TYPE.fullmatch(str(column)) and 1 < cells[column].nunique() <= 200:
            return cells[column]
    return None
