"""How R rewrites names that it takes from a file or a vector: make.names, make.unique, and the two
together as `data.frame(check.names = TRUE)` and `read.csv` apply them."""

import re
from collections.abc import Sequence

_RESERVED = re.compile(
    r"if|else|repeat|while|function|for|next|break|TRUE|FALSE|NULL|Inf|NaN|in"
    r"|NA(_(integer|real|character|complex)_)?"
)


def make_names(text: str, ascii_only: bool = False) -> str:
    """Return a syntactic name as R's make.names does.

    Other characters than letters, digits, `.` and `_` become `.`; an X stands before a name that
    begins with neither a letter nor a dot without a digit behind it; a reserved word gets a dot.

    Parameters
    ----------
    text
        The name.
    ascii_only
        As in R's C locale, where letters outside ASCII are no letters.
    """
    letter = "[A-Za-z]" if ascii_only else r"[^\W\d_]"
    prefixed = text if re.match(rf"{letter}|\.(?!\d)", text) else f"X{text}"
    other = r"[^A-Za-z0-9._]" if ascii_only else r"[^\w.]"
    mangled = re.sub(other, ".", prefixed)
    return f"{mangled}." if _RESERVED.fullmatch(mangled) else mangled


def make_unique(names: Sequence[str], separator: str = ".") -> list[str]:
    """Return the names, repeated ones numbered as R's make.unique does.

    The first of equal names stays as it is; the others get `.1`, `.2` … in order, numbers that
    would give a name already in use left out.
    """
    used = set(names)
    seen: set[str] = set()
    following: dict[str, int] = {}
    unique = []
    for name in names:
        if name not in seen:
            seen.add(name)
            unique.append(name)
            continue
        number = following.get(name, 1)
        while f"{name}{separator}{number}" in used:
            number += 1
        following[name] = number + 1
        used.add(f"{name}{separator}{number}")
        unique.append(f"{name}{separator}{number}")
    return unique


def unique_names(names: Sequence[str], ascii_only: bool = False) -> list[str]:
    """Return `make.names(names, unique = TRUE)`, which is what read.csv and data.frame do to column
    names.

    As in R, names that were syntactic already are made unique before those that had to be changed,
    so that a proper name keeps its spelling.
    """
    mangled = [make_names(name, ascii_only) for name in names]
    order = sorted(range(len(names)), key=lambda place: names[place] != mangled[place])
    for place, name in zip(order, make_unique([mangled[place] for place in order]), strict=True):
        mangled[place] = name
    return mangled
