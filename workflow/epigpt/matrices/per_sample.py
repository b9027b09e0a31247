"""Files that hold one sample each, as in GEO's RAW.tar: found by their names, read one after the
other, joined by gene."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py

from epigpt.errors import InputError
from epigpt.matrices import hdf5, matrix_market, table_layout
from epigpt.matrices.csv_dialect import ANNOTATION_COLUMN, Layout, NoTable
from epigpt.matrices.delimited import Values, layout_of
from epigpt.matrices.matrix_market import Triplet
from epigpt.matrices.sample_matching import SampleNames, like_barcodes, match
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.value_kind import hint

Piece = Member | Triplet
_QUANTITIES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(raw|read|unique|umi)?[ ._-]*counts?([ ._-].*)?|num[ ._-]?reads|reads|umis?",
        r"(expected|est|estimated)[ ._-]?counts?|numreads",
        r"tpm",
        r"f?rpkm|fpkm",
        r"value|expression",
    )
]
_TRANSCRIPT = re.compile(r"ENS[A-Z]{0,6}T\d{11}")


@dataclass(frozen=True)
class PerSample:
    """Files of the same kind, one per sample.

    Attributes
    ----------
    name
        What is shown: the archive or folder, and the kind.
    pieces
        Sample id → file or triplet.
    """

    name: str
    pieces: Mapping[str, Piece]
    rule: str


def base_of(piece: Piece) -> str:
    """Give the last part of a piece's name; of a triplet named only `matrix`, its folder's too."""
    name = piece.name
    base = name.rsplit("/", 1)[-1]
    # A nested archive carries the sample's name: GSM1_liver.tar.gz/matrix.mtx
    return (
        base
        if not isinstance(piece, Triplet) or re.search(r"\d", base)
        else "/".join(name.split("/")[-3:])
    )


def group(pieces: Sequence[Piece], samples: SampleNames) -> tuple[list[PerSample], list[Piece]]:
    """Find the sets of files that hold one sample each; give them and the files that belong to
    none.

    A set has at least two files of one kind (counts, FPKM, triplets …) in one archive or folder,
    each named by another sample.
    """
    kinds: dict[tuple[str, str], list[Piece]] = defaultdict(list)
    for piece in pieces:
        kinds[_container(piece), _kind(piece)].append(piece)
    sets, rest = [], []
    for (container, kind), members in sorted(kinds.items()):
        names = {base_of(piece): piece for piece in members}
        found = match(list(names), samples, cells=False)
        owned = (
            {found.samples[name]: piece for name, piece in names.items() if name in found.samples}
            if found
            else {}
        )
        archived = container != ""
        if len(owned) >= (1 if archived and len(samples.ids) == 1 else 2):
            sets.append(
                PerSample(
                    f"{container or 'files'} ({len(owned)} × {kind})",
                    dict(sorted(owned.items())),
                    found.rule if found else "",
                )
            )
            rest += [piece for piece in members if piece not in owned.values()]
        else:
            rest += members
    return sets, rest


def _container(piece: Piece) -> str:
    return piece.name.split("/", 1)[0] if "/" in piece.name else ""


def _kind(piece: Piece) -> str:
    if isinstance(piece, Triplet):
        return "sparse matrix"
    base = re.sub(r"\.(gz|bz2|xz)$", "", piece.base, flags=re.IGNORECASE)
    ending = base.rsplit(".", 1)[-1].lower() if "." in base else "text"
    said = hint(base)
    return f".{ending}" + (f" named {said}" if said not in ("", "counts") else "")


def pieces_of(found: PerSample, budget: Budget, scratch: Path) -> Iterator[tuple[str, Values]]:
    """Read the files of a set one after the other."""
    for sample, piece in found.pieces.items():
        yield sample, read_piece(piece, budget, scratch)


def read_piece(piece: Piece, budget: Budget, scratch: Path) -> Values:
    """Read one sample's file, whatever its kind.

    Raises
    ------
    InputError
        It is of an unknown kind, or which of its columns holds the counts cannot be told.
    """
    if isinstance(piece, Triplet):
        return matrix_market.read(piece, budget)
    if is_hdf5(piece, budget):
        return read_hdf5(piece, budget, scratch)
    try:
        layout = layout_of(piece, budget)
    except NoTable as error:
        raise InputError(
            f"no table: {error}",
            piece.name,
            "it should hold one sample's counts",
            "name other files in the cell `matrix`",
        ) from None
    values = table_layout.read(piece, _columns_of_one(layout, piece), budget)
    if values.genes and sum(bool(_TRANSCRIPT.match(name)) for name in values.genes) > 0.5 * len(
        values.genes
    ):
        raise InputError(
            "values of transcripts, not of genes",
            piece.name,
            "they would have to be summed by a table that is not here",
            "sum them to genes (tximport) and give the counts as a table with a sample sheet",
        )
    return values


def read_hdf5(member: Member, budget: Budget, scratch: Path) -> Values:
    """Read a 10x, h5ad or loom file, told apart by content."""
    with hdf5.opened(member, budget, scratch) as file:
        return read_opened(file, member.name)


def read_opened(file: h5py.File, where: str) -> Values:
    """Read an opened HDF5 file of any of the dialects."""
    kind = hdf5.kind(file)
    if kind == "10x":
        return hdf5.read_10x(file, where)
    if kind == "loom":
        return hdf5.read_loom(file, where)
    if kind == "h5ad":
        return hdf5.read_h5ad(file, where)[0]
    raise InputError(
        "an HDF5 file that is neither 10x, h5ad nor loom",
        where,
        "its layout is unknown",
        "name another file in the cell `matrix`",
    )


def is_hdf5(member: Member, budget: Budget) -> bool:
    """Tell an HDF5 file by its content, compressed or not."""
    with member.open(budget) as stream:
        return stream.read(8) == hdf5.MAGIC


def _columns_of_one(layout: Layout, member: Member) -> table_layout.TableLayout:
    """Choose the column with one sample's counts, or all of them where they are cells."""
    names_column, symbol_column = table_layout.names_and_symbols(layout)
    numeric = [index for index in layout.numeric if index not in (names_column, symbol_column)]
    usable = [
        index
        for index in numeric
        if not ANNOTATION_COLUMN.fullmatch(layout.header[index]) or not layout.header[index]
    ]
    first_ids = layout.column(names_column)[:4]
    if (
        not layout.has_header
        and len(usable) == 3
        and any(name.startswith("N_") for name in first_ids)
    ):
        usable = usable[:1]  # STAR: unstranded, then the two strands
    if len(usable) > 1:
        for pattern in _QUANTITIES:
            if fitting := [index for index in usable if pattern.fullmatch(layout.header[index])]:
                usable = fitting[:1]
                break
    named = {index: layout.header[index] or f"column {index + 1}" for index in usable}
    if len(usable) == 1 or len(usable) > 20 or (usable and like_barcodes(list(named.values()))):
        row_names = layout.column(names_column)
        if like_barcodes(row_names) and not like_barcodes(list(named.values())):
            return table_layout.TableLayout(
                table_layout.SAMPLES_BY_GENES, names_column, None, named, None
            )
        return table_layout.TableLayout(
            table_layout.GENES_BY_SAMPLES, names_column, symbol_column, named, None
        )
    raise InputError(
        f"columns {', '.join(named.values()) or 'none'}",
        member.name,
        (
            "which of them holds the sample's counts cannot be told"
            if named
            else "none of its columns holds numbers"
        ),
        "name other files in the cell `matrix`, or give the counts as a table with a sample sheet",
    )
