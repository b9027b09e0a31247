"""Rules that lean on the order of the record's samples: names that R or another program had to
number because they were equal."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from epigpt.matrices import r_names
from epigpt.matrices.matching_rules import NAMES
from epigpt.matrices.name_tokens import Tokens, tokens
from epigpt.matrices.sample_names import SHEET, Match, SampleNames

# Behind the base, what makes repeated names distinct: R and pandas write WT, WT.1; janitor and
# spreadsheets WT, WT_2; readr WT...2, WT...3 (the position of the column).
_REPEATED = re.compile(r"(?P<base>.*?)(?P<mark>\.\.\.|[._-])(?P<number>\d+)")
_COUNT_AT_END = re.compile(
    r"[\W_]*((biological|bio|technical)?[\W_]*(rep|replicate|sample|no|nr|n|number|#))?[\W_]*\d+$",
    re.IGNORECASE,
)


def r_mangled(names: Sequence[str], samples: SampleNames) -> Iterator[Match]:
    """Match names that R made of a text: make.names and make.unique over all samples in the
    record's order, as `read.csv` and `data.frame` apply them."""
    wanted = set(names)
    for kind, aliases in samples.aliases.items():
        texts = [next(iter(aliases.get(sample, [])), "") for sample in samples.ids]
        if not all(texts):
            continue
        for made in (
            r_names.unique_names(texts),
            r_names.unique_names(texts, ascii_only=True),
            r_names.make_unique(texts),
            r_names.make_unique(texts, "-"),
        ):
            found = _by_r(wanted, samples.ids, texts, made, kind)
            # Numbers alone are a name where they are the title.
            if kind in NAMES or all(re.search(r"[^\W\d_]", name[1:]) for name in found.samples):
                yield found


def _by_r(
    wanted: set[str], ids: Sequence[str], texts: Sequence[str], made: Sequence[str], kind: str
) -> Match:
    """Match names to what R made of the texts; samples whose names R had to number only where all
    of them are there, because the numbers follow the order of the whole table."""
    plain = [r_names.make_names(text) for text in texts]
    tied = {name for name, number in Counter(plain).items() if number > 1}
    broken = {base for name, base in zip(made, plain, strict=True) if name not in wanted} & tied
    sample_of = {
        name: sample
        for name, sample, base in zip(made, ids, plain, strict=True)
        if name in wanted and base not in broken
    }
    numbered = [name for name, base in zip(made, plain, strict=True) if name != base in tied]
    caution = ""
    if any(name in sample_of for name in numbered):
        caution = (
            f"{len(numbered)} columns are told from others of the same name only by the number that"
            f" R gave them ({', '.join(numbered[:3])} …); they were given to the samples in the"
            " order in which the record lists them"
        )
    return Match(sample_of, f"{kind} as R's make.names(unique = TRUE) writes it", caution=caution)


def in_order_of_repetition(names: Sequence[str], samples: SampleNames) -> Iterator[Match]:
    """Match names that are one text several times, numbered by a program: the second `WT` is the
    second sample of the record whose text is WT, counted or not."""
    columns = _repetitions(names)
    if columns is None:
        return
    for kind, aliases in samples.aliases.items():
        if kind in ("accession", SHEET):
            continue
        texts = [next(iter(aliases.get(sample, [])), "") for sample in samples.ids]
        for bases in (texts, [_COUNT_AT_END.sub("", text) for text in texts]):
            owned: dict[Tokens, list[str]] = defaultdict(list)
            counts: dict[Tokens, list[int]] = defaultdict(list)
            for sample, text, base in zip(samples.ids, texts, bases, strict=True):
                owned[tokens(base)].append(sample)
                counts[tokens(base)].append(int((re.search(r"\d+$", text) or ["0"])[0]))
            if () not in owned and all(sorted(row) == row for row in counts.values()):
                yield _by_order(columns, owned, kind)


def _by_order(
    columns: Mapping[Tokens, list[str]], owned: Mapping[Tokens, list[str]], kind: str
) -> Match:
    rule = f"{kind}, in the order of its repetitions"
    if {base: len(names) for base, names in columns.items()} != {
        base: len(listed) for base, listed in owned.items()
    }:
        return Match({}, rule)
    sample_of = {
        name: sample
        for base, names in columns.items()
        for name, sample in zip(names, owned[base], strict=True)
    }
    caution = (
        f"columns of one name ({', '.join(list(sample_of)[:3])} …) were given to the samples in the"
        " order in which the record lists them"
    )
    return Match(sample_of, rule, caution=caution)


def _repetitions(names: Sequence[str]) -> dict[Tokens, list[str]] | None:
    """Group names that a program numbered by their base, in the order of their numbers; None where
    they do not look so."""
    plain = set(names)
    groups: dict[Tokens, list[tuple[int, str]]] = defaultdict(list)
    marks: dict[Tokens, set[str]] = defaultdict(set)
    for name in names:
        repeated = _REPEATED.fullmatch(name)
        if repeated and (repeated["mark"] == "..." or repeated["base"] in plain):
            groups[tokens(repeated["base"])].append((int(repeated["number"]), name))
            marks[tokens(repeated["base"])].add(repeated["mark"])
        else:
            groups[tokens(name)].append((-1, name))
    if () in groups or not marks:
        return None
    for base, listed in groups.items():
        numbers = [number for number, _ in sorted(listed) if number >= 0]
        by_position = marks[base] == {"..."}
        counted = numbers in (
            list(range(1, len(numbers) + 1)),
            list(range(2, len(numbers) + 2)),
        )
        if len(marks[base]) > 1 or (numbers and not by_position and not counted):
            return None
        if not by_position and len(numbers) != len(listed) - 1:
            return None
    return {base: [name for _, name in sorted(listed)] for base, listed in groups.items()}


def misreads_repetitions(found: Match, names: Sequence[str]) -> bool:
    """Return whether a match takes the number of a repeated name for that of a sample: `WT.1` is
    the second WT where a column WT stands beside it without a sample."""
    over = set(names) - found.samples.keys()
    return any(
        part["base"] in over for name in found.samples if (part := _REPEATED.fullmatch(name))
    )
