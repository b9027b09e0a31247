"""The class of each sample: values of the label joined as case and control say, and what makes no
classes refused."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from epigpt.config.dataset_row import Row
from epigpt.errors import InputError
from epigpt.samples.classes import FEWEST_GROUPS
from epigpt.samples.label_candidates import Candidate
from epigpt.samples.label_rows import row_for, table_to_paste
from epigpt.samples.label_sources import Sources, is_missing

_FEWEST_NUMBERS = 5
_MOST_CLASSES = 20


def classes(
    row: Row, sources: Sources, column: str, values: pd.Series, in_record: pd.Series
) -> tuple[pd.Series, list[tuple[str, str]]]:
    """Return the label by sample, and the samples that are in no class with the reason."""
    cases, controls = _named(row.case, values), _named(row.control, values)
    present = sorted(set(in_record) - {""})
    for cell, wanted in (("case", cases), ("control", controls)):
        for value in wanted:
            if value not in present:
                raise sources.unknown_value(cell, getattr(row, cell), column, value, present)
    label: dict[str, str] = {}
    gone: list[tuple[str, str]] = []
    for sample, value in values.items():
        if is_missing(value) and value not in (*cases, *controls):
            gone.append((str(sample), f"no value of {column}"))
        elif value in cases or (controls and not cases and value not in controls):
            label[str(sample)] = row.case or f"not {row.control}"
        elif value in controls or (cases and not controls):
            label[str(sample)] = row.control or f"not {row.case}"
        elif cases or controls:
            gone.append((str(sample), f"{column} is '{value}', which is not compared"))
        else:
            label[str(sample)] = value
    return pd.Series(label, dtype=object), gone


def _named(cell: str, values: pd.Series) -> tuple[str, ...]:
    """Return the values that a cell names; a value that itself holds a | is one."""
    return (
        (cell,)
        if cell and cell in set(values)
        else tuple(part.strip() for part in cell.split("|") if part.strip())
    )


def check_label(
    row: Row, column: str, label: pd.Series, group: pd.Series, possible: Sequence[Candidate]
) -> None:
    """Refuse a label of the user's that makes no classes: a single one, a measurement, or nearly
    one for every sample.

    Raises
    ------
    InputError
        With cells that make classes of it.
    """
    where = f"data set '{row.dataset}', column 'label'"
    if (counts := label.value_counts().sort_index()).size < 2:
        only = (
            f"all {len(label)} samples are '{counts.index[0]}'"
            if len(counts)
            else "no sample has a value of it"
        )
        raise InputError(
            f"label '{column}' with {len(counts)} class{'' if len(counts) == 1 else 'es'} among the"
            " samples analysed",
            where,
            f"{only}, so there is nothing to compare",
            "widen `include`, `case` and `control`, or name another label" + _rows(row, possible),
        )
    if row.case or row.control:
        return
    donors = group.groupby(label).nunique()
    few = (donors < FEWEST_GROUPS).mean() > 0.5
    numbers = pd.to_numeric(
        label.str.extract(r"^\s*([-+]?\d+(?:[.,]\d+)?)\s*[A-Za-z%]*\.?$")[0].str.replace(",", "."),
        errors="coerce",
    )
    if few and len(counts) >= _FEWEST_NUMBERS and numbers.notna().all():
        middle = numbers.median()
        high = sorted(set(label[numbers > middle])) or sorted(set(label[numbers == numbers.max()]))
        low = sorted(set(label) - set(high))
        raise InputError(
            f"label '{column}' is a measurement: {len(counts)} different numbers from"
            f" {numbers.min():g} to {numbers.max():g}",
            where,
            "a class needs several donors of one value",
            f"join values into two classes, such as control = {'|'.join(low)} and case ="
            f" {'|'.join(high)}, or name another label",
        )
    if few and len(counts) > _MOST_CLASSES:
        raise InputError(
            f"label '{column}' with {len(counts)} different values among {len(label)} samples",
            where,
            "nearly every sample is a class of its own",
            "join values by | in `case` and `control`, take a part of the text by NAME~REGEX, such"
            " as title~(KO|WT), or name another label" + _rows(row, possible),
        )


def _rows(row: Row, possible: Sequence[Candidate]) -> str:
    """Write the rows of the labels that would run, for a remedy; "" where there is none."""
    usable = [one for one in possible if len(one.assessable) >= 2 and not one.same_as][:3]
    open_row = replace(row, case="", control="")
    pasted = table_to_paste([row_for(open_row, one) for one in usable]).replace("\n", "\n    ")
    return f", such as in one of these rows:\n    {pasted}" if usable else ""
