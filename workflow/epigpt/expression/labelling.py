"""Which samples are analysed and what each is called: label, group, filters, from the row of the data set table."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from epigpt.datasets import Row
from epigpt.refusal import Refusal, nearest_name

_RESERVED = ("sample", "label", "group")
_FEWEST_GROUPS = 3


@dataclass
class Labelled:
    """The samples to analyse.

    Attributes
    ----------
    table
        Index sample; columns label, group, then the characteristics, all text.
    left_out
        Samples that are not analysed: {"sample", "reason"}.
    label, group
        What was decided, for reading.json.
    """

    table: pd.DataFrame
    left_out: list[dict[str, str]] = field(default_factory=list)
    label: dict[str, Any] = field(default_factory=dict)
    group: dict[str, Any] = field(default_factory=dict)


def resolve(row: Row, attributes: pd.DataFrame, characteristics: pd.DataFrame, present: set[str]) -> Labelled:
    """Choose samples, labels and groups.

    Parameters
    ----------
    row
        The row of the data set table.
    attributes, characteristics
        Index: sample ids in the record's order; text columns. A characteristic wins over an attribute of the same name.
    present
        Samples that the matrix has.

    Raises
    ------
    Refusal
        A name or value that the record does not have; `label: auto` that the record leaves open; no sample left.
    """
    extra = [column for column in attributes if column not in characteristics]
    searched = pd.concat([characteristics, attributes[extra]], axis=1).fillna("")
    left_out = [{"sample": name, "reason": "not in the matrix"} for name in searched.index if name not in present]
    kept = searched.loc[[name in present for name in searched.index]]
    for condition in row.filters:
        column = _column(condition.name, searched, "include", row)
        fits = kept[column].isin(condition.values) == condition.keep
        left_out += [{"sample": name, "reason": f"include: {column} is '{kept.loc[name, column]}'"} for name in kept.index[~fits]]
        kept = kept[fits]
    group = kept.index.to_series() if row.group == "sample" else kept[_column(row.group, searched, "group", row)]
    candidates = _candidates(kept[[name for name in kept if name in characteristics]], group)
    name = _auto(row, candidates, kept[list(characteristics)]) if row.label == "auto" else _column(row.label, searched, "label", row)
    labels = kept[name]
    wanted = _wanted(row, labels)
    dropped = labels.index[~labels.isin(wanted)]
    left_out += [{"sample": sample, "reason": f"{name} is '{labels[sample]}', which is not compared"} for sample in dropped]
    labels = labels[labels.isin(wanted)].map(lambda value: _merged(row, value))
    if labels.empty:
        raise Refusal(
            "no sample is left",
            f"data set '{row.dataset}'",
            "label and filters exclude all of them",
            "correct `include`, `case`, `control`",
        )
    table = pd.DataFrame({"label": labels, "group": group.loc[labels.index]})
    for column in characteristics:
        table[f"characteristic_{column}" if column.lower() in _RESERVED else column] = characteristics.loc[labels.index, column]
    decided = {"column": name, "case": row.case, "control": row.control, "rule": f"label = {row.label}", "candidates": candidates}
    return Labelled(table, left_out, decided, {"column": row.group, "groups": int(group.loc[labels.index].nunique())})


def _column(name: str, searched: pd.DataFrame, cell: str, row: Row) -> str:
    exact = [column for column in searched if column == name] or [column for column in searched if column.casefold() == name.casefold()]
    if exact:
        return str(exact[0])
    near = nearest_name(name, list(map(str, searched.columns)))
    raise Refusal(
        f"{cell} = '{name}'",
        f"data set '{row.dataset}', column '{cell}'",
        f"no characteristic has this name; there are: {', '.join(map(str, searched.columns))}",
        f"did you mean '{near}'?" if near else "write one of these names",
    )


def _wanted(row: Row, labels: pd.Series) -> set[str]:
    present = sorted(set(labels) - {""})
    for cell, values in (("case", row.case_values), ("control", row.control_values)):
        if missing := [value for value in values if value not in present]:
            near = nearest_name(missing[0], present)
            raise Refusal(
                f"{cell} = '{missing[0]}'",
                f"data set '{row.dataset}', column '{cell}'",
                f"'{labels.name}' has no such value; it has: {', '.join(present)}",
                f"did you mean '{near}'?" if near else "write one of these values, several joined by |",
            )
    if row.control_values and not row.case_values:
        return set(present)
    if row.case_values and not row.control_values:
        return set(present)
    return set(row.case_values) | set(row.control_values) or set(present)


def _merged(row: Row, value: str) -> str:
    """Give values that are joined by | one name; with one side given, all other values are the other side."""
    cases, controls = row.case_values, row.control_values
    if not cases and not controls:
        return value
    if value in cases or (not cases and value not in controls):
        return row.case or f"not {row.control}"
    return row.control or f"not {row.case}"


def _candidates(characteristics: pd.DataFrame, group: pd.Series) -> list[dict[str, Any]]:
    found = []
    for name in characteristics:
        values = characteristics[name][characteristics[name] != ""]
        if 2 <= values.nunique() <= max(2, len(values) // 2):
            groups = {str(value): int(group.loc[part.index].nunique()) for value, part in values.groupby(values)}
            found.append(
                {
                    "column": str(name),
                    "groups": groups,
                    "samples": {str(key): int(n) for key, n in values.value_counts().sort_index().items()},
                }
            )
    return found


def _auto(row: Row, candidates: list[dict[str, Any]], characteristics: pd.DataFrame) -> str:
    fitting = [found for found in candidates if len(found["groups"]) == 2 and min(found["groups"].values()) >= _FEWEST_GROUPS]
    if len(fitting) == 1:
        return str(fitting[0]["column"])
    listed = "\n".join(
        f"    {found['column']}: " + ", ".join(f"{key} ({n})" for key, n in found["samples"].items()) for found in candidates
    )
    cells = {"dataset": row.dataset, "source": row.source, "label": fitting[0]["column"] if fitting else "NAME"}
    pasted = "\t".join(cells) + "\n    " + "\t".join(cells.values())
    raise Refusal(
        f"label = auto, and {'several characteristics' if fitting else 'no characteristic'} split the samples into two classes "
        f"of {_FEWEST_GROUPS} donors:\n" + (listed or f"    (characteristics: {', '.join(map(str, characteristics.columns)) or 'none'})"),
        f"data set '{row.dataset}', column 'label'",
        "which comparison is meant cannot be told from the data",
        f"name it in the data set table, such as\n    {pasted}",
    )
