"""Which samples the cell `include` keeps."""

from collections.abc import Sequence

import pandas as pd

from epigpt.config.dataset_row import Row
from epigpt.errors import InputError
from epigpt.samples import assays
from epigpt.samples.label_sources import Sources, one_spelling


def included(
    row: Row, characteristics: pd.DataFrame, attributes: pd.DataFrame
) -> frozenset[str] | None:
    """Return the samples that the cell `include` keeps, before any matrix was read; None where it
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


def selected(
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
    written: list[str] = []
    for condition in row.filters:
        name, fits = sources.select(condition)
        chosen.add(name.partition("~")[0])
        sign = "=" if condition.keep else "!="
        reason = f"include: {condition.name}{sign}{'|'.join(condition.values)}"
        left_out += [(sample, reason) for sample in kept if not fits[sample]]
        kept = [sample for sample in kept if fits[sample]]
        if kept:
            written.append(reason.removeprefix("include: "))
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
            f"leave out conditions of `include`: '{';'.join(written)}' keeps samples"
            if row.filters
            else "correct the cells `source` and `matrix`",
        )
    return kept, left_out
