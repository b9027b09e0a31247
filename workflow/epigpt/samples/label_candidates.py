"""Which characteristics could be the label: their classes counted in samples and donors, and
ranked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from epigpt.samples.characteristic_kinds import Kind, kind_of, preference
from epigpt.samples.classes import FEWEST_GROUPS, is_reference, reference_of
from epigpt.samples.label_sources import is_missing
from epigpt.samples.title_labels import parts_of_texts

_MOST_CLASSES = 12
_FEWEST_NUMBERS = 5
_MOST_SHOWN = 6
_LONGEST = 50
TEXTS = ("title", "source_name", "description", "column")


@dataclass(frozen=True)
class Candidate:
    """One possible label.

    Attributes
    ----------
    label
        What to write into the cell `label`: a characteristic, or NAME~REGEX for a part of another
        text.
    samples, groups
        Class → number of its samples, and of its donors; classes by name.
    missing
        Samples without a value.
    same_as
        A candidate of better rank that splits the samples in the same way, or "".
    is_text
        Whether it is taken from a title or another text of the record rather than from a
        characteristic.
    about
        What it is about: a condition, or something that only describes the sample.
    """

    label: str
    samples: dict[str, int]
    groups: dict[str, int]
    missing: int = 0
    same_as: str = ""
    is_text: bool = False
    about: Kind = Kind.NEUTRAL

    @property
    def splits(self) -> bool:
        """Return whether it splits all samples into classes of at least three donors."""
        return self.missing == 0 and len(self.assessable) == len(self.groups) >= 2

    @property
    def assessable(self) -> list[str]:
        """Classes of at least three donors."""
        return [name for name, number in self.groups.items() if number >= FEWEST_GROUPS]

    @property
    def too_small(self) -> list[str]:
        """Classes of fewer donors."""
        return [name for name in self.groups if name not in self.assessable]

    @property
    def control(self) -> str:
        """The one class that is called like a control, or ""."""
        return reference_of(self.samples)

    @property
    def rank(self) -> tuple[Any, ...]:
        """Its place among others, least first: the documented order of `label: auto`.

        Conditions come first, characteristics before parts of a title; then what neither names nor
        values say anything about; then tissue, sex, age and the like. Among these, two classes of
        three donors come before smaller ones; then the kind of condition (condition or group,
        treatment, genotype, disease), whether every sample has a value and every class three
        donors, fewer classes, larger classes, the name.
        """
        usable = len(self.assessable) >= 2
        return (
            self.about,
            self.is_text,
            not usable,
            preference(self.label) if not self.is_text else 0,
            not self.splits,
            len(self.samples),
            -min(self.groups.values()),
            self.label.startswith("title~^"),
            self.label.casefold(),
            self.label,
        )

    @property
    def in_words(self) -> str:
        """Its classes with their counts, for messages."""
        each = [
            f"{_shortened(name)} {number}"
            + (
                ""
                if self.groups[name] == number
                else f" of {self.groups[name]} donor" + "s" * (self.groups[name] > 1)
            )
            for name, number in list(self.samples.items())[:_MOST_SHOWN]
        ]
        each += (
            [f"{len(self.samples) - _MOST_SHOWN} more"] if len(self.samples) > _MOST_SHOWN else []
        )
        without = f"; {self.missing} without a value" if self.missing else ""
        return f"{self.label}: {', '.join(each)}{without}" + (
            f" (same split as {self.same_as})" if self.same_as else ""
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values for reading.json."""
        return {
            "column": self.label,
            "samples": self.samples,
            "groups": self.groups,
            "missing": self.missing,
            "same_as": self.same_as,
            "about": self.about.name.lower(),
        }


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def of_values(label: str, values: pd.Series, group: pd.Series, is_text: bool = False) -> Candidate:
    """Count the classes of one label.

    Parameters
    ----------
    label
        Its name.
    values, group
        Text by sample; missing values as `is_missing` knows them.
    is_text
        Whether it is a part of a title or another text.
    """
    present = values[~values.map(is_missing)]
    samples = {
        str(name): int(number) for name, number in present.value_counts().sort_index().items()
    }
    groups = group.loc[present.index].groupby(present).nunique()
    about = (
        (Kind.CONDITION if any(map(is_reference, samples)) else Kind.NEUTRAL)
        if is_text
        else kind_of(label, samples)
    )
    return Candidate(
        label,
        samples,
        {name: int(groups[name]) for name in samples},
        len(values) - len(present),
        is_text=is_text,
        about=about,
    )


def candidates(
    characteristics: pd.DataFrame,
    group: pd.Series,
    attributes: pd.DataFrame | None = None,
    besides: Sequence[str] = (),
) -> list[Candidate]:
    """List the possible labels, best first, as `Candidate.rank` orders them.

    A label has two to twelve classes, two of them of at least two samples, and is not a
    measurement. The order of columns and samples does not matter.

    Parameters
    ----------
    characteristics
        Index: sample ids; text columns.
    group
        Donor by sample.
    attributes
        Title, source_name and description, whose parts are tried when given; a part that splits the
        samples as a characteristic does is left out.
    besides
        Columns that are not candidates, as the one that gives the groups.
    """
    values = {str(name): characteristics[name] for name in characteristics if name not in besides}
    found = [of_values(name, texts, group) for name, texts in values.items()]
    texts = {} if attributes is None else parts_of_texts(attributes, TEXTS)
    found += [of_values(name, own, group, is_text=True) for name, own in texts.items()]
    values = {**texts, **values}
    # What tells donors apart in a title is not a class.
    donors = tuple(pd.factorize(group)[0])
    split: dict[tuple[int, ...], str] = {}
    ranked: list[Candidate] = []
    # Characteristics first: what a title only repeats is not a candidate of its own.
    for one in sorted(filter(_is_label, found), key=lambda one: (one.is_text, *one.rank)):
        codes = tuple(
            pd.factorize(values[one.label].where(~values[one.label].map(is_missing), ""))[0]
        )
        if one.is_text and codes == donors:
            continue
        same = split.setdefault(codes, one.label)
        if same == one.label or not one.is_text:
            ranked.append(replace(one, same_as="" if same == one.label else same))
    return sorted(ranked, key=lambda one: one.rank)


def _is_label(one: Candidate) -> bool:
    several = sum(number > 1 for number in one.samples.values()) >= 2
    return 2 <= len(one.samples) <= _MOST_CLASSES and several and not is_measurement(one)


def is_measurement(one: Candidate) -> bool:
    """Return whether its values are many different numbers, most of them of fewer than three
    donors."""
    number = re.compile(r"\s*[-+]?\d+([.,]\d+)?\s*[A-Za-z%]*\.?")
    return (
        len(one.samples) >= _FEWEST_NUMBERS
        and 2 * len(one.assessable) < len(one.samples)
        and all(number.fullmatch(name) for name in one.samples)
    )
