"""Names cut into words, numbers and signs, and what is left of them without what they share."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

# One ending; they are taken off one by one, since a pattern that repeats them would try every
# division of a long name.
_ENDING = re.compile(
    r"[._-]?(aligned|sorted|sortedbycoord|sortedbyname|out|bam|sam|cram|dedup(ed)?|markdup|rmdup|uniq(ue)?|trimmed|hisat2?|star|fastq|fq|gz|bz2"
    r"|txt|tsv|csv|tab|xlsx?|sf|quant|htseq|featurecounts?|readspergene|genes|results|raw|counts?|expected_count|reads?|umis?)$",
    re.IGNORECASE,
)
_MOST_ENDINGS = 20
# Words that say what every sample is, not which one. None that negates or tells classes apart.
_FILLERS = re.compile(
    r"rep(l|licates?)?|bio(l|logical|rep)?|technical|samples?|smpl|mouse|mice|murine|rats?|human"
    r"|animal|(zebra)?fish|larvae?|patient|donor|subject|individual|number|nr|num|id|m?rna|rnaseq"
    r"|seq|sequencing|lib(rary)?|total|bulk|experiment|tissue|the|of|from|for"
)
# Dashes of all kinds; the micro sign, which is the Greek letter and often written u.
_SPELLINGS = {**dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-"), 0xB5: "u", 0x3BC: "u"}
# `+/+`, `--`, a plus, and a minus that ends a word (`Cre-`) mean something; other dashes separate.
_TOKEN = re.compile(r"[+-]/?[+-]|\+|(?<=[^\W_])-(?![^\W_])|[^\W\d_]+|\d+")
Tokens = tuple[str, ...]
# Words by which a number is a measure, whichever of the two stands first; ages and doses alike.
_UNITS = {
    word: words[0]
    for words in (
        ("d", "day", "days"),
        ("h", "hr", "hrs", "hour", "hours"),
        ("w", "wk", "wks", "week", "weeks"),
        ("min", "mins", "minute", "minutes"),
        ("mo", "month", "months"),
        *(
            (unit,)
            for unit in ("p", "e", "dpf", "hpf", "dpi", "hpi", "dpt", "mm", "um", "nm", "mg")
        ),
    )
    for word in words
}


@lru_cache(maxsize=1 << 16)
def tokens(text: str) -> Tokens:
    """Cut a name into lower-case words, numbers without leading zeros and signs: `WT_rep01` is
    ("wt", "rep", "1"); R's X before a number is left out."""
    parts = [
        part.lstrip("0") or "0"
        if part.isdigit()
        else "/".join(part)
        if len(part) == 2 and not part.isalnum()
        else part
        for part in _TOKEN.findall(_spelt(text.strip().strip("\"'")).lower())
    ]
    if len(parts) > 1 and parts[0] == "x" and re.match(r"\W*x\d", text.lower()):
        parts = parts[1:]
    return tuple(parts)


def _spelt(text: str) -> str:
    """Write what looks alike in one way: composed letters, dashes, the micro sign."""
    return unicodedata.normalize("NFC", text).translate(_SPELLINGS)


def without_signs(parts: Tokens) -> Tokens:
    """Leave out signs."""
    return tuple(part for part in parts if part[0] not in "+-")


def signs_agree(one: Tokens, other: Tokens) -> bool:
    """Return whether two names that both have signs have the same: Cre- 3 is not Cre+ 3."""
    signs, others = (tuple(part for part in name if part[0] in "+-") for name in (one, other))
    return not signs or not others or signs == others


def stem(text: str) -> str:
    """Leave out folders and file endings: `/data/S1Aligned.sortedByCoord.out.bam` is S1."""
    base = re.split(r"[/\\]", text.strip().rstrip("/\\"))[-1]
    bare = base
    for _ in range(_MOST_ENDINGS):
        shorter = _ENDING.sub("", bare, count=1)
        if shorter == bare:
            break
        bare = shorter
    return bare or base


def telling(names: Sequence[Tokens], numbers: bool = False) -> list[Tokens]:
    """Leave out of each name what does not tell it from the others: words in all of them and
    fillers such as `replicate`; with `numbers` also those that all have behind the same word
    (`P60`)."""
    shared = set.intersection(*map(set, map(_units, names))) if len(names) > 1 else set()
    return [
        tuple(
            part
            for unit, part in zip(_units(name), name, strict=True)
            if not (unit in shared and (numbers or not part.isdigit()))
            and not _FILLERS.fullmatch(part)
        )
        for name in names
    ]


def says_something(part: str) -> bool:
    """Return whether a part of a name is a word beyond fillers and single letters."""
    return part.isalpha() and len(part) > 1 and not _FILLERS.fullmatch(part)


def _units(name: Tokens) -> list[tuple[str, str]]:
    """Pair each number with the word before it; a word stands alone."""
    return [
        (before, part) if part.isdigit() else ("", part)
        for before, part in zip(("", *name), name, strict=False)
    ]


def count_the_same(one: Tokens, other: Tokens) -> bool:
    """Return whether a word that stands before a number in both names stands before the same one:
    mouse 1 slice 2 is not slice 1 mouse 2, nor is it s1_m2."""
    counted, also = (
        {word: number for word, number in _units(name) if word and number.isdigit()}
        for name in (one, other)
    )
    if not all(counted[word] == also[word] for word in counted.keys() & also.keys()):
        return False
    left, right = counted.keys() - also.keys(), also.keys() - counted.keys()
    return all(
        counted[word] == also[like]
        for word in left
        for like in right
        if min(len(word), len(like)) == 1
        and word[0] == like[0]
        and sum(other[0] == word[0] for other in (*counted, *also)) == 2
    )


def only_number(names: Sequence[Tokens]) -> list[Tokens]:
    """Return the one number that tells each name from the others; nothing where a name has none or
    several."""
    numbers = [
        tuple(part for part in name if part.isdigit()) for name in telling(names, numbers=True)
    ]
    return [number if len(number) == 1 else () for number in numbers]


def any_order(name: Tokens) -> Tokens | None:
    """Return the words sorted, then the number; None where several numbers could change places."""
    numbers = [part for part in name if part.isdigit()]
    if len(numbers) > 1:
        return None
    return (*sorted(part for part in name if not part.isdigit()), *numbers)


def measures(name: Tokens) -> tuple[tuple[str, str], ...] | None:
    """Return the unit and number of each measure in a name, sorted: day 3 and 3d are ("d", "3").
    None where a unit stands between two numbers, which may each be its own, or where two measures
    have one unit."""
    found = [_number_of(name, at) for at, part in enumerate(name) if part in _UNITS]
    sided = [(_UNITS[name[at]], numbers) for at, numbers in found if numbers]
    units = {unit for unit, _ in sided}
    if any(len(numbers) > 1 for _, numbers in sided) or len(units) < len(sided):
        return None
    return tuple(sorted((unit, name[numbers[0]]) for unit, numbers in sided))


def without_measures(name: Tokens) -> Tokens:
    """Leave out measures with their units."""
    found = [_number_of(name, at) for at, part in enumerate(name) if part in _UNITS]
    taken = {place for at, numbers in found if numbers for place in (at, *numbers)}
    return tuple(part for at, part in enumerate(name) if at not in taken)


def _number_of(name: Tokens, at: int) -> tuple[int, list[int]]:
    """Return the place of a unit, and those of the numbers beside it."""
    beside = [place for place in (at - 1, at + 1) if 0 <= place < len(name)]
    return at, [place for place in beside if name[place].isdigit()]


def runs(parts: Tokens, longest: int = 24) -> list[Tokens]:
    """List the runs of whole parts of a name, longest first; those with a word of two letters, or a
    word and a number."""
    parts = parts[:longest]
    found = {
        parts[start:end]
        for start in range(len(parts))
        for end in range(start + 1, len(parts) + 1)
        if any(part.isalpha() for part in parts[start:end]) and len("".join(parts[start:end])) >= 2
    }
    return sorted(found, key=lambda run: (-len(run), run))
