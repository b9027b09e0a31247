"""Which characteristics could be the label: their classes counted in samples and donors, ranked,
and the row to paste."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from epigpt.config.dataset_table import COLUMNS, Row, row_to_paste
from epigpt.geo.record import normal_form
from epigpt.samples.label_sources import is_missing

FEWEST_GROUPS = 3
_MOST_CLASSES = 12
_MOST_SHOWN = 6
_LONGEST = 50
_CONDITION = re.compile(
    r"condition|disease|diagnos|status|state|treat|genotyp|mutat|infect|phenotyp|epilep|seizure|stimul|knock|drug|compound|agent|diet"
    r"|training|expos|injur|lesion|hypoxi|response|outcome|patholog|case|variation|intervention|transgen",
    re.IGNORECASE,
)
_NUISANCE = re.compile(
    r"\b(sex|gender|age|batch|lane|run|date|chip|plate|flow"
    r" ?cell|rin|pmi|weight|race|ethnicity|strain|background|centre|center|library"
    r"|reads?|instrument|passage|litter|cage|flag\w*)\b",
    re.IGNORECASE,
)
_CONTROL = re.compile(
    r"control|\bctrl?\b|wild["
    r" -]?type|\bwt\b|untreated|un-?trained|\bsham|vehicle|\bveh\b|normal|healthy|na[iï]ve"
    r"|non-?infected|uninfected"
    r"|\bmock\b|baseline|placebo|\bdmso\b|\bsaline\b|\bnone\b|yoked|normoxi",
    re.IGNORECASE,
)
_DONOR = re.compile(
    r"donor|patient|subject|individual|participant|animal|\b(mouse|rat|fish|litter|dam|person|case|brain)"
    r" ?(id|number|no)?$"
    r"|(mouse|rat|animal|donor|subject)_?(id|number|uniqueidentifier)|biological replicate|sample["
    r" _]name",
    re.IGNORECASE,
)
_TEXTS = ("title", "source_name", "description", "column")


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
    kind
        "characteristic", or "text" for a part of a title, source name or description.
    """

    label: str
    samples: dict[str, int]
    groups: dict[str, int]
    missing: int = 0
    same_as: str = ""
    kind: str = "characteristic"

    @property
    def splits(self) -> bool:
        """Whether it splits all samples into two classes of at least three donors, which is what
        `label: auto` looks for."""
        return (
            self.missing == 0
            and len(self.groups) == 2
            and min(self.groups.values()) >= FEWEST_GROUPS
        )

    @property
    def is_text(self) -> bool:
        """Whether it is taken from a title or another text of the record rather than from a
        characteristic."""
        return self.kind == "text"

    @property
    def assessable(self) -> list[str]:
        """Classes of at least three donors."""
        return [name for name, number in self.groups.items() if number >= FEWEST_GROUPS]

    @property
    def control(self) -> str:
        """The one class that is called like a control, or ""."""
        named = [name for name in self.samples if _CONTROL.search(name)]
        return named[0] if len(named) == 1 else ""

    @property
    def in_words(self) -> str:
        """Its classes with their counts, for messages."""
        each = [
            f"{_shortened(name)} {number}"
            + ("" if self.groups[name] == number else f" of {self.groups[name]} donors")
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
        """Give it as plain values for reading.json."""
        return {
            "column": self.label,
            "samples": self.samples,
            "groups": self.groups,
            "missing": self.missing,
            "same_as": self.same_as,
        }


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def of_values(label: str, values: pd.Series, group: pd.Series) -> Candidate:
    """Count the classes of one label.

    Parameters
    ----------
    label
        Its name.
    values, group
        Text by sample; missing values as `is_missing` knows them.
    """
    present = values[~values.map(is_missing)]
    samples = {
        str(name): int(number) for name, number in present.value_counts().sort_index().items()
    }
    groups = group.loc[present.index].groupby(present).nunique()
    return Candidate(
        label, samples, {name: int(groups[name]) for name in samples}, len(values) - len(present)
    )


def candidates(
    characteristics: pd.DataFrame,
    group: pd.Series,
    attributes: pd.DataFrame | None = None,
    besides: Sequence[str] = (),
) -> list[Candidate]:
    """List the possible labels, best first.

    A label has two to twelve classes, two of them of at least two samples. Those that `label: auto`
    could take come first; then names of conditions come before neutral ones and those before sex,
    age and batches; then fewer classes and larger ones. The order of columns and samples does not
    matter.

    Parameters
    ----------
    characteristics
        Index: sample ids; text columns.
    group
        Donor by sample.
    attributes
        Title, source_name and description, whose parts are tried when given; they rank behind every
        characteristic.
    besides
        Columns that are no candidates, as the one that gives the groups.
    """
    found = [
        of_values(str(name), characteristics[name], group)
        for name in characteristics
        if name not in besides
    ]
    ranked = sorted((one for one in found if _is_label(one)), key=_rank)
    texts = (
        []
        if attributes is None
        else [
            one
            for name in _TEXTS
            if name in attributes
            for one in _parts(name, attributes[name], group)
        ]
    )
    split: dict[tuple[int, ...], str] = {}
    result: list[Candidate] = []
    for one in [*ranked, *sorted((one for one in texts if _is_label(one)), key=_rank)]:
        values = (
            characteristics[one.label]
            if one.label in characteristics
            else _apply(one.label, attributes)
        )
        codes = tuple(pd.factorize(values)[0])
        same = split.setdefault(codes, one.label)
        if same != one.label and one.label not in characteristics:
            continue
        result.append(replace(one, same_as="" if same == one.label else same))
    return result


def _is_label(one: Candidate) -> bool:
    return (
        2 <= len(one.samples) <= _MOST_CLASSES
        and sum(number > 1 for number in one.samples.values()) >= 2
    )


def _rank(one: Candidate) -> tuple[Any, ...]:
    name = one.label.replace("_", " ")
    kind = 0 if _CONDITION.search(name) else 2 if _NUISANCE.search(name) else 1
    return (
        not one.splits,
        kind,
        len(one.assessable) < 2,
        len(one.samples),
        -min(one.groups.values()),
        one.label.casefold(),
        one.label,
    )


def _apply(label: str, attributes: pd.DataFrame | None) -> pd.Series:
    name, tilde, expression = label.partition("~")
    texts = attributes[name] if attributes is not None else pd.Series(dtype=object)
    return (
        texts.map(lambda text: found[1] if (found := re.search(expression, text)) else "")
        if tilde
        else texts
    )


def _parts(name: str, texts: pd.Series, group: pd.Series) -> list[Candidate]:
    """Try a text of the record as a label: as a whole, and the word in each place counted from its
    start and from its end."""
    whole = of_values(name, texts, group)
    found = [whole] if len(whole.samples) <= 4 and whole.missing == 0 else []
    # A trailing number counts replicates: Control1 and Control2 are one class.
    words = texts.map(
        lambda text: [
            word.rstrip("0123456789") or word for word in re.findall(r"[A-Za-z0-9+]+", text)
        ]
    )
    shortest = int(words.map(len).min()) if len(words) else 0
    for place in [*range(min(shortest, 12)), *range(-min(shortest, 12), 0)]:
        values = words.map(lambda parts, place=place: parts[place])
        if values.nunique() != 2 or not all(
            re.search("[A-Za-z].*[A-Za-z]", value) for value in values.unique()
        ):
            continue
        # The longer word first: NonResponder holds Responder.
        classes = sorted(map(re.escape, values.unique()), key=lambda word: (-len(word), word))
        label = f"{name}~({'|'.join(classes)})"
        if (_apply(label, texts.to_frame(name)) == values).all() and label not in {
            one.label for one in found
        }:
            found.append(of_values(label, values, group))
    return [replace(one, kind="text") for one in found if one.splits]


def suggested_group(characteristics: pd.DataFrame) -> str:
    """Name the characteristic that looks like the donor: called so, known for every sample, and
    repeated; `sample` if none does."""
    fitting = []
    for name in sorted(map(str, characteristics)):
        values = characteristics[name]
        if (
            _DONOR.search(name)
            and 1 < values.nunique() < len(values)
            and not values.map(is_missing).any()
        ):
            fitting.append(name)
    # The finest of several: every litter is made of animals.
    return max(
        fitting,
        key=lambda name: (characteristics[name].nunique(), normal_form(name)),
        default="sample",
    )


def row_for(row: Row, candidate: Candidate | None) -> Row:
    """Fill in label, case and control of a row from a candidate."""
    if candidate is None:
        return replace(row, label="NAME")
    control = candidate.control
    others = [name for name in candidate.samples if name != control]
    both = bool(control) and len(candidate.samples) == 2
    return replace(
        row, label=candidate.label, case=others[0] if both else "", control=control if both else ""
    )


def table_to_paste(rows: Sequence[Row]) -> str:
    """Write rows as lines of datasets.tsv below its header, all columns, tab-separated."""
    return "\n".join(["\t".join(COLUMNS), *(row_to_paste(row) for row in rows)])
