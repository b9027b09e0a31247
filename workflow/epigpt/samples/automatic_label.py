"""`label: auto`: take the best-ranked candidate, say so, and show what else could be meant."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from epigpt.config.dataset_row import Row
from epigpt.errors import InputError
from epigpt.samples.characteristic_kinds import Kind
from epigpt.samples.classes import FEWEST_GROUPS
from epigpt.samples.label_candidates import Candidate
from epigpt.samples.label_rows import row_for, table_to_paste

_MOST_SHOWN = 12


@dataclass(frozen=True)
class Choice:
    """What `label: auto` decided.

    Attributes
    ----------
    candidate
        The label taken; None where there is none.
    dropped
        Classes of fewer than three donors whose samples are left out.
    rule, warning
        How it was found, in words; what the reader has to know first.
    """

    candidate: Candidate | None
    dropped: tuple[str, ...]
    rule: str
    warning: str


NOTHING_ASKED = Choice(None, (), "no label is asked for", "")


def choose(row: Row, possible: Sequence[Candidate], asked_about: Sequence[str] = ()) -> Choice:
    """Take the first of the ranked candidates that fits the row; technical ones never, and tissue,
    sex and the like not while the record holds a condition.

    Parameters
    ----------
    row
        Row of the data set table.
    possible
        The candidates, best first.
    asked_about
        Characteristics that are conditions by their names, also those that are not candidates, such
        as a measured frequency of seizures.

    Where the row names case or control, only a characteristic that has these values fits. Classes
    of fewer than three donors are left out where two others remain.

    Raises
    ------
    InputError
        The row names case or control, and no characteristic has these values.
    """
    asked = bool(row.case or row.control)
    worst = Kind.NEUTRAL if asked_about else Kind.BIOLOGICAL
    fitting = [one for one in possible if asked or one.about <= worst]
    if asked:
        fitting = [one for one in fitting if _as_asked(one, row)]
        if not fitting:
            raise _not_as_asked(row, possible)
    if not fitting:
        rule = "label = auto: no characteristic could be a label"
        return Choice(None, (), rule, _nothing(row, asked_about))
    taken = fitting[0]
    dropped: tuple[str, ...] = ()
    if len(taken.assessable) >= 2 and not asked:
        dropped = tuple(name for name in taken.groups if name not in taken.assessable)
    named = fitting if asked else [one for one in possible if one.about != Kind.TECHNICAL]
    return Choice(taken, dropped, _rule(taken, named), _warning(taken, named, dropped))


def _rule(taken: Candidate, named: Sequence[Candidate]) -> str:
    others = len([one for one in named if not one.same_as]) - 1
    among = f", ranked first of {others + 1}" if others > 0 else ", the only one"
    return f"label = auto: '{taken.label}'{among}"


def _warning(taken: Candidate, named: Sequence[Candidate], dropped: Sequence[str]) -> str:
    kind = {
        Kind.CONDITION: "a condition by its name or values",
        Kind.NEUTRAL: "no condition by its name, and there is none that is",
        Kind.BIOLOGICAL: "no condition, and the record names none: it only describes the samples",
    }.get(taken.about, "named by case and control")
    others = [one.label for one in named if one is not taken and not one.same_as]
    parts = [
        f"The record does not say what is to be compared: label = auto takes {taken.in_words}"
        f" ({kind})"
    ]
    if dropped:
        parts.append(
            f"classes of fewer than {FEWEST_GROUPS} donors are left out ({', '.join(dropped)})"
        )
    if len(taken.assessable) < 2:
        parts.append(
            f"fewer than two classes have {FEWEST_GROUPS} donors, so it cannot be assessed"
        )
    if others:
        parts.append(
            f"it could as well be {', '.join(others[:_MOST_SHOWN])}: paste one of the rows below to"
            " choose"
        )
    return "; ".join(parts) + "."


def _nothing(row: Row, asked_about: Sequence[str]) -> str:
    found = (
        f"{', '.join(map(repr, asked_about))} has no two classes of several samples"
        if asked_about
        else "no characteristic that could be a condition, and no part of a title, splits the"
        " samples into classes"
    )
    return (
        f"No label: {found}, so the series is described and nothing is assessed. Write a"
        " characteristic, or NAME~REGEX for a part of a title, into the cell `label`, and values"
        " joined by | into `case` and `control`; `epigpt describe"
        f" {row.source}` shows what there is."
    )


def _as_asked(one: Candidate, row: Row) -> bool:
    """Return whether a candidate has the values that case and control name, and samples beside
    them."""
    classes = [row.case_values or None, row.control_values or None]
    for values, other in zip(classes, reversed(classes), strict=True):
        if values and set(values) - set(one.groups):
            return False
        if not values and not set(one.groups) - set(other or ()):
            return False
    return True


def _not_as_asked(row: Row, every: Sequence[Candidate]) -> InputError:
    named = " and ".join(repr(value) for value in (*row.case_values, *row.control_values))
    listed = "\n".join(f"    {one.in_words}" for one in every[:_MOST_SHOWN])
    pasted = table_to_paste(
        [row_for(row, one) for one in every[:3]] or [row_for(row, None)]
    ).replace("\n", "\n    ")
    return InputError(
        f"label = auto, and no characteristic has the values {named}"
        + (f"; possible labels, with samples per class:\n{listed}" if listed else ""),
        f"data set '{row.dataset}', columns 'case' and 'control'",
        "it is unclear which samples are meant",
        f"put the row that you mean into the data set table\n    {pasted}",
    )


def classes_of(choice: Choice, values: pd.Series) -> tuple[pd.Series, list[tuple[str, str]]]:
    """Leave out the samples of classes that the choice drops: the others, and the samples left out
    with the reason."""
    gone = values.isin(choice.dropped)
    return values[~gone], [
        (str(sample), f"'{values[sample]}' has fewer than {FEWEST_GROUPS} donors (label = auto)")
        for sample in values.index[gone]
    ]
