"""Tell what the columns of a delimited table are, which axis the samples are on, and read it
accordingly."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from epigpt.genes import identifiers
from epigpt.genes.patterns import TRAILER_ROW
from epigpt.matrices import delimited
from epigpt.matrices.csv_dialect import (
    ANNOTATION_COLUMN,
    ID_COLUMN,
    QUANTITY_SUFFIX,
    SYMBOL_COLUMN,
    Layout,
)
from epigpt.matrices.delimited import Values
from epigpt.matrices.sample_matching import Match, SampleNames, like_barcodes, match
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.value_kind import hint

GENES_BY_SAMPLES = "genes × samples"
SAMPLES_BY_GENES = "samples × genes"


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
    """

    orientation: str
    names_column: int
    symbol_column: int | None
    columns: dict[int, str]
    match: Match | None
    quantity: str = ""
    others: tuple[str, ...] = ()


def plans(layout: Layout, samples: SampleNames) -> list[TableLayout]:
    """Give each way to read a table: one, or one per quantity where columns of counts and FPKM
    stand side by side."""
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
    by_columns = [
        plan
        for family in _families(dict(sorted((named | remarked).items())), samples)
        if (plan := _by_columns(family, id_column, symbol_column, samples))
    ]
    if by_columns:
        return by_columns
    row_names = layout.column(id_column)
    by_rows = match(row_names, samples)
    if by_rows is not None and not _more_like_genes(row_names, list(named.values())):
        return [TableLayout(SAMPLES_BY_GENES, id_column, None, named, by_rows)]
    cells = {index: name for index, name in named.items() if not ANNOTATION_COLUMN.fullmatch(name)}
    if like_barcodes(row_names) and not like_barcodes(list(cells.values())):
        return [TableLayout(SAMPLES_BY_GENES, id_column, None, cells, None)]
    return [TableLayout(GENES_BY_SAMPLES, id_column, symbol_column, cells, None)]


def names_and_symbols(layout: Layout) -> tuple[int, int | None]:
    """Give the positions of the row names and of a symbol column beside them."""
    id_column = _id_column(layout)
    return id_column, _symbol_column(layout, id_column)


def _more_like_genes(row_names: Sequence[str], column_names: Sequence[str]) -> bool:
    """Whether the rows rather than the columns are named like genes: sample names may look like
    either."""
    return (
        identifiers.id_type(row_names) != "unknown"
        and identifiers.id_type(column_names) == "unknown"
    )


def _id_column(layout: Layout) -> int:
    """Choose the column with the row names: of text columns the first one with ids of a known kind,
    Ensembl before symbols."""
    texts = [index for index in range(min(len(layout.header), 12)) if index not in layout.numeric]
    kinds = {
        index: identifiers.id_type(layout.column(index))
        for index in texts
        if not _is_annotation(layout.header[index])
    }
    for kind in ("ensembl", "refseq", "symbol", "probe"):
        found = [index for index in kinds if kinds[index] == kind]
        if found:
            return found[0]
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
    texts = [
        index
        for index in range(len(layout.header))
        if index != id_column and index not in layout.numeric
    ]
    named = [
        index
        for index in texts
        if layout.header[index] and SYMBOL_COLUMN.fullmatch(layout.header[index])
    ]
    return named[0] if named else None


def _families(named: dict[int, str], samples: SampleNames) -> list[tuple[str, dict[int, str]]]:
    """Part columns such as S1_counts and S1_FPKM by their quantity; one family where the names say
    none."""
    found = {index: QUANTITY_SUFFIX.search(name) for index, name in named.items()}
    said = {index: hint(part.group()) for index, part in found.items() if part}
    if len(set(said.values())) < 2:
        return [(next(iter(said.values()), "") if len(said) == len(named) else "", named)]
    families: dict[str, dict[int, str]] = {}
    for index, quantity in said.items():
        families.setdefault(quantity, {})[index] = named[index]
    return list(families.items())


def _by_columns(
    family: tuple[str, dict[int, str]],
    id_column: int,
    symbol_column: int | None,
    samples: SampleNames,
) -> TableLayout | None:
    quantity, named = family
    bare = {index: _without_quantity(name) if quantity else name for index, name in named.items()}
    for names in (named, bare):
        found = match(list(names.values()), samples)
        if found is not None and found.samples:
            columns = {index: name for index, name in names.items() if name in found.samples}
            others = [
                name
                for index, name in names.items()
                if index not in columns and not ANNOTATION_COLUMN.fullmatch(name)
            ]
            return TableLayout(
                GENES_BY_SAMPLES, id_column, symbol_column, columns, found, quantity, tuple(others)
            )
    return None


def _without_quantity(name: str) -> str:
    return re.sub(r"^[ ._-]+|[ ._-]+$", "", QUANTITY_SUFFIX.sub("", name, count=1)) or name


def read(member: Member, plan: TableLayout, budget: Budget) -> Values:
    """Read the columns of a plan; summary rows of counting programs and genes with missing values
    are left out."""
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
    values = _without_trailers(values)
    values = delimited.without_missing(values, member.name)
    values.matrix = delimited.narrowed(values.matrix)
    return values


def _text(name: object) -> str:
    return "" if name is None else str(name).strip().strip("\"'")


def _without_trailers(values: Values) -> Values:
    trailers = [index for index, name in enumerate(values.genes) if TRAILER_ROW.fullmatch(name)]
    if not trailers:
        return values
    keep = np.setdiff1d(np.arange(len(values.genes)), trailers)
    named = ", ".join(values.genes[index] for index in trailers[:6])
    return delimited.select_genes(
        values,
        keep,
        f"{len(trailers)} summary rows of the counting program were left out ({named}).",
    )
