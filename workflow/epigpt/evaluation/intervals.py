"""Intervals over groups, the table of metrics, and models compared on the same resamples.

An interval is the wider of two: percentiles of a bootstrap over groups, which know how the samples
of a group go together, and score limits with groups as units, which hold where groups are few (see
`small_sample_intervals`).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from epigpt.evaluation import small_sample_intervals as limits
from epigpt.evaluation.metrics import METRICS, Floats, HeldOut, auc_alone, scores
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
DIFFERENCES = ["model", "versus", "estimate", "low", "high", "share_above"]


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


def interval(
    metric: str, estimate: float, draws: Floats, held: HeldOut, level: float = limits.LEVEL
) -> tuple[float, float]:
    """Return the interval of a metric at a level of confidence.

    Percentiles of the resamples, never narrower than the score limits with groups as units: an
    AUC's by Newcombe; of the metrics that count calls, those carried over from Wilson's limits of
    the share of each class that is called right; of the Brier score, Student's over the groups; of
    the average precision, that of two normal distributions with the limits of the AUC. Several
    classes: the AUC's of the class with the fewest groups; Matthews' coefficient and average
    precision have percentiles only.
    """
    if math.isnan(estimate) or np.isnan(draws).all():
        return math.nan, math.nan
    edges = (50 * (1 - level), 50 * (1 + level))
    low, high = (float(edge) for edge in np.nanpercentile(draws, edges))
    few = _few_sample_limits(metric, estimate, held, level)
    return min(low, few[0], estimate), max(high, few[1], estimate)


def _few_sample_limits(
    metric: str, estimate: float, held: HeldOut, level: float
) -> tuple[float, float]:
    two = len(held.classes) == 2
    if metric == "auc":
        return _auc_limits(estimate, held, level)
    if metric == "brier":
        low, high = limits.mean_limits(_brier_of_groups(held), level)
        return max(low, 0.0), min(high, 1.0)
    if metric == "average_precision" and two:
        auc = float(auc_alone(held, held.unit_weights())[0])
        low, high = _auc_limits(auc, held, level)
        share = float((held.truth == 1).mean())
        centre = limits.binormal_average_precision(auc, share)
        # The distance on the curve of normal distributions, laid at the estimate itself.
        down = centre - limits.binormal_average_precision(low, share)
        up = limits.binormal_average_precision(high, share) - centre
        return max(0.0, estimate - down), min(1.0, estimate + up)
    if metric == "balanced_accuracy" or (two and metric in ("f1", "mcc")):
        return _call_limits(metric, held, level)
    return estimate, estimate


def _auc_limits(estimate: float, held: HeldOut, level: float) -> tuple[float, float]:
    found = [
        limits.newcombe_limits(estimate, cases, controls, level)
        for cases, controls in groups_of_each(held)
    ]
    return min(low for low, _ in found), max(high for _, high in found)


def groups_of_each(held: HeldOut) -> list[tuple[int, int]]:
    """Count the groups that hold a class, and those that hold another, for each class that is
    scored (of two the second alone)."""
    holds = _holds(held)
    positive = [1] if len(held.classes) == 2 else range(len(held.classes))
    return [
        (int(holds[:, k].sum()), int(np.delete(holds, k, axis=1).any(axis=1).sum()))
        for k in positive
    ]


def _brier_of_groups(held: HeldOut) -> Floats:
    """Return each group's mean Brier score, as `scores` averages it over classes."""
    positive = [1] if len(held.classes) == 2 else range(len(held.classes))
    squared = np.mean([(held.probability[:, k] - (held.truth == k)) ** 2 for k in positive], axis=0)
    total = np.bincount(held.group, squared, len(held.groups))
    return total / np.maximum(np.bincount(held.group, minlength=len(held.groups)), 1)


def _call_limits(metric: str, held: HeldOut, level: float) -> tuple[float, float]:
    holds, number = _holds(held), len(held.classes)
    right = held.called == held.truth
    recalls = [float(right[held.truth == k].mean()) for k in range(number)]
    known = [
        limits.wilson_limits(recall, int(holds[:, k].sum()), level)
        for k, recall in enumerate(recalls)
    ]
    share = float((held.truth == 1).mean())
    calls = {
        "balanced_accuracy": lambda parts: float(np.mean(parts)),
        "f1": lambda parts: _f1_of_shares(parts[1], parts[0], share),
        "mcc": lambda parts: _mcc_of_shares(parts[1], parts[0], share),
    }
    return limits.recovered_limits(calls[metric], recalls, known)


def _f1_of_shares(recall: float, specificity: float, share: float) -> float:
    true, false = share * recall, (1 - share) * (1 - specificity)
    return 2 * true / (true + false + share) if true > 0 else 0.0


def _mcc_of_shares(recall: float, specificity: float, share: float) -> float:
    called = share * recall + (1 - share) * (1 - specificity)
    spread = share * (1 - share) * called * (1 - called)
    informed = share * (1 - share) * (recall + specificity - 1)
    return informed / math.sqrt(spread) if spread > 0 else 0.0


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

    The intervals hold for all rivals at once (Bonferroni): the level of each is 1 - 0.05 over
    their number, so that the best of many cannot lead by luck. Each is the wider of the percentiles
    of the resampled differences and of the limits recovered from both AUCs' score limits and the
    correlation of their resamples.

    Returns
    -------
    pandas.DataFrame
        `DIFFERENCES`: model, versus, estimate (AUC of `one` minus that of the other), low, high,
        share_above (of the resamples in which `one` is above, ties counted half).
    """
    level = simultaneous_level(len(others))
    edges = (50 * (1 - level), 50 * (1 + level))
    base, draws = _auc_and_draws(models[one], weights)
    base_limits = interval("auc", base, draws, models[one], level)
    rows = []
    for other in others:
        theirs, other_draws = _auc_and_draws(models[other], weights)
        apart = draws - other_draws
        low, high = (float(edge) for edge in np.nanpercentile(apart, edges))
        recovered = limits.difference_limits(
            base,
            theirs,
            base_limits,
            interval("auc", theirs, other_draws, models[other], level),
            _correlation(draws, other_draws),
        )
        if np.array_equal(models[one].ranking, models[other].ranking):
            recovered = (0.0, 0.0)  # the same probabilities: no doubt about the difference
        above = float(np.mean(apart > 1e-12) + np.mean(np.abs(apart) <= 1e-12) / 2)
        row = (one, other, base - theirs, min(low, recovered[0]), max(high, recovered[1]), above)
        rows.append(row)
    return pd.DataFrame(rows, columns=DIFFERENCES)


def simultaneous_level(number: int) -> float:
    """Return the level of each of `number` intervals that hold together in 95 % of repetitions."""
    return 1 - (1 - limits.LEVEL) / max(1, number)


def _auc_and_draws(held: HeldOut, weights: Floats) -> tuple[float, Floats]:
    return float(auc_alone(held, held.unit_weights())[0]), auc_alone(held, weights)


def _correlation(one: Floats, other: Floats) -> float:
    """Return the correlation of two models' resamples, 0 where one of them does not vary or they
    go apart."""
    known = ~(np.isnan(one) | np.isnan(other))
    if not known.any() or min(one[known].std(), other[known].std()) < 1e-12:
        return 0.0
    return max(0.0, float(np.corrcoef(one[known], other[known])[0, 1]))
