"""Differential expression for a formula: several contrasts and interactions, each within donors
where it can be."""

import numpy as np
import pandas as pd
from anndata import AnnData

from epigpt.expression import design, pseudobulk
from epigpt.expression import formula as formulas
from epigpt.expression.wald_tests import Comparison, nothing, tested
from epigpt.samples.donors import singular


def by_formula(expression: AnnData, text: str) -> Comparison:
    """Test every gene for the contrasts of a formula.

    Counts are summed by donor and by the formula's variables; units that lack a value of one are
    left out. What a donor shows within itself (a diet before and after) is compared with the donor
    as a blocking factor; what differs between donors cannot be, and is compared without it.

    Raises
    ------
    InputError
        No formula, a name that is not a characteristic, or terms that the samples cannot tell
        apart.
    """
    where = f"table of data sets, row '{expression.uns.get('dataset', '')}', column 'contrasts'"
    asked = formulas.variables(text, where)
    known = {name: design.characteristic(name, expression, "contrasts") for name in asked}
    notes: list[str] = []
    everything = pd.Series("", index=expression.obs_names)
    units = pseudobulk.summed(expression, everything, list(known.values()))
    values = units.table.rename(columns={own: name for name, own in known.items()})[asked]
    complete = ~values.map(design.is_missing).any(axis=1).to_numpy()
    if not complete.all():
        notes.append(f"{int((~complete).sum())} units without a value of {text} were left out")
    counts, table = units.counts[complete], units.table[complete]
    values = values[complete].apply(design.as_numbers)
    if len(values) < 2 or values.nunique().max() < 2:
        return nothing([*notes, f"formula '{text}': nothing differs among {len(values)} units"])
    model = formulas.build(text, values, where)
    left = len(values) - model.matrix.shape[1]
    if left < 1:
        return nothing(
            [
                *notes,
                f"formula '{text}': {len(values)} units cannot carry {model.matrix.shape[1]}"
                " coefficients",
            ]
        )
    blocked = design.with_blocks(model.matrix, table["group"])
    parts, genes = [], 0
    for matrix, within in ((model.matrix, False), (blocked, True)):
        if matrix is None:
            continue
        chosen = [
            one
            for one in model.contrasts
            if within == design.is_within(one.weights, model.matrix, table["group"], blocked)
        ]
        if not chosen:
            continue
        extra = matrix.shape[1] - model.matrix.shape[1]
        named = [(one.name, np.r_[one.weights, np.zeros(extra)]) for one in chosen]
        part, number = tested(expression, counts, matrix, named, notes)
        parts.append(part)
        genes = max(genes, number)
        if within:
            notes.append(f"within {units.donors}: {', '.join(one.name for one in chosen)}")
    if not genes:
        return nothing(notes)
    block = f" (+ {singular(units.donors)} where compared within)" if blocked is not None else ""
    order = {one.name: at for at, one in enumerate(model.contrasts)}
    joined = pd.concat(parts, ignore_index=True)
    joined = joined.sort_values("contrast", key=lambda names: names.map(order), kind="stable")
    summary = {
        "contrasts": [one.name for one in model.contrasts],
        "unit": units.kind,
        "units": len(values),
        "design": f"~ {text}{block}",
        "genes_tested": genes,
        "notes": notes,
    }
    return Comparison(joined.reset_index(drop=True), summary, notes)
