"""Which samples are of one donor: the characteristic that names it, and samples that look like
replicates of each other."""

import re
from collections import Counter
from dataclasses import dataclass

import pandas as pd

from epigpt.geo.record import normal_form
from epigpt.samples.characteristic_kinds import names_donors, of_subject
from epigpt.samples.label_sources import is_missing
from epigpt.samples.title_labels import WITHOUT_NUMBER

_FEWEST = 3
_LAST_NUMBER = re.compile(WITHOUT_NUMBER)
_REPLICATE = re.compile(r"tech(nical)?[\s_.-]*rep|\blane\b|\bL00\d\b|re-?sequenc", re.IGNORECASE)
_NAMED = re.compile(
    r"(donor|patient|subject|individual|participant|animal|mouse|rat|fish|person|case|pat|ind|human)"
    r"[\s_.-]*\w{1,4}$|\d$",
    re.IGNORECASE,
)
GROUP_OF_TITLE = f"title~{WITHOUT_NUMBER}"


@dataclass(frozen=True)
class Donors:
    """Donors that were found.

    Attributes
    ----------
    name
        The characteristic, or `sample`.
    rule
        Why, in words.
    doubts
        What the reader should know, one sentence each.
    """

    name: str
    rule: str
    doubts: tuple[str, ...] = ()


def find(characteristics: pd.DataFrame) -> Donors:
    """Take the characteristic that repeats and is named like a donor, the finest of several; every
    sample is its own donor where there is none.

    A name is passed over, with a doubt, where it lacks values, or where one donor would have two
    sexes, genotypes or strains: then its numbers are used again for other donors.

    Parameters
    ----------
    characteristics
        Index: the samples analysed; text columns.
    """
    fitting, doubts, single = [], [], ""
    for name in sorted(map(str, characteristics)):
        values = characteristics[name]
        if not names_donors(name):
            continue
        distinct = values.nunique()
        if distinct == len(values):
            single = single or name
        if not _FEWEST <= distinct < len(values):
            continue
        lacking = int(values.map(is_missing).sum())
        clash = _two_of(characteristics, name)
        if lacking:
            doubts.append(
                f"'{name}' may name the donors but lacks a value for {lacking} of"
                f" {len(values)} samples, so it is not used"
            )
        elif clash:
            doubts.append(
                f"'{name}' repeats, but one of its values has several of '{clash}', so its values"
                " are used again for other donors and do not name them"
            )
        else:
            fitting.append(name)
    # The finest of several: every litter is made of animals.
    name = max(
        fitting,
        key=lambda name: (characteristics[name].nunique(), normal_form(name)),
        default="sample",
    )
    if name != "sample":
        number = characteristics[name].nunique()
        return Donors(
            name,
            f"group = auto: '{name}' repeats and names donors, {number} of"
            f" {len(characteristics)} samples",
        )
    why = f"'{single}' differs in every sample" if single else "no characteristic names a donor"
    return Donors("sample", f"group = auto: {why}, so every sample is its own", tuple(doubts))


def _two_of(characteristics: pd.DataFrame, name: str) -> str:
    """Name a characteristic of the subject of which one donor would have two values."""
    for other in sorted(map(str, characteristics)):
        if other != name and of_subject(other):
            known = characteristics[other][~characteristics[other].map(is_missing)]
            if known.groupby(characteristics[name]).nunique().max() > 1:
                return other
    return ""


def suggested_group(characteristics: pd.DataFrame) -> str:
    """Name the characteristic that `find` takes, or `sample`."""
    return find(characteristics).name


def replicates(
    titles: pd.Series, characteristics: pd.DataFrame, label: pd.Series
) -> dict[str, list[str]]:
    """Find samples that look like replicates of each other: titles that count on behind the name of
    a donor, in the same class, with the same characteristics.

    Parameters
    ----------
    titles, label
        Text by sample.
    characteristics
        Index: the same samples.

    Returns
    -------
    dict
        The part of the title they share → their samples; empty where they do not look so, as where
        titles count the animals of a class (WT 1, WT 2).
    """
    varying = [
        name
        for name in characteristics
        if not names_donors(str(name)) and characteristics[name].nunique() < len(titles)
    ]
    groups: dict[tuple[str, ...], list[str]] = {}
    for sample, title in titles.items():
        numbered = _LAST_NUMBER.fullmatch(str(title).strip())
        if numbered and numbered[1].strip():
            own = tuple(str(characteristics.at[sample, name]) for name in varying)
            groups.setdefault((numbered[1].strip(), str(label[sample]), *own), []).append(
                str(sample)
            )
    several = {key: samples for key, samples in groups.items() if len(samples) > 1}
    technical = any(_REPLICATE.search(str(title)) for title in titles)
    named = {key: samples for key, samples in several.items() if _NAMED.search(key[0])}
    per_class = Counter(key[1:] for key in named)
    enough = technical or max(per_class.values(), default=0) >= _FEWEST
    chosen = several if technical else named
    return {key[0]: samples for key, samples in chosen.items()} if enough else {}
