"""Classes of a data set: what is none, and the one order that every later stage uses."""

import re
from collections.abc import Iterable

import pandas as pd

from epigpt.errors import InputError

# Fewer donors of a class than this cannot train and test a classifier.
FEWEST_GROUPS = 3
_FEWEST_NUMBERS = 5
# What a class of reference is called; the one place that knows.
_REFERENCE = re.compile(
    r"control|\bctrls?\b|\bctl\b|wild[ _-]?type|(?<![a-z])wt(?![a-z])|\+/\+|untreated|un-?trained"
    r"|un-?stimulated|\bsham|vehicle|\bveh\b|\bnormal\b|healthy|na[iï]ve|non-?infected|uninfected"
    r"|unaffected|\bmock\b|baseline|placebo|\bdmso\b|\bpbs\b|\bsaline\b|\bnone\b|yoked|normoxi"
    r"|\bchow\b|standard[ _-]diet|non-?targeting|scrambled?\b|\bwithout\b",
    re.IGNORECASE,
)


def is_reference(name: str) -> bool:
    """Return whether a class is called like one that others are compared with: control, wild type,
    sham, vehicle, untreated …"""
    return bool(_REFERENCE.search(name.replace("_", " ")))


def reference_of(classes: Iterable[str]) -> str:
    """Return the one class that is called like a reference, or ""."""
    named = [name for name in classes if is_reference(name)]
    return named[0] if len(named) == 1 else ""


def class_order(labels: Iterable[str], case: str = "", control: str = "") -> list[str]:
    """List the classes: control then case where there are two, sorted by name otherwise.

    Parameters
    ----------
    labels
        Label of every observation; empty ones do not count. Values that the row joins with `|` are
        one label already.
    case, control
        The cells of the row; either may be empty.

    Returns
    -------
    list of str
        For two classes the last one is the class of interest. Without case and control it is the
        one beside the one called like a reference, else the later one by name.
    """
    present = sorted({label for label in labels if label})
    if len(present) != 2:
        return present
    first, second = present
    control = control or ("" if case else reference_of(present))
    return [second, first] if first == case or second == control else [first, second]


def refuse_measurement(samples: pd.DataFrame) -> None:
    """Refuse a label that is a measurement: at least five different numbers, most of them found in
    fewer than three groups.

    Parameters
    ----------
    samples
        Columns group and label, and the characteristics, of which one gave the label.

    Raises
    ------
    InputError
        Names the characteristic and gives cells for the row that make two classes of it.
    """
    texts = samples[["group", "label"]].astype(str).drop_duplicates()
    numbers = pd.to_numeric(texts["label"], errors="coerce")
    groups = texts["label"].value_counts()
    if (
        numbers.isna().any()
        or len(groups) < _FEWEST_NUMBERS
        or (groups < FEWEST_GROUPS).mean() <= 0.5
    ):
        return
    name = _name_of_label(samples)
    values = sorted(groups.index, key=float)
    limit = float(numbers.median())
    high = [value for value in values if float(value) > limit] or values[-1:]
    low = [value for value in values if value not in high]
    raise InputError(
        found=(
            f"label '{name}' with {len(values)} different numbers from {values[0]} to {values[-1]}"
        ),
        where="table of data sets, column 'label'",
        why="it is a measurement, not a class: EpiGPT tells classes apart and fits no regression",
        remedy=(
            f"make two classes of it, for example below and above {limit:g}, in these cells of the"
            f" row:\n    label\tcase\tcontrol\n    {name}\t{'|'.join(high)}\t{'|'.join(low)}"
        ),
    )


def _name_of_label(samples: pd.DataFrame) -> str:
    label = samples["label"].astype(str)
    others = [column for column in samples.columns if column not in ("sample", "group", "label")]
    return next(
        (str(column) for column in others if (samples[column].astype(str) == label).all()), "label"
    )
