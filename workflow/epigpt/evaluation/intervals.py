"""Intervals by bootstrap over groups, the table of metrics, and models compared on the same
resamples."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from epigpt.evaluation.metrics import METRICS, Floats, HeldOut, scores
from epigpt.evaluation.permutation_test import p_value, smallest_p

COLUMNS = [
    "model",
    "preset",
    "metric",
    "estimate",
    "low",
    "high",
    "null_mean",
    "p",
    "p_floor",
    "n_samples",
    "n_groups",
]
_EDGES = (2.5, 97.5)
_Z = 1.959963984540054


def resampled_weights(held: HeldOut, resamples: int, seed: int) -> Floats:
    """Draw groups with replacement among those that hold the same classes, so that every resample
    holds every class.

    Returns
    -------
    (resamples, groups): how often each group was drawn. Models on the same folds get the same
    resamples.
    """
    random = np.random.default_rng(seed)
    holds = _holds(held)
    weights = np.zeros((resamples, len(held.groups)))
    for pattern in np.unique(holds, axis=0):
        members = np.flatnonzero((holds == pattern).all(axis=1))
        weights[:, members] = random.multinomial(
            len(members), np.full(len(members), 1 / len(members)), size=resamples
        )
    return weights


def _holds(held: HeldOut) -> np.ndarray:
    holds = np.zeros((len(held.groups), len(held.classes)), dtype=bool)
    holds[held.group, held.truth] = True
    return holds


def newcombe_limits(auc: float, cases: int, controls: int) -> tuple[float, float]:
    """Give the 95 % score limits of an AUC (Newcombe, Stat Med 2006; 25: 559, method 5).

    The limits are the AUCs θ from which the estimate is 1.96 standard errors away, with Hanley and
    McNeil's standard error at θ, the two sample sizes in it replaced by their mean.
    """
    half = (cases + controls) / 2 - 1
    theta = np.linspace(0.0, 1.0, 20001)[1:-1]
    variance = (
        theta
        * (1 - theta)
        * (1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta)))
        / (cases * controls)
    )
    inside = theta[np.abs(theta - auc) <= _Z * np.sqrt(variance)]
    return float(min(inside.min(initial=auc), auc)), float(max(inside.max(initial=auc), auc))


def interval(metric: str, estimate: float, draws: Floats, held: HeldOut) -> tuple[float, float]:
    """Give the 95 % interval of a metric.

    It is the percentile interval of the resamples. Samples that are separated perfectly are so in
    every resample, which would give an interval without width; the AUC's is therefore never
    narrower than Newcombe's with groups as units.
    """
    if math.isnan(estimate) or np.isnan(draws).all():
        return math.nan, math.nan
    low, high = (float(edge) for edge in np.nanpercentile(draws, _EDGES))
    if metric == "auc":
        holds = _holds(held)
        positive = [1] if len(held.classes) == 2 else range(len(held.classes))
        limits = [
            newcombe_limits(
                estimate, int(holds[:, k].sum()), int(np.delete(holds, k, axis=1).any(axis=1).sum())
            )
            for k in positive
        ]
        # Of several classes the one with the fewest groups decides.
        low, high = (
            min(low, *(limit[0] for limit in limits)),
            max(high, *(limit[1] for limit in limits)),
        )
    return min(low, estimate), max(high, estimate)


def table(
    models: Mapping[str, HeldOut], preset: str, weights: Floats, null: pd.DataFrame
) -> pd.DataFrame:
    """Score every model.

    Parameters
    ----------
    models
        Name → held-out predictions, all on the same folds.
    preset
        Model preset, shown beside the GPT-2 variants; blank for the baselines.
    weights
        As `resampled_weights` gives them.
    null
        Columns model, permutation, metric, value; without rows where no permutation was run.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`. null_mean and p stay empty for models without permutations. p_floor is the
        smallest p that the groups, and the permutations where there are some, can give.
    """
    rows = []
    for model, held in models.items():
        estimates, draws = scores(held, held.unit_weights()), scores(held, weights)
        own = null[null["model"] == model]
        for metric in METRICS:
            estimate = float(estimates[metric][0])
            low, high = interval(metric, estimate, draws[metric], held)
            permuted = own.loc[own["metric"] == metric, "value"].to_numpy(dtype=float)
            permuted = permuted[~np.isnan(permuted)]
            floor = smallest_p(held, len(permuted))
            p = p_value(metric, estimate, permuted)
            rows.append(
                {
                    "model": model,
                    "preset": preset if model.startswith(("finetuned", "frozen")) else "",
                    "metric": metric,
                    "estimate": estimate,
                    "low": low,
                    "high": high,
                    "null_mean": permuted.mean() if len(permuted) else math.nan,
                    # More permutations than there are arrangements say no more than all
                    # arrangements would.
                    "p": math.nan if math.isnan(p) else max(p, floor),
                    "p_floor": floor,
                    "n_samples": len(set(held.sample)),
                    "n_groups": len(held.groups),
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def differences(
    models: Mapping[str, HeldOut], one: str, others: Sequence[str], weights: Floats
) -> pd.DataFrame:
    """Compare the AUC of a model with others on the same resamples of groups.

    Returns
    -------
    pandas.DataFrame
        model, versus, estimate (AUC of `one` minus that of the other), low, high (95 %),
        share_above (of the resamples in which `one` is above, ties counted half).
    """
    base, base_draws = (
        scores(models[one], w)["auc"] for w in (models[one].unit_weights(), weights)
    )
    rows = []
    for other in others:
        apart = base_draws - scores(models[other], weights)["auc"]
        estimate = float(base[0] - scores(models[other], models[other].unit_weights())["auc"][0])
        low, high = np.nanpercentile(apart, _EDGES)
        above = float(np.mean(apart > 1e-12) + np.mean(np.abs(apart) <= 1e-12) / 2)
        rows.append((one, other, estimate, float(low), float(high), above))
    return pd.DataFrame(rows, columns=["model", "versus", "estimate", "low", "high", "share_above"])
