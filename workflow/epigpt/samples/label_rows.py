"""Rows of the data set table that a user can paste, for each label that a series could have."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from epigpt.config.dataset_row import COLUMNS, Row, row_to_paste
from epigpt.samples.characteristic_kinds import Kind
from epigpt.samples.label_candidates import Candidate, of_values

_MOST_ROWS = 6
_MOST_WITHIN = 8


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


def alternatives(
    row: Row,
    chosen: Candidate | None,
    possible: Sequence[Candidate],
    characteristics: pd.DataFrame,
    group: pd.Series,
) -> list[dict[str, Any]]:
    """List the comparisons that could be meant instead, each with the row that makes it.

    Parameters
    ----------
    row
        The row as it is, the group filled in.
    chosen
        The label taken, or None.
    possible
        All candidates, best first.
    characteristics, group
        Of the samples analysed.

    Returns
    -------
    list of dict
        `means`, in words ("genotype: KO 8, WT 8", "diet within genotype=KO: …"), and `row`, a line
        of the data set table.
    """
    others = [one for one in possible if one is not chosen]
    usable = [one for one in others if len(one.assessable) >= 2 and not one.same_as]
    listed = (usable or others)[:_MOST_ROWS]
    rows = [(one.in_words, row_for(row, one)) for one in listed]
    if chosen is not None:
        rows += list(_within(row, chosen, others, characteristics, group))[:_MOST_WITHIN]
    return [{"means": means, "row": row_to_paste(made)} for means, made in rows]


def _within(
    row: Row,
    chosen: Candidate,
    others: Sequence[Candidate],
    characteristics: pd.DataFrame,
    group: pd.Series,
) -> Iterator[tuple[str, Row]]:
    """Cross the label taken with other conditions: each within one value of the other."""
    conditions = [
        one for one in others if one.about == Kind.CONDITION and not one.is_text and not one.same_as
    ]
    for other in conditions[:2] if not chosen.is_text else []:
        for label, at in ((chosen.label, other.label), (other.label, chosen.label)):
            for value in sorted(set(characteristics[at]) - {""}):
                kept = characteristics.index[characteristics[at] == value]
                within = of_values(label, characteristics.loc[kept, label], group.loc[kept])
                if len(within.assessable) < 2 or set(value) & set("|;=!\t"):
                    continue
                condition = f"{at}={value}"
                included = ";".join(filter(None, [row.include, condition]))
                means = f"{label} within {condition}: {within.in_words.partition(': ')[2]}"
                yield means, row_for(replace(row, include=included), within)
