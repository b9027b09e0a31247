"""Which samples are analysed, in which class and group each is: the data set table's row applied to
the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from epigpt.config.dataset_table import Row
from epigpt.errors import InputError
from epigpt.samples import assays
from epigpt.samples.label_candidates import (
    FEWEST_GROUPS,
    Candidate,
    candidates,
    row_for,
    table_to_paste,
)
from epigpt.samples.label_sources import Sources, is_missing, one_spelling, output_names

_FEWEST_NUMBERS = 5
_MOST_CLASSES = 20
_MOST_SHOWN = 12


@dataclass
class Labelled:
    """The samples to analyse.

    Attributes
    ----------
    samples
        Columns sample, label, group, then the characteristics (as `output_names` names them); rows
        in the record's order.
    left_out
        Samples that are not analysed, with the reason.
    column
        Where the label comes from: a characteristic, or NAME~REGEX.
    case, control
        Names of the two classes as they stand in `label`; "" where the row leaves them open.
    group
        Where the groups come from.
    rule
        How the label was found, in words.
    candidates
        Characteristics that could be the label, best first.
    notes
        Spellings that were taken for the same.
    """

    samples: pd.DataFrame
    left_out: list[tuple[str, str]]
    column: str
    case: str
    control: str
    group: str
    rule: str
    candidates: list[Candidate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def reading(self) -> dict[str, Any]:
        """Give what reading.json says of label, group and samples left out."""
        return {
            "label": {
                "column": self.column,
                "case": self.case,
                "control": self.control,
                "rule": self.rule,
                "candidates": [candidate.as_dict() for candidate in self.candidates],
            },
            "group": {"column": self.group, "groups": int(self.samples["group"].nunique())},
            "left_out": [{"sample": sample, "reason": reason} for sample, reason in self.left_out],
        }


def resolve(
    row: Row,
    characteristics: pd.DataFrame,
    available: Sequence[str] | None = None,
    attributes: pd.DataFrame | None = None,
    columns: Mapping[str, str] | None = None,
) -> Labelled:
    """Choose samples, labels and groups.

    Parameters
    ----------
    row
        Row of the data set table.
    characteristics
        Index: sample ids in the record's order; text columns, "" where missing.
    available
        Samples that the matrix has; None where no matrix was read yet.
    attributes
        Same index: title, source_name, description, organism, platform … of a GEO record; None for
        a sample sheet.
    columns
        Sample → name of its column in the matrix, for `column~(…)`.

    Raises
    ------
    InputError
        A name or a value that the record does not have; several platforms, organisms or assays
        without a choice; `label: auto` that stays open; a label of one class or a measurement; a
        group that is missing; no sample left.
    """
    described = pd.DataFrame(index=characteristics.index) if attributes is None else attributes
    characteristics, notes = one_spelling(characteristics)
    sources = Sources(characteristics, described, columns, row)
    group_name, group = _group(row, sources)
    explicit = None if row.label == "auto" else sources.find(row.label, "label")
    kept, left_out = _selected(row, sources, described, available)
    group = group.loc[kept].rename(group_name)
    possible = candidates(characteristics.loc[kept], group, besides=[group_name])
    if explicit is None:
        _check_group(row, group_name, group)
        texts = described if columns is None else described.assign(column=sources.column)
        column, values, rule = _automatic(
            row, characteristics.loc[kept], group, possible, texts.loc[kept]
        )
    else:
        column, values, rule = explicit[0], explicit[1].loc[kept], f"label = {row.label}"
    label, gone = _classes(
        row, sources, column, values, explicit[1] if explicit else characteristics[column]
    )
    group = group.loc[label.index]
    _check_group(row, group_name, group)
    _check_label(row, column, label, group)
    return Labelled(
        samples=_table(label, group, characteristics),
        left_out=left_out + gone,
        column=column,
        case=row.case or (f"not {row.control}" if row.control else ""),
        control=row.control or (f"not {row.case}" if row.case else ""),
        group=group_name,
        rule=rule,
        candidates=possible,
        notes=notes,
    )


def _group(row: Row, sources: Sources) -> tuple[str, pd.Series]:
    index = sources.characteristics.index
    return (
        ("sample", pd.Series(list(index), index=index, dtype=object))
        if row.group == "sample"
        else sources.find(row.group, "group")
    )


def included(
    row: Row, characteristics: pd.DataFrame, attributes: pd.DataFrame
) -> frozenset[str] | None:
    """Give the samples that the cell `include` keeps, before any matrix was read; None where it
    keeps all or is about matrix columns.

    Raises
    ------
    InputError
        A name or a value in it that the record does not have.
    """
    filters = [
        condition
        for condition in row.filters
        if condition.name.partition("~")[0].strip() != "column"
    ]
    if not filters:
        return None
    sources = Sources(one_spelling(characteristics)[0], attributes, None, row)
    fits = [sources.select(condition)[1] for condition in filters]
    return frozenset(sample for sample in characteristics.index if all(one[sample] for one in fits))


def _selected(
    row: Row, sources: Sources, attributes: pd.DataFrame, available: Sequence[str] | None
) -> tuple[list[str], list[tuple[str, str]]]:
    """Apply what the matrix has, `include`, and the choice of assay and organism: samples kept, and
    those left out with the reason."""
    every = list(sources.characteristics.index)
    present = set(every) if available is None else set(available)
    left_out = [(name, "described, but not in the matrix") for name in every if name not in present]
    left_out += [
        (name, "in the matrix, but not described") for name in sorted(present - set(every))
    ]
    kept = [name for name in every if name in present]
    chosen = set()
    for condition in row.filters:
        name, fits = sources.select(condition)
        chosen.add(name.partition("~")[0])
        sign = "=" if condition.keep else "!="
        reason = f"include: {condition.name}{sign}{'|'.join(condition.values)}"
        left_out += [(sample, reason) for sample in kept if not fits[sample]]
        kept = [sample for sample in kept if fits[sample]]
    if kept:
        others = assays.select(attributes.loc[kept], row, chosen)
        gone = {sample for sample, _ in others}
        left_out += others
        kept = [sample for sample in kept if sample not in gone]
    if not kept:
        reasons = pd.Series([reason for _, reason in left_out], dtype=object).value_counts()
        raise InputError(
            "no sample is left",
            f"data set '{row.dataset}'",
            "; ".join(f"{number} × {reason}" for reason, number in reasons.items())
            or "the record describes none",
            "correct the cell `include`, or the cells `source` and `matrix`",
        )
    return kept, left_out


def _check_group(row: Row, name: str, group: pd.Series) -> None:
    lacking = [str(sample) for sample in group.index if is_missing(group[sample])]
    if lacking:
        shown = "|".join(lacking[:20])
        raise InputError(
            f"{len(lacking)} of {len(group)} samples without '{name}':"
            f" {', '.join(lacking[:5])}{' …' if len(lacking) > 5 else ''}",
            f"data set '{row.dataset}', column 'group'",
            "samples of one donor must not be in training and test at once, so the donor of each"
            " must be known",
            f"leave them out by `include` (sample!={shown}{'|…' if len(lacking) > 20 else ''}), or"
            " name another characteristic as group",
        )


def _automatic(
    row: Row,
    characteristics: pd.DataFrame,
    group: pd.Series,
    possible: Sequence[Candidate],
    attributes: pd.DataFrame,
) -> tuple[str, pd.Series, str]:
    """Take the one characteristic that splits the samples into two classes of at least three
    donors."""
    fitting = [one for one in possible if _as_asked(one, row)]
    if len(fitting) == 1:
        name = fitting[0].label
        rule = (
            f"label = auto: '{name}' alone splits the samples into two classes of at least"
            f" {FEWEST_GROUPS} donors"
        )
        return name, characteristics[name], rule
    raise _undecided(
        row, fitting, candidates(characteristics, group, attributes, besides=[str(group.name)])
    )


def _as_asked(one: Candidate, row: Row) -> bool:
    """Whether a candidate splits the samples; where case or control are given, whether these values
    do."""
    if not row.case and not row.control:
        return one.splits
    classes = [row.case_values or None, row.control_values or None]
    counts = []
    for values, other in zip(classes, reversed(classes), strict=True):
        own = [
            name for name in one.groups if (name in values if values else name not in (other or ()))
        ]
        if values and set(values) - set(own):
            return False
        counts.append(sum(one.groups[name] for name in own))
    return min(counts) >= FEWEST_GROUPS


def _undecided(row: Row, fitting: Sequence[Candidate], every: Sequence[Candidate]) -> InputError:
    named = [*row.case_values, *row.control_values]
    first = "several characteristics split" if fitting else "no characteristic splits"
    asked = f" ({' and '.join(map(repr, named))})" if named else ""
    listed = [f"    {one.in_words}" for one in every[:_MOST_SHOWN]]
    usable = [one for one in every if len(one.assessable) >= 2]
    rows = [
        row_for(row, one)
        for one in (fitting or [one for one in usable if not one.is_text] or usable or every)[:3]
    ]
    pasted = table_to_paste(rows or [row_for(row, None)]).replace("\n", "\n    ")
    how = (
        "put the row that you mean into the data set table"
        if rows
        else "put this row into the data set table, the condition for NAME"
    )
    return InputError(
        f"label = auto, and {first} the samples into two classes{asked} of at least {FEWEST_GROUPS}"
        " donors"
        + ("; possible labels, with samples per class:\n" + "\n".join(listed) if listed else ""),
        f"data set '{row.dataset}', column 'label'",
        "which comparison is meant cannot be told from the data",
        f"{how}; several values are joined by |, `epigpt describe {row.source}` shows more\n   "
        f" {pasted}",
    )


def _classes(
    row: Row, sources: Sources, column: str, values: pd.Series, in_record: pd.Series
) -> tuple[pd.Series, list[tuple[str, str]]]:
    """Give the label by sample, and the samples that are in no class with the reason."""
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
    """Give the values that a cell names; a value that itself holds a | is one."""
    return (
        (cell,)
        if cell and cell in set(values)
        else tuple(part.strip() for part in cell.split("|") if part.strip())
    )


def _check_label(row: Row, column: str, label: pd.Series, group: pd.Series) -> None:
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
            "name another label, or widen `include`, `case` and `control`",
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
            " as title~(KO|WT), or name another label",
        )


def _table(label: pd.Series, group: pd.Series, characteristics: pd.DataFrame) -> pd.DataFrame:
    kept = characteristics.loc[label.index].rename(columns=output_names(characteristics))
    first = pd.DataFrame(
        {"sample": list(label.index), "label": label.tolist(), "group": group.tolist()},
        dtype=object,
    )
    return pd.concat([first, kept.reset_index(drop=True)], axis=1)
