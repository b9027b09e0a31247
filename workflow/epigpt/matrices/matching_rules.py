"""The rules by which names in a matrix can mean samples, from the same text to the same words.

Every rule is one to one: a name that fits several samples, and a sample that fits several names,
is left unmatched."""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from epigpt.geo.record import SAMPLE_ID
from epigpt.matrices.name_tokens import (
    Tokens,
    any_order,
    count_the_same,
    measures,
    only_number,
    runs,
    says_something,
    signs_agree,
    stem,
    telling,
    tokens,
    without_measures,
    without_signs,
)
from epigpt.matrices.sample_names import SHEET, Match, SampleNames

Aliases = Mapping[str, Sequence[str]]
Key = TypeVar("Key", bound=Hashable)
# Kinds of texts that name a sample even where they are numbers.
NAMES = ("accession", "title", SHEET)
_MOSTNAMES = 5000


def same_texts(names: Sequence[str], samples: SampleNames) -> Iterator[Match]:
    """Match names that are some text of the record as it stands, or with a GSM accession in it."""
    for kind, aliases in samples.aliases.items():
        needs_letter = kind not in NAMES
        owners = _owners(aliases, lambda text: [_bare(text)])
        yield _one_to_one(
            (name, owners.get(_bare(name), ()))
            for name in names
            if not needs_letter or re.search(r"[^\W\d_]", name)
        ).called(kind)
    accessions = {name.upper(): name for name in samples.ids}
    yield _one_to_one(
        (
            name,
            {
                accessions[tag.upper()]
                for tag in SAMPLE_ID.findall(name)
                if tag.upper() in accessions
            },
        )
        for name in names
    ).called("accession within the name")


def without_endings(names: Sequence[str], samples: SampleNames) -> Iterator[Match]:
    """Match names of files: folder and endings of alignment and counting programs left out."""
    for kind, aliases in samples.aliases.items():
        owners = _owners(aliases, lambda text: [_bare(stem(text))])
        yield _one_to_one(
            (name, owners.get(_bare(stem(name)), ()))
            for name in names
            if re.search(r"[^\W\d_]", stem(name))
        ).called(f"{kind} (without folder and file ending)")


def same_words(names: Sequence[str], samples: SampleNames) -> Iterator[list[Match]]:
    """Match names by words and numbers, strictest comparison first; each step gives the matches of
    every kind of text, so that texts which contradict each other can be told."""
    if len(names) > _MOSTNAMES:
        return
    listed = [tokens(stem(name)) for name in names]
    # Of the columns a number has to be all that differs.
    numbered = [name if all(map(str.isdigit, name)) else () for name in telling(listed)]
    for how, prepare in (
        ("ignoring case and punctuation", _as_they_are),
        ("by the words that differ", telling),
        ("by the words that differ, in any order", _in_any_order),
        ("by measures and the words that differ, in any order", _with_measures_in_any_order),
        ("by its letters and numbers", _glued),
        ("by the letters and numbers that differ", _glued_where_they_differ),
        ("by the words and numbers that differ", _without_shared_numbers),
        ("by its number", only_number),
    ):
        if prepare is only_number and not all(numbered):
            continue
        yield [
            _by_tokens(names, listed, aliases, prepare, signs).called(f"{kind}, {how}")
            for kind, aliases in samples.aliases.items()
            for signs in (True, False)
        ]
    if not samples.from_sheet:
        texts = {
            kind: aliases
            for kind, aliases in samples.aliases.items()
            if not kind.startswith("characteristic")
        }
        yield [
            _within(names, aliases, f"{kind} within the name") for kind, aliases in texts.items()
        ]
        yield [
            _around(names, aliases, f"name within the {kind}") for kind, aliases in texts.items()
        ]


class _Pairs(dict[str, str]):
    caution = ""

    def called(self, rule: str) -> Match:
        return Match(dict(self), rule, caution=self.caution)


def _one_to_one(pairs: Iterable[tuple[str, Iterable[str]]]) -> _Pairs:
    """Keep names with one owner whose owner has no other name."""
    distinct = ((name, set(owners)) for name, owners in pairs)
    single = {name: next(iter(owners)) for name, owners in distinct if len(owners) == 1}
    often = Counter(single.values())
    return _Pairs({name: owner for name, owner in single.items() if often[owner] == 1})


def _owners(aliases: Aliases, keys: Callable[[str], Iterable[Key]]) -> dict[Key, set[str]]:
    owners: dict[Key, set[str]] = {}
    for sample, texts in aliases.items():
        for text in texts:
            for key in keys(text):
                if key:
                    owners.setdefault(key, set()).add(sample)
    return owners


def _bare(text: str) -> str:
    return text.strip().strip("\"'")


def _as_they_are(names: Sequence[Tokens]) -> list[Tokens]:
    return list(names)


def _without_shared_numbers(names: Sequence[Tokens]) -> list[Tokens]:
    return telling(names, numbers=True)


def _in_any_order(names: Sequence[Tokens]) -> list[Tokens]:
    return [any_order(name) or () for name in telling(names)]


def _with_measures_in_any_order(names: Sequence[Tokens]) -> list[Tokens]:
    """Name each by its measures (`3d`, day 3) and its other words, beside which one number may
    stand; nothing where it is unclear which number is a measure."""
    measured = list(map(measures, names))
    known = [set(found) for found in measured if found is not None]
    shared = set.intersection(*known) if len(known) > 1 else set()
    keys: list[Tokens] = []
    for found, rest in zip(measured, telling(list(map(without_measures, names))), strict=True):
        words = any_order(rest)
        if found is None or words is None:
            keys.append(())
        else:
            own = [one for one in found if one not in shared]
            keys.append((*words, *itertools.chain(*own)))
    return keys


def _glued(names: Sequence[Tokens]) -> list[Tokens]:
    """Join words: `PTZVPA_1` is `PTZ VPA 1`; numbers stay apart, since WT 1 1 is not WT 11."""
    return [tuple(re.findall(r"[^\W\d_]+|\d+", _joined(name))) for name in names]


def _joined(name: Tokens) -> str:
    return re.sub(r"(?<=[^\W\d_]) (?=[^\W\d_])", "", " ".join(name))


def _glued_where_they_differ(names: Sequence[Tokens]) -> list[Tokens]:
    return _glued(telling(names))


def _by_tokens(
    names: Sequence[str],
    listed: Sequence[Tokens],
    aliases: Aliases,
    prepare: Callable[[Sequence[Tokens]], list[Tokens]],
    signs: bool,
) -> _Pairs:
    """Compare names and texts by their tokens; without signs only where no two samples become the
    same, since `+/+` is not `-/-`."""
    first = {sample: tokens(next(iter(texts), "")) for sample, texts in aliases.items()}
    own, theirs = list(first.values()), list(listed)
    if not signs:
        if len({without_signs(part) for part in own}) < len(set(own)):
            return _Pairs()
        own, theirs = (
            [without_signs(part) for part in own],
            [without_signs(part) for part in theirs],
        )
    owners: dict[Tokens, set[str]] = defaultdict(set)
    for sample, key in zip(first, prepare(own), strict=True):
        owners[key].add(sample)
    keys = dict(zip(names, prepare(theirs), strict=True))
    whole = dict(zip(names, listed, strict=True))
    found = _one_to_one(
        (
            name,
            {
                owner
                for owner in owners.get(key, ())
                if count_the_same(whole[name], first[owner])
                and signs_agree(whole[name], first[owner])
            },
        )
        for name, key in keys.items()
        if key
    )
    if not all(part.isdigit() for name in found for part in keys[name]):
        return found
    # Where numbers alone tell the samples apart, a part of them may count something else, and so
    # may all of them behind a word that the texts do not have.
    known = {part for text in first.values() for part in text}
    foreign = any(says_something(part) and part not in known for name in listed for part in name)
    if len(found) != len(names) or len(found) != len(first) or foreign:
        return _Pairs()
    name = next(iter(found))
    found.caution = (
        f"columns and samples share nothing but a number ({name} is taken for"
        f" '{next(iter(aliases[found[name]]))}')"
    )
    return found


def _within(names: Sequence[str], aliases: Aliases, rule: str) -> Match:
    owners = _owners(aliases, lambda text: [tokens(text)])
    return _one_to_one(
        (name, owner)
        for name in names
        if (owner := _longest([*runs(tokens(stem(name))), *runs(tokens(name))], owners))
    ).called(rule)


def _around(names: Sequence[str], aliases: Aliases, rule: str) -> Match:
    owners = _owners(aliases, lambda text: runs(tokens(text)))
    return _one_to_one((name, owners.get(tokens(stem(name)), ())) for name in names).called(rule)


def _longest(found: Iterable[Tokens], owners: Mapping[Tokens, set[str]]) -> set[str]:
    """Return the samples of the longest run that is some sample's name."""
    return next((owners[run] for run in found if run in owners), set())
