"""Which files make up a sparse matrix, by name: matrix.mtx, barcodes and features (or genes)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from epigpt.matrices.streams import Member

_MTX = re.compile(r"\.mtx(\.(gz|bz2|xz))?$", re.IGNORECASE)
_TEXT = re.compile(r"\.(tsv|csv|txt|tab)(\.(gz|bz2|xz))?$", re.IGNORECASE)
_AT_END = re.compile(r"[._-]?(matrix|counts?|expression|dge|count[_-]matrix)$", re.IGNORECASE)
_ANYWHERE = re.compile(r"(?<![A-Za-z])matrix(?![A-Za-z])", re.IGNORECASE)
# What a file of names is called, the clearest first: a table of the cells may have an order of its
# own, and a word such as `cells` may be the sample's (`T_cells_barcodes.tsv`).
_ROLES = tuple(
    (role, re.compile(pattern, re.IGNORECASE))
    for role, pattern in (
        ("barcodes", r"barcodes?"),
        ("features", r"(all[_-]?)?features?"),
        ("features", r"(all[_-]?)?genes?([_-]?(names|ids))?|rownames"),
        ("barcodes", r"cell[_-]?(names|ids)|colnames"),
        ("barcodes", r"(?<![A-Za-z])cells?(?![A-Za-z])(?![_-]?meta)"),
        ("barcodes", r"cell[_-]?meta[_-]?data"),
    )
)


@dataclass(frozen=True)
class Triplet:
    """The three files of one matrix; `name` is what their names have in common."""

    name: str
    matrix: Member
    barcodes: Member | None
    features: Member | None


@dataclass(frozen=True)
class _Companion:
    """A file of names: what its name says beside its role, before it and in all, and how clear the
    role is (0: clearest)."""

    member: Member
    keys: tuple[str, str]
    rank: int


def triplets(members: Sequence[Member]) -> tuple[list[Triplet], list[Member]]:
    """Put the files of sparse matrices together by name; give the triplets and the members that
    belong to none.

    A file of features (or barcodes) that stands alone serves all matrices that lack one of their
    own.
    """
    matrices = [(_matrix_key(member), member) for member in members if _MTX.search(member.base)]
    if not matrices:
        return [], list(members)
    companions: dict[str, list[_Companion]] = {"barcodes": [], "features": []}
    for member in members:
        if _TEXT.search(member.base) and (found := _companion_of(member)) is not None:
            role, companion = found
            companions[role].append(companion)
    sets, used = [], set()
    keys = {key for key, _ in matrices}
    for key, matrix in sorted(matrices, key=lambda pair: (pair[0], pair[1].name)):
        barcodes, features = (
            _of_matrix(key, companions[role], keys) for role in ("barcodes", "features")
        )
        sets.append(Triplet(_name(matrix), matrix, barcodes, features))
        used |= {part.name for part in (matrix, barcodes, features) if part is not None}
    return sets, [member for member in members if member.name not in used]


def _matrix_key(member: Member) -> str:
    return _key(member, _without_matrix(_MTX.sub("", member.base)))


def _without_matrix(stem: str) -> str:
    """Leave out of a name the word that says that it is the matrix."""
    shorter = _AT_END.sub("", stem)
    return shorter if shorter != stem else _ANYWHERE.sub("", stem, count=1)


def _key(member: Member, words: str) -> str:
    folder = member.name.rpartition("/")[0]
    return f"{folder}/{re.sub(r'[._-]+', '_', words).strip('_').casefold()}"


def _name(matrix: Member) -> str:
    folder, slash, base = matrix.name.rpartition("/")
    bare = re.sub(r"([._-])[._-]+", r"\1", _without_matrix(_MTX.sub("", base))).strip("._-")
    return f"{folder}{slash}{bare}".rstrip("/") or matrix.name


def _companion_of(member: Member) -> tuple[str, _Companion] | None:
    """Return which of the two files of names a file is by the clearest word of its name, the last
    one of its kind."""
    stem = _TEXT.sub("", member.base)
    for rank, (role, pattern) in enumerate(_ROLES):
        if found := list(pattern.finditer(stem)):
            before, after = stem[: found[-1].start()], stem[found[-1].end() :]
            keys = (_key(member, before), _key(member, f"{before}_{after}"))
            return role, _Companion(member, keys, rank)
    return None


def _of_matrix(key: str, companions: Sequence[_Companion], matrices: set[str]) -> Member | None:
    """Find the file of names of a matrix: its own, else one that serves several."""
    own = [one for one in companions if key in one.keys]
    if own:
        best = min(own, key=lambda one: (one.rank, key != one.keys[0], one.member.name))
        return best.member
    free = [one for one in companions if not matrices.intersection(one.keys)]
    # `spliced.mtx` and `unspliced.mtx` of one sample have their names in common.
    shared = [one for one in free if one.keys[1] and key.startswith(f"{one.keys[1].rstrip('_')}_")]
    free = shared or free
    clearest = [one for one in free if one.rank == min(other.rank for other in free)]
    return clearest[0].member if len(clearest) == 1 else None
