"""What of a series could be its label and its donor, and the rows to paste."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from epigpt.config.dataset_row import Row
from epigpt.describe.description import Description
from epigpt.samples import assays, association, donors, shared_donors
from epigpt.samples.label_candidates import Candidate, candidates, of_values
from epigpt.samples.label_rows import row_for
from epigpt.samples.label_sources import Sources, one_spelling, output_names


def describe_labels(
    description: Description, characteristics: pd.DataFrame, attributes: pd.DataFrame, row: Row
) -> None:
    """Fill in characteristics, candidates, confounding and the rows to paste; what needs a choice
    becomes a problem."""
    unified, spellings = one_spelling(characteristics)
    description.notes += spellings
    sources = Sources(unified, attributes, None, row)
    kept, row = _kept(description, sources, attributes, row)
    unified, attributes = unified.loc[kept], attributes.loc[kept]
    description.kept = len(kept)
    description.characteristics = {str(name): _values(unified[name]) for name in unified}
    guessed = row.group == "auto"
    description.group = (
        donors.suggested_group(unified, attributes.get("title")) if guessed else row.group
    )
    group = (
        pd.Series(kept, index=kept, dtype=object)
        if description.group == "sample"
        else sources.find(description.group, "group")[1].loc[kept]
    )
    description.candidates = candidates(unified, group, attributes, besides=[description.group])
    row = replace(row, group=description.group)
    if row.label != "auto":
        label, values = sources.find(row.label, "label")
        description.candidates = [
            of_values(label, values.loc[kept], group),
            *(one for one in description.candidates if one.label != label),
        ]
    if description.candidates:
        best = description.candidates[0]
        label = sources.find(best.label, "label")[1].loc[kept]
        if guessed and row.group == "sample":
            told = label[label.ne("")].rename(best.label)
            titles = attributes["title"].loc[told.index] if "title" in attributes else None
            shared, seen = shared_donors.find(titles, unified.loc[told.index], told)
            description.group_to_consider = shared
            description.notes += [f"{seen}: the group is then '{shared}'."] if shared else []
        listed = pd.DataFrame(
            {"sample": kept, "label": label.to_numpy(), "group": group.to_numpy()}
        )
        others_table = unified.rename(columns=output_names(unified)).drop(
            columns=output_names(unified).get(best.label, [])
        )
        description.confounding = association.table(
            pd.concat([listed, others_table.reset_index(drop=True)], axis=1)[
                label.ne("").to_numpy()
            ]
        )
    description.rows = [row_for(row, one) for one in _to_paste(description.candidates)] or [
        row_for(row, None)
    ]


def _kept(
    description: Description, sources: Sources, attributes: pd.DataFrame, row: Row
) -> tuple[list[str], Row]:
    """Return the samples that filters, assay and organism leave, and the row; a choice that is open
    becomes a problem.

    What follows is then shown for the choice that keeps most samples, so that the row to paste is
    one that runs.
    """
    kept = list(attributes.index)
    chosen = set()
    for condition in row.filters:
        name, fits = sources.select(condition)
        chosen.add(name.partition("~")[0])
        kept = [sample for sample in kept if fits[sample]]
    try:
        others = dict(assays.select(attributes.loc[kept], row, chosen)) if kept else {}
    except assays.Choice as choice:
        description.problems.append(choice)
        if not choice.cell:
            return kept, row
        description.notes.append(f"Labels and rows are those for {choice.cell} = {choice.text}.")
        text = (
            ";".join(filter(None, [row.include, choice.text]))
            if choice.cell == "include"
            else choice.text
        )
        return _kept(description, sources, attributes, replace(row, **{choice.cell: text}))
    if others:
        reasons = Counter(others.values()).most_common()
        description.notes.append(
            f"{len(others)} samples are left out:"
            f" {', '.join(f'{reason} ({number})' for reason, number in reasons)}."
        )
    return [sample for sample in kept if sample not in others] or kept, row


def _to_paste(possible: Sequence[Candidate]) -> list[Candidate]:
    distinct = [one for one in possible if not one.same_as]
    usable = [one for one in distinct if len(one.assessable) >= 2]
    # The first is what `label: auto` takes, whether it can be assessed or not.
    return [*distinct[:1], *(one for one in usable if one is not distinct[0])][:3]


def _values(texts: pd.Series) -> dict[str, Any]:
    counts = Counter(text for text in texts if text)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {"values": dict(ordered), "missing": int((texts == "").sum())}
