"""Which samples are of one donor: the characteristic that names it, and samples that look like
replicates of each other."""

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
from epigpt.samples.donor_titles import (
    FEWEST_DONORS,
    GROUP_OF_TITLE,
    named_in_titles,
    replicates,
)
from epigpt.samples.label_sources import is_missing

_TECHNICAL = re.compile(r"tech(nical)?[ ._-]?rep", re.IGNORECASE)
_LINE = re.compile(
    r"\b(cell |ipsc? |hipsc |es )?(line|clone)( ?(id|number|no|name))?$", re.IGNORECASE
)


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
        clash = "" if names_litters(name) else _two_of(characteristics, name)
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


def _two_of(characteristics: pd.DataFrame, name: str) -> str:
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


def cell_line(characteristics: pd.DataFrame, label: pd.Series) -> str:
    """Name a characteristic of cell lines or clones that repeats, each of which is one donor's; ""
    where there is none, or where the lines are what is compared.

    Parameters
    ----------
    characteristics, label
        Index: the samples analysed.
    """
    for name in sorted(map(str, characteristics)):
        values = characteristics[name]
        if (
            _LINE.search(name.replace("_", " "))
            and max(FEWEST_DONORS, label.nunique() + 1) <= values.nunique() < len(values)
            and not values.map(is_missing).any()
        ):
            return name
    return ""


def shared(
    titles: pd.Series | None, characteristics: pd.DataFrame, label: pd.Series
) -> tuple[str, str]:
    """Find samples that share donors though every sample counts as its own.

    Parameters
    ----------
    titles, characteristics, label
        Of the same samples; `label` is named after its column, titles are None where there are
        none.

    Returns
    -------
    tuple
        What to write into the cell `group`, and what is seen, in words; "" twice where nothing is.
    """
    if titles is not None:
        column, alike = named_in_titles(titles, label, str(label.name))
        seen = "samples share {} donors that their titles name"
        if not alike:
            column, alike = GROUP_OF_TITLE, replicates(titles, characteristics, label)
            seen = "samples look like replicates of {} donors, whose titles count on"
        if alike:
            first = "; ".join(f"{one}: {', '.join(of)}" for one, of in list(alike.items())[:3])
            number = sum(map(len, alike.values()))
            return column, f"{number} {seen.format(len(alike))} ({first} …)"
    column = cell_line(characteristics, label)
    told = f"'{column}' names lines of cells that repeat, each of which is one donor's"
    return column, told if column else ""
