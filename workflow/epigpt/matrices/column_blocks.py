"""Blocks of columns that say the same of the same samples in different quantities: counts beside
FPKM, the counts of tximport, the reads of CLC."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from epigpt.matrices.lanes import lane_of
from epigpt.matrices.sample_matching import SampleNames, match
from epigpt.matrices.value_kind import hint

_MOST_COLUMNS = 5000
_SPLIT = re.compile(r"[ ._:|/()\[\]-]+")
_PADDING = " ._-()[]"
_QUANTITY = re.compile(
    r"counts?|reads?|abundance|length|tpm|cpm|f?rpkm|fpkm|umis?|raw|norm(ali[sz]ed)?|expression|value"
    r"|rlog|vst|voom|log2?|coverage|signal|call|detection|status|conf|intensity|scaled|sd|se",
    re.IGNORECASE,
)
# Blocks that hold no amount of expression.
_NO_EXPRESSION = re.compile(
    r"length|conf|status|call|detection|p[ ._-]?val|start|end|(?<![a-z])s[de](?![a-z])|coverage"
    r"|fold|ratio|rank|flag|countsfromabundance",
    re.IGNORECASE,
)
# Which of several blocks of whole numbers holds the reads of the genes, best first.
_PREFERRED = (
    r"(raw|read|gene|fragment)?[ ._-]*counts?",
    r"raw([ ._-]*(reads?|counts?|data))?",
    r"total[ ._-]*(gene[ ._-]*)?(reads?|counts?)",
    r"(expected|est(imated)?|num)[ ._-]*(counts?|reads?)",
    r"umis?([ ._-]*counts?)?",
    r"total[ ._-]*exon[ ._-]*reads?",
    r"reads?",
    r"unique[ ._-]*gene[ ._-]*reads?",
    r"unique[ ._-]*exon[ ._-]*reads?",
    r".*counts?.*",
    r".*reads?.*",
)
NO_COUNTS = len(_PREFERRED)


@dataclass(frozen=True)
class Block:
    """Columns of one quantity.

    Attributes
    ----------
    quantity
        What the columns' names have in common; "" for a table of one quantity.
    columns
        Position → name of the sample, without the quantity.
    """

    quantity: str
    columns: dict[int, str]

    @property
    def rank(self) -> int:
        """How well the quantity's name fits counts of reads: 0 fits best."""
        return rank_of(self.quantity)


def rank_of(quantity: str) -> int:
    """Return how well a name fits counts of reads, 0 best; `NO_COUNTS` where it does not."""
    text = _plain(quantity)
    fits = (
        place
        for place, pattern in enumerate(_PREFERRED)
        if re.fullmatch(pattern, text, re.IGNORECASE)
    )
    return next(fits, NO_COUNTS)


def _plain(text: str) -> str:
    """Return the words of a quantity: ` (GE) - Total gene reads` is `Total gene reads`."""
    words = [word for word in _SPLIT.split(text) if word and not re.fullmatch(r"GE|RNA-?Seq", word)]
    return " ".join(words)


def blocks(named: Mapping[int, str], samples: SampleNames) -> list[Block]:
    """Part the columns of a table by their quantity; one block with all of them where the names say
    none.

    A quantity is a beginning or an ending that several samples share, at least one of them worded
    like one, while what is left of the names is the same set of samples for each.
    """
    whole = Block("", dict(named))
    if not 2 <= len(named) <= _MOST_COLUMNS:
        return [whole]
    best: dict[str, dict[int, str]] = {}
    most = 0
    for side in ("ending", "beginning"):
        for families in _grids(named, side).values():
            if not any(_QUANTITY.search(quantity) for quantity in families):
                continue
            rest = list(next(iter(families.values())).values())
            found = match(rest, samples, cells=False)
            matched = len(found.samples) if found is not None else 0
            covered = matched * len(families)
            if matched >= 0.5 * len(rest) and covered > most:
                best, most = families, covered
    if not best:
        return [whole]
    kept = [Block(quantity, columns) for quantity, columns in best.items()]
    return [block for block in kept if not _NO_EXPRESSION.search(block.quantity)] or [whole]


def _grids(named: Mapping[int, str], side: str) -> dict[frozenset[str], dict[str, dict[int, str]]]:
    """Find, for each set of samples, the quantities (two or more, or one worded like counts) whose
    columns are named by exactly these samples."""
    by_quantity: dict[str, dict[int, str]] = {}
    for index, name in named.items():
        for found in _SPLIT.finditer(name):
            if side == "ending":
                rest, quantity = name[: found.start()], name[found.end() :]
            else:
                rest, quantity = name[found.end() :], name[: found.start()]
            if rest and quantity and not lane_of(name):
                by_quantity.setdefault(_plain(quantity), {})[index] = rest.strip(_PADDING)
    grids: dict[frozenset[str], dict[str, dict[int, str]]] = {}
    for quantity, columns in by_quantity.items():
        if len(set(columns.values())) == len(columns):
            grids.setdefault(frozenset(columns.values()), {})[quantity] = columns
    # Counts often stand under the bare names: `WT1` beside `WT1_rlog`.
    position = {name.strip(_PADDING): index for index, name in named.items()}
    for names, families in grids.items():
        if names <= position.keys():
            families[""] = {position[name]: name for name in sorted(names)}
    return {
        names: families
        for names, families in grids.items()
        if len(families) > 1 or hint(next(iter(families)))
    }
