"""The question asked of each kind of cell alone: contrasts and a model over its sums per sample."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from anndata import AnnData

from epigpt import model_names
from epigpt.dataset import expression_data
from epigpt.dataset.assemble import CELL_TYPE
from epigpt.evaluation import baselines, cross_validation, intervals
from epigpt.evaluation.metrics import held_out, scores

# A sum over fewer cells is mostly chance.
FEWEST_CELLS = 10
COLUMNS = [CELL_TYPE, "n_cells", "n_samples", "n_groups", "genes_tested"]
COLUMNS += ["genes_at_fdr_5_percent", "auc", "low", "high", "reason"]
CONTRASTS = [CELL_TYPE, "contrast", "gene", "symbol", "base_mean", "log2_fold_change", "se", "p"]
CONTRASTS += ["padj"]


def each(
    expression: AnnData,
    folds: pd.DataFrame,
    classes: list[str],
    covariates: Sequence[str],
    *,
    seed: int,
    bootstrap: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the classes, and tell them apart, within each kind of cell.

    Parameters
    ----------
    expression
        Samples divided by kind of cell (`epigpt.dataset.storage.by_sample`); bulk samples, or cells
        whose kind nobody named, give tables without rows.
    folds
        folds.tsv: how many folds and draws there are. They are drawn anew for each kind, since not
        every donor has every kind.
    classes
        In their order; of two the second is the case.
    covariates
        Columns of obs that the contrasts adjust for.

    Returns
    -------
    `COLUMNS`, a row per kind, the most frequent first; and the contrasts of all kinds, `CONTRASTS`.
    """
    rows, tested = [], []
    if CELL_TYPE in expression.obs and "observations" in expression.obs:
        cells = expression.obs["observations"].groupby(expression.obs[CELL_TYPE].astype(str)).sum()
        for name in sorted(cells.index, key=lambda kind: (-cells[kind], kind)):
            part = expression[(expression.obs[CELL_TYPE] == name).to_numpy()]
            part = part[(part.obs["observations"] >= FEWEST_CELLS).to_numpy()].copy()
            row, table = _contrasted(part, classes, covariates)
            if part.n_obs:
                found, reason = _score(part, folds, classes, seed, bootstrap)
                row |= {**found, "reason": "; ".join(filter(None, [row["reason"], reason]))}
            rows.append({CELL_TYPE: name, "n_cells": int(cells[name]), **row})
            tested.append(table.assign(**{CELL_TYPE: name})[CONTRASTS])
    filled = [table for table in tested if len(table)]
    return (
        pd.DataFrame(rows, columns=COLUMNS),
        pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=CONTRASTS),
    )


def _contrasted(
    part: AnnData, classes: Sequence[str], covariates: Sequence[str]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return how much of a kind there is, what differs in it, and the contrasts."""
    # Imported here: PyDESeq2 takes seconds, which bulk samples need not wait for.
    from epigpt.expression import contrasts

    row: dict[str, Any] = {
        "n_samples": part.n_obs,
        "n_groups": part.obs["group"].nunique(),
        "genes_tested": 0,
        "genes_at_fdr_5_percent": 0,
    }
    if not part.n_obs:
        reason = f"no sample has {FEWEST_CELLS} of them"
        return {**row, "reason": reason}, pd.DataFrame(columns=CONTRASTS[1:])
    case, control = (classes[1], classes[0]) if len(classes) == 2 else ("", "")
    compared = contrasts.compare(part, case, control, covariates)
    row["genes_tested"] = compared.summary.get("genes_tested", 0)
    row["genes_at_fdr_5_percent"] = compared.significant
    reason = "" if len(compared.table) else "; ".join(compared.notes)
    return {**row, "reason": reason}, compared.table


def _score(
    part: AnnData, folds: pd.DataFrame, classes: list[str], seed: int, bootstrap: int
) -> tuple[dict[str, float], str]:
    """Return AUC and interval of the reference baseline on folds of its own, or why there are
    none."""
    if not len(folds):
        return {}, "the data set is not assessable"
    table = part.obs[["sample", "group", "label"]].astype(str)
    if set(table["label"]) != set(classes):
        return {}, "a class has no sample with enough of these cells"
    wanted, draws = int(folds["fold"].max()) + 1, int(folds["repeat"].nunique())
    assessment = cross_validation.assess(table, wanted)
    if not assessment.assessable:
        return {}, assessment.reason
    drawn = cross_validation.folds(table, wanted, draws, seed)
    data = expression_data.of_sums(part)
    predicted = baselines.cross_predict(model_names.REFERENCE, data, drawn, seed)
    held = held_out(predicted, classes)
    auc = float(scores(held, held.unit_weights())["auc"][0])
    weights = intervals.resampled_weights(held, bootstrap, seed)
    low, high = intervals.interval("auc", auc, scores(held, weights)["auc"], held)
    return {"auc": auc, "low": low, "high": high}, ""
