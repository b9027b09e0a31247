"""The formats that a matrix comes in: how each is recognised, and what it is read as.

A new format is one entry in `FORMATS`: a function that tells it by name and first bytes, and one
that yields what it holds, either tables of text (whose columns are still to be chosen) or matrices
whose two axes have names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from epigpt.errors import InputError
from epigpt.matrices import h5ad, hdf5_safety, matrix_market, r_objects, spreadsheets, tenx_and_loom
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.triplet_files import Triplet
from epigpt.matrices.values import Values, narrowed, without_missing

Piece = Member | Triplet


@dataclass(frozen=True)
class Table:
    """A delimited table; `spreadsheet` where it was a sheet of a workbook."""

    member: Member
    spreadsheet: bool = False


@dataclass(frozen=True)
class NamedMatrix:
    """Numbers whose axes have names, read whole.

    Attributes
    ----------
    name
        File, and object within it.
    shape
        Kind of file in words.
    values
        The numbers.
    cells
        What the file says of its observations, a row for each; empty where it says nothing.
    """

    name: str
    shape: str
    values: Values
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Reading:
    """Bounds and room for reading: unpacked bytes are counted in `budget`, copies lie in
    `scratch`."""

    budget: Budget
    scratch: Path


class Format(NamedTuple):
    """A format: its name, how it is recognised and how it is read."""

    name: str
    sniff: Callable[[Piece, Reading], bool]
    read: Callable[[Piece, Reading], Iterator[Table | NamedMatrix]]


def read(piece: Piece, reading: Reading) -> Iterator[Table | NamedMatrix]:
    """Yield what a file holds, read by the first format that recognises it.

    Raises
    ------
    InputError
        It is damaged, unsafe, or of a kind that can be recognised and not read.
    """
    for found in format_of(piece, reading).read(piece, reading):
        if isinstance(found, NamedMatrix):
            values = without_missing(found.values, found.name)
            values.matrix = narrowed(values.matrix)
            found = replace(found, values=values)  # noqa: PLW2901 - the same one, checked
        yield found


def format_of(piece: Piece, reading: Reading) -> Format:
    """Find the format of a file; what nothing else recognises is taken for a delimited table."""
    return next(known for known in FORMATS if known.sniff(piece, reading))


def _is_triplet(piece: Piece, reading: Reading) -> bool:
    return isinstance(piece, Triplet)


def _read_triplet(piece: Piece, reading: Reading) -> Iterator[NamedMatrix]:
    assert isinstance(piece, Triplet)  # noqa: S101 - told by _is_triplet
    values, cells = matrix_market.read_with_cells(piece, reading.budget)
    yield NamedMatrix(piece.name, "sparse matrix with barcodes and features", values, cells)


def _named(pattern: object) -> Callable[[Piece, Reading], bool]:
    return lambda piece, reading: (
        isinstance(piece, Member)
        and bool(
            pattern.search(piece.base)  # type: ignore[attr-defined]
        )
    )


def _member(piece: Piece) -> Member:
    assert isinstance(piece, Member)  # noqa: S101 - triplets are told first
    return piece


def _read_workbook(piece: Piece, reading: Reading) -> Iterator[Table]:
    for sheet in spreadsheets.sheets(_member(piece), reading.budget, reading.scratch):
        yield Table(sheet, spreadsheet=True)


def _is_old_workbook(piece: Piece, reading: Reading) -> bool:
    return (
        isinstance(piece, Member)
        and bool(spreadsheets.OLD_NAME.search(piece.base))
        and piece.magic().startswith(b"\xd0\xcf\x11\xe0")
    )


def _refuse_old_workbook(piece: Piece, reading: Reading) -> Iterator[Table]:
    raise InputError(
        "an old Excel workbook",
        piece.name,
        "its format is not read here",
        "open it, save the sheet with the counts as .csv and give that as source with a sample"
        " sheet (cells `source` and `samples`)",
    )
    yield


def _read_r(piece: Piece, reading: Reading) -> Iterator[NamedMatrix]:
    member = _member(piece)
    for name, values, cells in r_objects.read(member, reading.budget):
        yield NamedMatrix(member.name + (f"/{name}" if name else ""), "R object", values, cells)


def _is_hdf5(piece: Piece, reading: Reading) -> bool:
    if not isinstance(piece, Member):
        return False
    with piece.open(reading.budget) as stream:
        return stream.read(8) == hdf5_safety.MAGIC


def _read_hdf5(piece: Piece, reading: Reading) -> Iterator[NamedMatrix]:
    member = _member(piece)
    cells = pd.DataFrame()
    with hdf5_safety.opened(member, reading.budget, reading.scratch) as file:
        kind = h5ad.kind(file)
        if kind == "h5ad":
            values, cells, _ = h5ad.read_h5ad(file, member.name)
        elif kind == "10x":
            values = tenx_and_loom.read_10x(file, member.name)
        elif kind == "loom":
            values = tenx_and_loom.read_loom(file, member.name)
        else:
            raise InputError(
                "an HDF5 file that is neither 10x, h5ad nor loom",
                member.name,
                "its layout is unknown",
                "name another file in the cell `matrix`",
            )
    yield NamedMatrix(
        member.name, f"{h5ad.NAMES[{'10x': 'h5'}.get(kind, kind)]} file", values, cells
    )


def _read_table(piece: Piece, reading: Reading) -> Iterator[Table]:
    yield Table(_member(piece))


FORMATS = (
    Format("sparse matrix", _is_triplet, _read_triplet),
    Format("workbook", _named(spreadsheets.NAME), _read_workbook),
    Format("old workbook", _is_old_workbook, _refuse_old_workbook),
    Format("R object", _named(r_objects.NAME), _read_r),
    Format("HDF5", _is_hdf5, _read_hdf5),
    Format("delimited table", lambda piece, reading: True, _read_table),
)
