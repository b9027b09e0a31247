"""Lanes, runs and technical repeats of one library: recognised by their names and added."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse

from epigpt.matrices.values import Values

_WORD = (
    r"(L00\d|L\d{1,2}|lane[ ._-]?\d{1,2}|run[ ._-]?\d{1,2}|S\d{1,3}[ ._-]L00\d|flow ?cell[ ._-]?\w+"
    r"|tech(nical)?[ ._-]?(rep(licate|eat)?)?[ ._-]?\d|seq[ ._-]?(run)?[ ._-]?\d|resequenced|topup"
    r"|[A-H0-9][A-Z0-9]{7,9}[ ._-]L?\d)"
)
_ENDING = re.compile(rf"[ ._-]+(?P<lane>{_WORD})(?P<rest>([ ._-]?(R1|R2|001))*)$", re.IGNORECASE)
_BEGINNING = re.compile(rf"^(?P<lane>{_WORD})[ ._-]+", re.IGNORECASE)


def lane_of(name: str) -> str:
    """Return the part of a name that says lane or run; "" where it has none."""
    ending = _ENDING.search(name) or _BEGINNING.match(name)
    return ending["lane"] if ending else ""


def without_lane(name: str) -> str:
    """Return a name without its lane or run."""
    bare = _ENDING.sub("", name)
    return bare if bare != name else _BEGINNING.sub("", name)


def libraries(names: Sequence[str]) -> list[str] | None:
    """Return the library of each column where the columns are lanes or runs: most are named so, and
    at least one library has two; else None."""
    bare = [without_lane(name) if lane_of(name) else name for name in names]
    laned = sum(name != base for name, base in zip(names, bare, strict=True))
    if laned < 0.5 * len(names) or len(set(bare)) == len(set(names)) or "" in bare:
        return None
    return bare


def added(values: Values, owners: Sequence[str], what: str = "lanes or runs") -> Values:
    """Add the observations of one owner.

    Parameters
    ----------
    values
        Observations × genes.
    owners
        What each observation is a part of; "" for one that stays by itself.
    what
        What the parts are, for the note.
    """
    named = [owner or name for owner, name in zip(owners, values.observations, strict=True)]
    order = list(dict.fromkeys(named))
    if len(order) == len(named):
        return values
    place = {name: index for index, name in enumerate(order)}
    rows = np.array([place[name] for name in named])
    adding = sparse.csr_array(
        (np.ones(len(rows), dtype=values.matrix.dtype), (rows, np.arange(len(rows)))),
        shape=(len(order), len(rows)),
    )
    parts = [
        name for name, owner in zip(values.observations, named, strict=True) if owner == order[0]
    ]
    note = (
        f"{len(named)} columns were added to {len(order)} samples: they are {what} of the same"
        f" samples ({' + '.join(parts[:4])} → {order[0]})."
    )
    return replace(
        values,
        matrix=sparse.csr_array(adding @ values.matrix),
        observations=order,
        notes=[*values.notes, note],
    )
