"""Samples that share donors though every sample counts as its own: what a record lets see of it."""

import re

import pandas as pd

from epigpt.samples.characteristic_kinds import Kind, is_handling, kind_of
from epigpt.samples.donor_titles import FEWEST_DONORS, GROUP_OF_TITLE, named_in_titles, replicates
from epigpt.samples.donors import two_of
from epigpt.samples.label_sources import is_missing

_LINE = re.compile(
    r"\b(cell |ipsc? |hipsc |es )?(line|clone)( ?(id|number|no|name))?$", re.IGNORECASE
)
# What else ids are called.
_ID = re.compile(r"\b(id|ids|identifier|code|name)$", re.IGNORECASE)
_MOST_OF_A_DONOR = 4
_FEWEST_REPEATED = 5


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


def repeated_ids(characteristics: pd.DataFrame, label: pd.Series) -> str:
    """Name a characteristic whose values repeat as those of a donor would, whatever it is called
    ("blood bank code"); "" where there is none.

    Up to four samples have the same value, as a few are taken of a donor, and what a donor has one
    of, such as the sex, is the same in them. Either all of them are of one class, or each is of
    another one, as before and after a treatment: by chance alone that would happen once in 32
    characteristics, or less often.

    Parameters
    ----------
    characteristics, label
        Index: the samples analysed.
    """
    for name in sorted(map(str, characteristics)):
        values = characteristics[name]
        number = values.value_counts()
        several = values[values.map(number) > 1]
        if (
            (_ID.search(name.replace("_", " ")) or kind_of(name, values) == Kind.NEUTRAL)
            and not is_handling(name)
            and not values.map(is_missing).any()
            and not values.map(_is_measured).all()
            and number.max() <= _MOST_OF_A_DONOR
            and 2 * len(several) > len(values)
            and len(several) - several.nunique() >= _FEWEST_REPEATED
            and not two_of(characteristics, name)
        ):
            classes = label.loc[several.index].groupby(several)
            if classes.nunique().max() == 1 or (classes.nunique() == classes.size()).all():
                return name
    return ""


def _is_measured(text: str) -> bool:
    """Return whether a text is a number with a fraction, which names nothing."""
    return re.fullmatch(r"[-+]?\d*\.\d+(e[-+]?\d+)?", text.strip(), re.IGNORECASE) is not None


def find(
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
    if column := cell_line(characteristics, label):
        return column, f"'{column}' names lines of cells that repeat, each of which is one donor's"
    others = characteristics.drop(columns=str(label.name), errors="ignore")
    if column := repeated_ids(others, label):
        values = characteristics[column].nunique()
        return column, (
            f"'{column}' repeats as the names of donors do ({values} values in"
            f" {len(characteristics)} samples)"
        )
    return "", ""
