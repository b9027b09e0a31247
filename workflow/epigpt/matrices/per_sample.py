"""Files that hold one sample each, as in GEO's RAW.tar: found by their names, read one after the
other, joined by gene."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from epigpt.errors import InputError
from epigpt.matrices import formats, orientation, table_layout
from epigpt.matrices.column_blocks import NO_COUNTS, rank_of
from epigpt.matrices.csv_layout import ANNOTATION_COLUMN, Layout, NoTable
from epigpt.matrices.delimited import layout_of
from epigpt.matrices.formats import Piece, Reading, Table
from epigpt.matrices.per_sample_names import contradiction_in, families_of, glob_of
from epigpt.matrices.sample_matching import SampleNames, like_barcodes
from epigpt.matrices.streams import Member
from epigpt.matrices.triplet_files import Triplet
from epigpt.matrices.union import leave_out
from epigpt.matrices.value_kind import hint
from epigpt.matrices.values import Values

_QUANTITIES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"tpm",
        r"f?rpkm|fpkm",
        r"value|expression",
    )
]


@dataclass(frozen=True)
class PerSample:
    """Files of the same kind, one per sample or several lanes of each.

    Attributes
    ----------
    name
        What is shown: the archive or folder, and the kind.
    pieces
        Sample id and file or triplet, by sample.
    rule
        How the files were matched.
    glob
        What to write into the cell `matrix` to choose these files alone.
    lanes
        Whether a sample's files are parts of one library.
    caution
        What the reader should check, "" where the names say it all.
    """

    name: str
    pieces: tuple[tuple[str, Piece], ...]
    rule: str
    glob: str
    lanes: bool = False
    caution: str = ""

    @property
    def said(self) -> str:
        """What the files' names say of their numbers, where they all say the same."""
        names = [piece.name for _, piece in self.pieces]
        return names[0].rsplit("/", 1)[-1] if len({hint(name) for name in names}) == 1 else ""


def group(pieces: Sequence[Piece], samples: SampleNames) -> tuple[list[PerSample], list[Piece]]:
    """Find the sets of files that hold one sample each; give them and the files that belong to
    none.

    A set has at least two files of one kind (counts, FPKM, triplets …) in one archive or folder,
    each named by another sample. Where a sample has several files whose names differ in one part
    (`gene` and `exon`), each such part makes a set; where that part is a lane or run, its files
    are one sample's.
    """
    kinds: dict[tuple[str, str], list[Piece]] = defaultdict(list)
    for piece in pieces:
        kinds[_container(piece), _kind(piece)].append(piece)
    sets: list[PerSample] = []
    rest: list[Piece] = []
    for (container, kind), members in sorted(kinds.items()):
        fewest = 1 if container and len(samples.ids) == 1 else 2
        if len(members) < fewest:  # whatever its name says, which takes long to ask
            rest += members
            continue
        families, rule = families_of(members, samples)
        caution = contradiction_in(families, samples) if "accession" in rule else ""
        used: list[Piece] = []
        for part, owned in sorted(families.items()):
            distinct = {sample for sample, _ in owned}
            if len(distinct) < fewest:
                continue
            set_in_words = f"{len(distinct)} × {kind}" + (f" named {part}" if part else "")
            held = tuple(sorted(owned, key=lambda pair: (pair[0], pair[1].name)))
            glob = glob_of([piece for _, piece in owned], pieces, container)
            lanes = len(owned) > len(distinct)
            sets.append(
                PerSample(
                    f"{container or 'files'} ({set_in_words})", held, rule, glob, lanes, caution
                )
            )
            used += [piece for _, piece in owned]
        rest += [piece for piece in members if piece not in used]
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


def pieces_of(found: PerSample, reading: Reading) -> Iterator[tuple[str, str, Values]]:
    """Read the files of a set one after the other; give sample, file and numbers."""
    for sample, piece in found.pieces:
        try:
            values = read_piece(piece, reading)
        except InputError as refusal:
            refusal.remedy += f"; or leave {sample} out: {leave_out(sample)}"
            raise
        yield sample, piece.name, values


def read_piece(piece: Piece, reading: Reading) -> Values:
    """Read one sample's file, whatever its format, as observations × genes.

    Raises
    ------
    InputError
        It holds no genes, or which of its columns holds the counts cannot be told.
    """
    found = next(formats.read(piece, reading))
    if not isinstance(found, Table):
        values, _ = orientation.oriented(found.values)
        _refuse_without_genes(values, piece.name)
        return values
    member = found.member
    try:
        layout = layout_of(member, reading.budget)
    except NoTable as error:
        raise InputError(
            f"no table: {error}",
            member.name,
            "it should hold one sample's counts",
            "name other files in the cell `matrix`",
        ) from None
    values = table_layout.read(member, _columns_of_one(layout, member), reading.budget)
    _refuse_without_genes(values, member.name)
    return values


def _refuse_without_genes(values: Values, where: str) -> None:
    if not orientation.gene_kind(values.genes) and not orientation.other_ids(values.genes):
        raise orientation.without_genes(where, values.genes, values.observations)


def _columns_of_one(layout: Layout, member: Member) -> table_layout.TableLayout:
    """Choose the column with one sample's counts, or all of them where they are cells or, with
    cells in rows, genes."""
    names_column, symbol_column = table_layout.names_and_symbols(layout)
    numeric = [index for index in layout.numeric if index not in (names_column, symbol_column)]
    headed = {index: layout.header[index] for index in numeric if layout.header[index]}
    row_names = layout.column(names_column)
    if orientation.genes_on(row_names, list(headed.values())) == orientation.COLUMNS:
        return table_layout.TableLayout(
            table_layout.SAMPLES_BY_GENES, names_column, None, headed, None
        )
    usable = [
        index
        for index in numeric
        if not ANNOTATION_COLUMN.fullmatch(layout.header[index]) or not layout.header[index]
    ]
    if (
        not layout.has_header
        and len(usable) == 3
        and any(name.startswith("N_") for name in row_names[:4])
    ):
        usable = usable[:1]  # STAR: unstranded, then the two strands
    ranked = sorted(usable, key=lambda index: rank_of(layout.header[index]))
    if len(usable) > 1 and rank_of(layout.header[ranked[0]]) < NO_COUNTS:
        usable = ranked[:1]
    elif len(usable) > 1:
        for pattern in _QUANTITIES:
            if fitting := [index for index in usable if pattern.fullmatch(layout.header[index])]:
                usable = fitting[:1]
                break
    named = {index: layout.header[index] or f"column {index + 1}" for index in usable}
    if len(usable) == 1 or len(usable) > 20 or (usable and like_barcodes(list(named.values()))):
        return table_layout.TableLayout(
            table_layout.GENES_BY_SAMPLES, names_column, symbol_column, named, None
        )
    raise InputError(
        f"columns {', '.join(named.values()) or 'none'}",
        member.name,
        (
            "it is unclear which of them holds the sample's counts"
            if named
            else "none of its columns holds numbers"
        ),
        "name other files in the cell `matrix`, or give the counts as a table (cell `source`) with"
        " a sample sheet (cell `samples`)",
    )
