"""What the models score without some genes: everything fitted again on the same folds."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset.expression_data import ExpressionData
from epigpt.evaluation import baselines, intervals, predictions
from epigpt.evaluation.metrics import HeldOut, scores
from epigpt.model_names import BASELINES, FINETUNED

COLUMNS = ["model", "auc", "auc_without", "low_without", "high_without"]
DRAW = 0


def refitted(
    pipeline: Any,
    expression: Path,
    data: ExpressionData,
    folds: pd.DataFrame,
    classes: list[str],
    *,
    left_out: frozenset[str],
    models: list[str],
    seed: int,
) -> pd.DataFrame:
    """Fit GPT-2 and baselines without the genes `left_out`, and predict every held-out sample.

    Parameters
    ----------
    pipeline
        `epigpt.evaluation.refit_pipeline.Pipeline` of GPT-2.
    expression
        expression.h5ad, which GPT-2's tokens are made of.
    data
        The same as the baselines see it, with `genes`.
    folds
        folds.tsv; its first draw is used.
    classes
        In their order.
    models
        Names, `finetuned` or of `model_names.BASELINES`.

    Returns
    -------
    pandas.DataFrame
        `predictions.COLUMNS`.
    """
    drawn = folds[folds["repeat"] == DRAW]
    kept = ~np.isin(data.genes, list(left_out))
    matrix = scipy.sparse.csr_matrix(data.lognorm)[:, kept]
    reduced = replace(data, lognorm=matrix, genes=data.genes[kept])
    parts = [
        baselines.cross_predict(model, reduced, drawn, seed)
        for model in models
        if model in BASELINES
    ]
    if FINETUNED in models:
        # Imported here: torch and transformers take seconds.
        from epigpt.dataset.count_blocks import open_observations
        from epigpt.evaluation import refit_pipeline

        opened = open_observations(expression)
        hidden = opened.excluded | np.isin(opened.genes, list(left_out))
        parts.append(
            refit_pipeline.from_expression(
                pipeline, replace(opened, excluded=hidden), drawn, classes
            )
        )
    return pd.concat(parts, ignore_index=True)


def compared(
    before: pd.DataFrame,
    after: pd.DataFrame,
    folds: pd.DataFrame,
    classes: list[str],
    *,
    bootstrap: int,
    seed: int,
) -> pd.DataFrame:
    """Set the AUCs with and without the genes side by side, both of the first draw of the folds.

    Parameters
    ----------
    before, after
        Predictions with and without the genes.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`; the 95 % interval is that of the AUC without, groups as units.
    """
    drawn = folds[folds["repeat"] == DRAW]
    first = before[before["repeat"] == DRAW]
    old, new = (predictions.by_model(one, drawn, classes) for one in (first, after))
    rows = []
    for model, held in new.items():
        weights = intervals.resampled_weights(held, bootstrap, seed)
        found = _auc(held)
        low, high = intervals.interval("auc", found, scores(held, weights)["auc"], held)
        rows.append((model, _auc(old[model]), found, low, high))
    return pd.DataFrame(rows, columns=COLUMNS)


def best(scored: pd.DataFrame) -> Mapping[str, Any] | None:
    """Return the row of the rival with the highest AUC without the genes; None without rivals."""
    rivals = scored[scored["model"] != FINETUNED]
    return None if rivals.empty else dict(rivals.loc[rivals["auc_without"].idxmax()])


def _auc(held: HeldOut) -> float:
    return float(scores(held, held.unit_weights())["auc"][0])
