"""Tell what the columns of a delimited table are, which axis the samples are on, and read it
accordingly."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import pandas as pd

from epigpt.matrices import delimited, orientation
from epigpt.matrices.column_blocks import Block, blocks
from epigpt.matrices.csv_layout import ANNOTATION_COLUMN, ID_COLUMN, SYMBOL_COLUMN, Layout
from epigpt.matrices.lanes import libraries
from epigpt.matrices.sample_matching import Match, SampleNames, match
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.values import Values, narrowed, without_missing

GENES_BY_SAMPLES = "genes × samples"
SAMPLES_BY_GENES = "samples × genes"
_MOST_TEXTS = 50


@dataclass(frozen=True)
class TableLayout:
    """How a table is read.

    Attributes
    ----------
    orientation
        `GENES_BY_SAMPLES` or `SAMPLES_BY_GENES`.
    names_column, symbol_column
        Positions of the row names and of a symbol column beside them.
    columns
        Position → name of the columns to read: samples, or genes.
    match
        Samples of the observations found so far; None where nothing matched.
    quantity
        What the columns' common part says they hold ("fpkm", "counts", or "").
    others
        Numeric columns without a sample.
    lanes
        Whether the columns are lanes or runs whose samples are known by the library's name.
    rank
        How well the quantity's name fits counts: 0 fits best.
    """

    orientation: str
    names_column: int
    symbol_column: int | None
    columns: dict[int, str]
    match: Match | None
    quantity: str = ""
    others: tuple[str, ...] = ()
    lanes: bool = False
    rank: int = 0


def plans(layout: Layout, samples: SampleNames) -> list[TableLayout]:
    """Return each way to read a table: one, or one per quantity where columns of counts and FPKM
    stand side by side; none where neither axis holds genes."""
    id_column, symbol_column = names_and_symbols(layout)
    numeric = [index for index in layout.numeric if index not in (id_column, symbol_column)]
    named = {index: layout.header[index] for index in numeric if layout.header[index]}
    # A sample's column with a remark among its numbers is read, so that the cell is named rather
    # than the sample said to be missing.
    remarked = {
        index: layout.header[index]
        for index in layout.mostly_numeric
        if index not in (id_column, symbol_column)
        and layout.header[index]
        and not ANNOTATION_COLUMN.fullmatch(layout.header[index])
    }
    row_names = layout.column(id_column)
    axis = orientation.genes_on(row_names, list(named.values()))
    if axis == orientation.COLUMNS:
        matched = match(row_names, samples)
        return [TableLayout(SAMPLES_BY_GENES, id_column, None, named, matched)]
    if axis == orientation.NEITHER and not orientation.other_ids(row_names):
        by_rows = match(row_names, samples)
        if by_rows is None or not orientation.other_ids(list(named.values())):
            return []
        return [TableLayout(SAMPLES_BY_GENES, id_column, None, named, by_rows)]
    cells = {index: name for index, name in named.items() if not ANNOTATION_COLUMN.fullmatch(name)}
    cells = dict(sorted((cells | remarked | _empty_samples(layout, cells, samples)).items()))
    by_columns = [
        plan
        for block in blocks(cells, samples)
        if (plan := _by_columns(block, named, id_column, symbol_column, samples))
    ]
    # The first column without a name holds the numbers of the rows.
    nameless = [
        f"column {index + 1}, which has no name"
        for index in numeric
        if index and not layout.header[index]
    ]
    if nameless and len(by_columns) == 1:
        by_columns = [replace(by_columns[0], others=(*by_columns[0].others, *nameless))]
    return by_columns or [
        TableLayout(GENES_BY_SAMPLES, id_column, symbol_column, cells or named, None)
    ]


def _empty_samples(layout: Layout, cells: dict[int, str], samples: SampleNames) -> dict[int, str]:
    """Return columns without a value that are named like samples beside columns that have some:
    they are read, so that this is said rather than that the sample has no column."""
    empty = {index: layout.header[index] for index in layout.empty}
    found = match([*cells.values(), *empty.values()], samples) if empty else None
    return {index: name for index, name in empty.items() if found and name in found.samples}


def texts_under_samples(layout: Layout, samples: SampleNames) -> str:
    """Return which columns are named like samples and hold texts instead of numbers; "" where none
    are."""
    numbers = {*layout.numeric, *layout.mostly_numeric}
    texts = {
        name: column for column, name in enumerate(layout.header) if name and column not in numbers
    }
    found = match(list(texts), samples, cells=False)
    if found is None:
        return ""
    first = min(found.samples, key=lambda name: texts[name])
    cell = next((cell for cell in layout.column(texts[first]) if cell.strip()), "")
    return (
        f"{len(found.samples)} columns are named like samples ({first} …) and hold texts, such as"
        f" {cell!r}, where numbers are needed"
    )


def names_and_symbols(layout: Layout) -> tuple[int, int | None]:
    """Return the positions of the row names and of a symbol column beside them."""
    id_column = _id_column(layout)
    return id_column, _symbol_column(layout, id_column)


def _id_column(layout: Layout) -> int:
    """Choose the column with the row names: of text columns the first one with ids of a known kind,
    Ensembl before symbols."""
    texts = [index for index in range(min(len(layout.header), 12)) if index not in layout.numeric]
    kinds = {
        index: orientation.gene_kind(layout.column(index))
        for index in texts
        if not _is_annotation(layout.header[index])
    }
    for kind in ("ensembl", "refseq", "symbol", "probe", "transcript"):
        of_kind = [index for index in kinds if kinds[index] == kind]
        if of_kind:
            return of_kind[0]
    named = [
        index
        for index in texts
        if layout.header[index] and ID_COLUMN.fullmatch(layout.header[index])
    ]
    # Entrez ids are numbers and stand in the first column.
    return 0 if 0 in layout.numeric or not named or 0 in texts else named[0]


def _is_annotation(name: str) -> bool:
    return bool(ANNOTATION_COLUMN.fullmatch(name)) and not ID_COLUMN.fullmatch(name)


def _symbol_column(layout: Layout, id_column: int) -> int | None:
    texts = sorted({*range(len(layout.header))} - {id_column, *layout.numeric})
    named = [
        index
        for index in texts
        if layout.header[index] and SYMBOL_COLUMN.fullmatch(layout.header[index])
    ]
    return named[0] if named else None


def _by_columns(
    block: Block,
    named: dict[int, str],
    id_column: int,
    symbol_column: int | None,
    samples: SampleNames,
) -> TableLayout | None:
    # Numbers that describe genes (length, fold change) need no sample.
    of_samples = [name for name in block.columns.values() if not ANNOTATION_COLUMN.fullmatch(name)]
    owners, lanes = _owners(of_samples or list(block.columns.values()), samples)
    if owners is None or not owners.samples:
        return None
    columns = {index: name for index, name in block.columns.items() if name in owners.samples}
    others = [
        name
        for index, name in named.items()
        if index not in block.columns and not ANNOTATION_COLUMN.fullmatch(name)
    ]
    others += [name for index, name in block.columns.items() if index not in columns]
    return TableLayout(
        GENES_BY_SAMPLES,
        id_column,
        symbol_column,
        columns,
        owners,
        block.quantity,
        tuple(others) if not block.quantity else (),
        lanes,
        block.rank,
    )


def _owners(names: list[str], samples: SampleNames) -> tuple[Match | None, bool]:
    """Match columns to samples; where they are lanes of libraries, the libraries are matched."""
    matched = match(names, samples)
    if matched is not None and not matched.per_sample and len(matched.samples) == len(set(names)):
        return matched, False
    bare = libraries(names)
    if bare is None:
        return matched, False
    owners = match(list(dict.fromkeys(bare)), samples, cells=False)
    if owners is None or len(owners.samples) < 0.5 * len(set(bare)):
        return matched, False
    owned = {
        name: owners.samples[base]
        for name, base in zip(names, bare, strict=True)
        if base in owners.samples
    }
    return Match(owned, f"{owners.rule}, without the lane", per_sample=True), True


def read(
    member: Member, plan: TableLayout, budget: Budget, left_out: Collection[str] = ()
) -> Values:
    """Read the columns of a plan; genes with missing values are left out, but for those that
    observations of the names `left_out` lack."""
    columns = list(plan.columns)
    if plan.orientation == SAMPLES_BY_GENES:
        read_in = delimited.read_rows(member, budget, plan.names_column, columns)
        values = Values(
            read_in.matrix,
            [_text(name) for name in read_in.names],
            list(plan.columns.values()),
            notes=read_in.notes,
        )
    else:
        read_in = delimited.read_columns(
            member, budget, plan.names_column, columns, plan.symbol_column
        )
        values = Values(
            read_in.matrix,
            list(plan.columns.values()),
            [_text(name) for name in read_in.names],
            None if read_in.symbols is None else [_text(name) for name in read_in.symbols],
            read_in.notes,
        )
    values = without_missing(values, member.name, left_out)
    values.matrix = narrowed(values.matrix)
    return values


def about(member: Member, layout: Layout, plan: TableLayout, budget: Budget) -> pd.DataFrame:
    """Return what the table says of its observations beside the numbers: a row for each, in their
    order; columns are columns of text where observations are rows, else rows above the numbers."""
    if plan.orientation == GENES_BY_SAMPLES:
        rows = {
            next((cell for at, cell in enumerate(row) if cell and at not in plan.columns), "")
            or f"row {number}": [row[at] for at in plan.columns]
            for number, row in enumerate(layout.above, 1)
        }
        return pd.DataFrame(rows, dtype=object)
    numbers = {plan.names_column, *layout.numeric}
    columns = [at for at, name in enumerate(layout.header) if name and at not in numbers][
        :_MOST_TEXTS
    ]
    if not columns:
        return pd.DataFrame()
    read_in = delimited.read_texts(member, budget, columns)
    return pd.DataFrame(
        {
            layout.header[at]: [_text(cell) for cell in texts]
            for at, texts in zip(columns, read_in, strict=True)
        },
        dtype=object,
    )


def _text(name: object) -> str:
    return "" if name is None else str(name).strip().strip("\"'")
