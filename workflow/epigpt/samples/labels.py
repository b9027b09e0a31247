"""Which samples are analysed, in which class and group each is: the data set table's row applied to
the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from epigpt.config.dataset_row import COLUMNS, Row, row_to_paste
from epigpt.errors import InputError
from epigpt.samples import automatic_label, donors, label_classes, shared_donors
from epigpt.samples.characteristic_kinds import Kind, kind_of
from epigpt.samples.inclusion import selected
from epigpt.samples.label_candidates import Candidate, candidates
from epigpt.samples.label_rows import alternatives
from epigpt.samples.label_sources import Sources, is_missing, one_spelling, output_names


@dataclass
class Labelled:
    """The samples to analyse.

    Attributes
    ----------
    samples
        Columns sample, label, group, then the characteristics (as `output_names` names them); rows
        in the record's order. The label is "" throughout where there is none.
    left_out
        Samples that are not analysed, with the reason.
    column
        Where the label comes from: a characteristic, or NAME~REGEX; "" where there is none.
    case, control
        Names of the two classes as they stand in `label`; "" where the row leaves them open.
    group
        Where the groups come from.
    rule, group_rule
        How label and group were found, in words.
    candidates
        Characteristics that could be the label, best first.
    others
        Comparisons that could be meant instead, with the row to paste for each.
    warnings
        What has to stand in the first lines of log and report: `about` ("label", "group"), `text`
        and `rows`, lines of the data set table that settle it.
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
    group_rule: str = ""
    candidates: list[Candidate] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def reading(self) -> dict[str, Any]:
        """Return what reading.json says of label, group and samples left out."""
        return {
            "label": {
                "column": self.column,
                "case": self.case,
                "control": self.control,
                "rule": self.rule,
                "candidates": [candidate.as_dict() for candidate in self.candidates],
                "others": self.others,
                "header": "\t".join(COLUMNS),
            },
            "group": {
                "column": self.group,
                "groups": int(self.samples["group"].nunique()),
                "rule": self.group_rule,
            },
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
        without a choice; a label of one class or a measurement; a group that is missing; no sample
        left.
    """
    described = pd.DataFrame(index=characteristics.index) if attributes is None else attributes
    characteristics, notes = one_spelling(characteristics)
    sources = Sources(characteristics, described, columns, row)
    explicit = None if row.label in ("auto", "") else sources.find(row.label, "label")
    kept, left_out = selected(row, sources, described, available)
    donors_found = _group(row, sources, described, kept)
    group_name, group = donors_found.name, _group_values(donors_found.name, sources).loc[kept]
    row = replace(row, group=group_name)
    own = characteristics.loc[kept]
    texts = described if columns is None else described.assign(column=sources.column)
    possible = candidates(own, group, texts.loc[kept], besides=[group_name])
    warnings, others = [], []
    if explicit is None:
        _check_group(row, group_name, group)
        conditions = [
            str(name)
            for name in own
            if name != group_name
            and own[name].nunique() > 1
            and kind_of(str(name), own[name]) == Kind.CONDITION
        ]
        # A series that is only read, as those of a corpus are, is asked nothing.
        choice = (
            automatic_label.choose(row, possible, conditions)
            if row.label
            else automatic_label.NOTHING_ASKED
        )
        column, values = _values_of(choice, sources, kept)
        values, gone = automatic_label.classes_of(choice, values)
        left_out += gone
        others = alternatives(row, choice.candidate, possible, own, group)
        rows = [other["row"] for other in others]
        if rows or choice.candidate is None or choice.candidate.about != Kind.CONDITION:
            warnings.append({"about": "label", "text": choice.warning, "rows": rows})
        rule = choice.rule
    else:
        column, values, rule = explicit[0], explicit[1].loc[kept], f"label = {row.label}"
    if column:
        label, gone = label_classes.classes(
            row, sources, column, values, sources.find(column, "label")[1]
        )
        left_out += gone
    else:
        label = pd.Series("", index=kept, dtype=object)
    group = group.loc[label.index]
    _check_group(row, group_name, group)
    if column and explicit is not None:
        label_classes.check_label(row, column, label, group, possible)
    own = characteristics.loc[label.index]
    titles = described["title"].loc[label.index] if "title" in described else None
    warnings += _about_groups(row, donors_found, titles, own, label.rename(column))
    return Labelled(
        samples=_table(label, group, characteristics),
        left_out=left_out,
        column=column,
        case=row.case or (f"not {row.control}" if row.control else ""),
        control=row.control or (f"not {row.case}" if row.case else ""),
        group=group_name,
        rule=rule,
        group_rule=donors_found.rule,
        candidates=[one for one in possible if not one.is_text or not column],
        others=others,
        warnings=warnings,
        notes=notes,
    )


def _group(
    row: Row, sources: Sources, described: pd.DataFrame, kept: Sequence[str]
) -> donors.Donors:
    if row.group == "auto":
        titles = described["title"].loc[list(kept)] if "title" in described else None
        return donors.find(sources.characteristics.loc[list(kept)], titles)
    name = "sample" if row.group == "sample" else sources.find(row.group, "group")[0]
    return donors.Donors(name, f"group = {row.group}")


def _group_values(name: str, sources: Sources) -> pd.Series:
    if name == "sample":
        index = sources.characteristics.index
        return pd.Series(list(index), index=index, dtype=object, name="sample")
    return sources.find(name, "group")[1].rename(name)


def _values_of(
    choice: automatic_label.Choice, sources: Sources, kept: Sequence[str]
) -> tuple[str, pd.Series]:
    if choice.candidate is None:
        return "", pd.Series("", index=list(kept), dtype=object)
    name, values = sources.find(choice.candidate.label, "label")
    return name, values.loc[list(kept)]


def _about_groups(
    row: Row,
    found: donors.Donors,
    titles: pd.Series | None,
    characteristics: pd.DataFrame,
    label: pd.Series,
) -> list[dict[str, Any]]:
    """Return which characteristic names the donors, and which samples look like one donor's;
    `label` is named after its column, and the other two have its samples."""
    warnings = [{"about": "group", "text": f"{doubt}.", "rows": []} for doubt in found.doubts]
    column = seen = ""
    if found.rule == "group = sample":
        column = donors.suggested_group(characteristics)
        seen = f"'{column}' repeats and is named like a donor"
    if found.name != "sample" and found.rule.startswith("group = auto"):
        text = (
            f"{found.rule}: folds, intervals and permutations keep a donor together. To count every"
            " sample as its own, write `sample` into the cell `group`."
        )
        warnings.append({"about": "group", "text": text, "rows": []})
    if found.name == "sample" and column in ("", "sample"):
        column, seen = shared_donors.find(titles, characteristics, label)
    if column not in ("", "sample"):
        text = (
            f"{seen}, yet every sample counts as its own: a donor in training and test at once"
            " makes the score too good."
        )
        pasted = row_to_paste(replace(row, group=column))
        warnings.append({"about": "group", "text": text, "rows": [pasted]})
    return warnings


def _check_group(row: Row, name: str, group: pd.Series) -> None:
    lacking = [str(sample) for sample in group.index if is_missing(group[sample])]
    if lacking:
        some = "|".join(lacking[:20])
        raise InputError(
            f"{len(lacking)} of {len(group)} samples without '{name}':"
            f" {', '.join(lacking[:5])}{' …' if len(lacking) > 5 else ''}",
            f"data set '{row.dataset}', column 'group'",
            "samples of one donor must not be in training and test at once, so the donor of each"
            " must be known",
            f"leave them out by `include` (sample!={some}{'|…' if lacking[20:] else ''}), or"
            " name another characteristic as group",
        )


def _table(label: pd.Series, group: pd.Series, characteristics: pd.DataFrame) -> pd.DataFrame:
    kept = characteristics.loc[label.index].rename(columns=output_names(characteristics))
    first = pd.DataFrame(
        {"sample": list(label.index), "label": label.tolist(), "group": group.tolist()},
        dtype=object,
    )
    return pd.concat([first, kept.reset_index(drop=True)], axis=1)
