"""Files that hold one sample each, as in GEO's RAW.tar: found by their names, read one after the
other, joined by gene."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from epigpt.errors import InputError
from epigpt.matrices import formats, orientation, table_layout
from epigpt.matrices.column_blocks import NO_COUNTS, rank_of
from epigpt.matrices.csv_layout import ANNOTATION_COLUMN, Layout, NoTable
from epigpt.matrices.delimited import layout_of
from epigpt.matrices.formats import Piece, Reading, Table
from epigpt.matrices.lanes import lane_of
from epigpt.matrices.sample_matching import SampleNames, like_barcodes, match
from epigpt.matrices.streams import Member
from epigpt.matrices.triplet_files import Triplet
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
_GSM = re.compile(r"(?<![A-Za-z0-9])GSM\d+(?!\d)", re.IGNORECASE)
_EDGE = "._- /"


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
    """

    name: str
    pieces: tuple[tuple[str, Piece], ...]
    rule: str
    glob: str
    lanes: bool = False

    @property
    def said(self) -> str:
        """What the files' names say of their numbers, where they all say the same."""
        names = [piece.name for _, piece in self.pieces]
        return names[0].rsplit("/", 1)[-1] if len({hint(name) for name in names}) == 1 else ""


def base_of(piece: Piece) -> str:
    """Return the last part of a piece's name; of a triplet named only `matrix`, its folder's
    too."""
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
        families, rule = _families(members, samples)
        fewest = 1 if container and len(samples.ids) == 1 else 2
        used: list[Piece] = []
        for part, owned in sorted(families.items()):
            distinct = {sample for sample, _ in owned}
            if len(distinct) < fewest:
                continue
            set_in_words = f"{len(distinct)} × {kind}" + (f" named {part}" if part else "")
            held = tuple(sorted(owned, key=lambda pair: (pair[0], pair[1].name)))
            glob = _glob([piece for _, piece in owned], pieces, container)
            lanes = len(owned) > len(distinct)
            sets.append(
                PerSample(f"{container or 'files'} ({set_in_words})", held, rule, glob, lanes)
            )
            used += [piece for _, piece in owned]
        rest += [piece for piece in members if piece not in used]
    return sets, rest


def _families(
    members: Sequence[Piece], samples: SampleNames
) -> tuple[dict[str, list[tuple[str, Piece]]], str]:
    """Part files of one ending by what their names say beside the sample; give the rule that
    matched them too."""
    names = {base_of(piece): piece for piece in members}
    found = match(list(names), samples, cells=False)
    several = _several(names, samples)
    if several and (found is None or len(found.samples) < len(names)):
        return several, "accession within the name"
    if found is None:
        return {}, ""
    owned = [(found.samples[name], piece) for name, piece in names.items() if name in found.samples]
    return {"": owned}, found.rule


def _several(
    names: Mapping[str, Piece], samples: SampleNames
) -> dict[str, list[tuple[str, Piece]]]:
    """Part the files of samples that have several each by the part in which their names differ."""
    ids = {sample.upper(): sample for sample in samples.ids}
    by_sample: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if (tag := _GSM.search(name)) and tag.group().upper() in ids:
            by_sample[ids[tag.group().upper()]].append(name)
    if not any(len(files) > 1 for files in by_sample.values()):
        return {}
    families: dict[str, list[tuple[str, Piece]]] = defaultdict(list)
    for sample, files in by_sample.items():
        for part, name in zip(_differing(files), files, strict=True):
            families["" if lane_of(f"x_{part}") else part].append((sample, names[name]))
    return dict(families)


def _differing(names: Sequence[str]) -> list[str]:
    """Return the part in which some names differ, whole words of it."""
    front, back = _common(names), _common([name[::-1] for name in names])[::-1]
    if len(names) == 1:
        return [""]
    start = max((front.rfind(edge) + 1 for edge in _EDGE), default=0)
    cuts = [place for edge in _EDGE if (place := back.find(edge)) >= 0]
    end = len(back) - min(cuts) if cuts else 0
    return [name[start : len(name) - end].strip(_EDGE) for name in names]


def _common(texts: Sequence[str]) -> str:
    """Return the letters that all texts begin with."""
    first, last = min(texts), max(texts)
    pairs = zip(first, last, strict=False)
    return first[: next((at for at, (one, other) in enumerate(pairs) if one != other), len(first))]


def _glob(chosen: Sequence[Piece], every: Sequence[Piece], container: str) -> str:
    """Find a pattern that the chosen files' names fit and no other's."""
    bases = [piece.name.rsplit("/", 1)[-1] for piece in chosen]
    others = [piece.name.rsplit("/", 1)[-1] for piece in every if piece not in chosen]
    ending = _common([base[::-1] for base in bases])[::-1]
    middles = sorted(set.intersection(*(set(re.split(r"[._-]", base)) for base in bases)) - {""})
    tried = [f"*{ending}", *(f"*{part}*" for part in middles)]
    for pattern in tried:
        if pattern != "*" and not any(fnmatchcase(base, pattern) for base in others):
            return pattern if others else container or pattern
    return container or f"*{ending}"


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
        yield sample, piece.name, read_piece(piece, reading)


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
