"""Which files make up a sparse matrix, by name: matrix.mtx, barcodes and features (or genes)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from epigpt.matrices.streams import Member

_MATRIX = re.compile(
    r"[._-]?(matrix|counts?|expression|dge|count[_-]matrix)?\.mtx(\.(gz|bz2|xz))?$", re.IGNORECASE
)


_COMPANION = re.compile(
    r"[._-]?(?P<role>barcodes?|cell[_-]?(names|ids|meta[_-]?data)|cells?|colnames"
    r"|(all[_-]?)?features?|(all[_-]?)?genes?|gene[_-]?(names|ids)|rownames)(?P<more>[^/]*)$",
    re.IGNORECASE,
)


_TEXT_NAME = re.compile(r"\.(tsv|csv|txt|tab)(\.(gz|bz2|xz))?$", re.IGNORECASE)


_CELL_ROLES = ("barcode", "cell", "colname")


@dataclass(frozen=True)
class Triplet:
    """The three files of one matrix; `name` is what their names have in common."""

    name: str
    matrix: Member
    barcodes: Member | None
    features: Member | None
    shares_features: bool = False


def triplets(members: Sequence[Member]) -> tuple[list[Triplet], list[Member]]:
    """Put the files of sparse matrices together by name; give the triplets and the members that
    belong to none.

    A file of features (or barcodes) that stands alone serves all matrices that lack one of their
    own.
    """
    matrices = {_key(member, _MATRIX): member for member in members if _MATRIX.search(member.base)}
    if not matrices:
        return [], list(members)
    companions: dict[str, dict[str, Member]] = {"barcodes": {}, "features": {}}
    for member in members:
        match = _COMPANION.search(member.base) if _TEXT_NAME.search(member.base) else None
        if match and member not in matrices.values():
            role = "barcodes" if match.group("role").lower().startswith(_CELL_ROLES) else "features"
            companions[role][_key(member, _COMPANION)] = member
    sets, used = [], set()
    for key, matrix in sorted(matrices.items()):
        barcodes = _companion(key, companions["barcodes"], matrices)
        features = _companion(key, companions["features"], matrices)
        shared = features is not None and companions["features"].get(key) is not features
        sets.append(Triplet(_name(matrix), matrix, barcodes, features, shared))
        used |= {part.name for part in (matrix, barcodes, features) if part is not None}
    return sets, [member for member in members if member.name not in used]


def _key(member: Member, ending: re.Pattern[str]) -> str:
    folder, _, base = member.name.rpartition("/")
    return f"{folder}/{ending.sub('', base).strip('._-').casefold()}"


def _name(matrix: Member) -> str:
    return _MATRIX.sub("", matrix.name).rstrip("._-/") or matrix.name


def _companion(
    key: str, candidates: dict[str, Member], matrices: dict[str, Member]
) -> Member | None:
    if key in candidates:
        return candidates[key]
    free = [member for name, member in sorted(candidates.items()) if name not in matrices]
    return free[0] if len(free) == 1 else None
