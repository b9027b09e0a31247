"""Which samples are of one donor: the characteristic or the part of the titles that names it."""

import re
from dataclasses import dataclass

import pandas as pd

from epigpt.geo.record import normal_form
from epigpt.samples.characteristic_kinds import (
    Kind,
    kind_of,
    names_biological_replicates,
    names_donors,
    names_litters,
    of_subject,
)
from epigpt.samples.donor_titles import FEWEST_DONORS, named_in_titles
from epigpt.samples.label_sources import is_missing

_TECHNICAL = re.compile(r"tech(nical)?[ ._-]?rep", re.IGNORECASE)


# What a name of the groups calls them, in the plural.
DONOR_WORDS = {
    "litter": "litters",
    "clutch": "clutches",
    "patient": "patients",
    "subject": "subjects",
    "individual": "individuals",
    "participant": "participants",
    "mouse": "mice",
    "rat": "rats",
    "fish": "fish",
    "embryo": "embryos",
    "larva": "larvae",
    "animal": "animals",
    "culture": "cultures",
    "pool": "pools",
}


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


def donor_word(column: str) -> str:
    """Return what the column of the groups calls them, in the plural; "donors" where its name says
    nothing.

    >>> donor_word("litter id"), donor_word("mouse"), donor_word("sample")
    ('litters', 'mice', 'donors')
    """
    named = re.findall(r"[a-z]+", column.lower())
    if "cell line" in " ".join(named):
        return "cell lines"
    return next((plural for word, plural in DONOR_WORDS.items() if word in named), "donors")


def called(text: str, units: str) -> str:
    """Return a text that speaks of donors with another word for them, given in the plural.

    >>> called("1 donor of 12 donors", "mice")
    '1 mouse of 12 mice'
    """
    return re.sub(r"\bdonor\b", singular(units), re.sub(r"\bdonors\b", units, text))


def singular(units: str) -> str:
    """Return the singular of what groups are called: litter of litters."""
    known = {plural: word for word, plural in DONOR_WORDS.items()}
    return known.get(units) or units.removesuffix("s")


def find(characteristics: pd.DataFrame, titles: pd.Series | None = None) -> Donors:
    """Take the characteristic that repeats and is named like a donor, the finest of several; else
    the beginning of the titles, where it names donors; every sample is its own where nothing does.

    A name is passed over, with a doubt, where it lacks values, or where one donor would have two
    sexes, genotypes or strains: then its numbers are used again for other donors.

    Parameters
    ----------
    characteristics
        Index: the samples analysed; text columns.
    titles
        Same index; None where there are none.
    """
    fitting, doubts, single = [], [], ""
    for name in sorted(map(str, characteristics)):
        values = characteristics[name]
        counted = names_biological_replicates(name)
        if not (names_donors(name) or counted):
            continue
        distinct = values.nunique()
        if distinct == len(values):
            single = single or name
        if not FEWEST_DONORS <= distinct < len(values):
            continue
        lacking = int(values.map(is_missing).sum())
        clash = "" if names_litters(name) else two_of(characteristics, name)
        # Most series count the replicates of each class from 1.
        if counted and (clash or lacking or _counts_again(characteristics, name)):
            continue
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
    if titles is not None and not single and not doubts:
        column, several = named_in_titles(titles)
        if column:
            return Donors(
                column,
                f"group = auto: titles name donors, and {sum(map(len, several.values()))} samples"
                f" share {len(several)} of them",
            )
    technical = next((name for name in characteristics if _TECHNICAL.search(str(name))), "")
    if technical and characteristics[technical].nunique() > 1:
        doubts.append(
            f"'{technical}' counts samples of one donor, and nothing names the donors: write a part"
            " of the titles that does into the cell `group`, such as title~^(.*rep\\d+)"
        )
    why = f"'{single}' differs in every sample" if single else "no characteristic names a donor"
    return Donors("sample", f"group = auto: {why}, so every sample is its own", tuple(doubts))


def two_of(characteristics: pd.DataFrame, name: str) -> str:
    """Name a characteristic of the subject of which one donor would have two values."""
    for other in sorted(map(str, characteristics)):
        if other != name and of_subject(other):
            known = characteristics[other][~characteristics[other].map(is_missing)]
            if known.groupby(characteristics[name]).nunique().max() > 1:
                return other
    return ""


def _counts_again(characteristics: pd.DataFrame, name: str) -> bool:
    """Return whether a count of replicates begins anew in each class, so that one number has
    several values of what is no technical characteristic."""
    others = [
        str(other)
        for other in characteristics
        if other != name
        and kind_of(str(other), characteristics[other]) != Kind.TECHNICAL
        and characteristics[other].nunique() < len(characteristics)
    ]
    return any(
        characteristics[other].groupby(characteristics[name]).nunique().max() > 1
        for other in others
    )


def suggested_group(characteristics: pd.DataFrame, titles: pd.Series | None = None) -> str:
    """Name what `find` takes, or `sample`."""
    return find(characteristics, titles).name
