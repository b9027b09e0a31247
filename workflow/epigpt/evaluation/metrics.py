"""Scores of held-out predictions, with intervals by bootstrap over groups.

Probabilities are pooled within a repeat and the scores averaged over repeats. Pooling is safe here because every test fold holds at least
one group of every class, so that the training prior does not depend on the held-out class; leave-one-out pooling would be biased.
F1, balanced accuracy and MCC take the most probable class (threshold 0.5 for two classes): no threshold is fitted to test samples.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

COLUMNS = ["model", "preset", "metric", "estimate", "low", "high", "null_mean", "p", "p_floor", "n_samples", "n_groups"]
METRICS = ("auc", "average_precision", "f1", "balanced_accuracy", "mcc", "brier")
_EDGES = (2.5, 97.5)


def class_order(predictions: pd.DataFrame) -> list[str]:
    """Give the classes in the order in which the predictions list them: controls first, the case last."""
    return list(dict.fromkeys(predictions["class"].astype(str)))


def scores(truth: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Score one repeat.

    Parameters
    ----------
    truth
        Class of each sample, (n,), integers.
    probability
        (n, classes); two classes: the second is the positive one. Several classes: macro averages, one against the rest.

    Returns
    -------
    dict
        Metric → value; NaN where a class is missing. `brier` for two classes is the mean squared error of the positive probability,
        for several the mean over classes.
    """
    from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

    classes = probability.shape[1]
    if len(np.unique(truth)) < classes:
        return dict.fromkeys(METRICS, float("nan"))
    positive = [1] if classes == 2 else list(range(classes))
    guess = probability.argmax(axis=1)
    return {
        "auc": float(np.mean([roc_auc_score(truth == k, probability[:, k]) for k in positive])),
        "average_precision": float(np.mean([average_precision_score(truth == k, probability[:, k]) for k in positive])),
        "f1": float(np.mean([f1_score(truth == k, guess == k, zero_division=0.0) for k in positive])),
        "balanced_accuracy": float(balanced_accuracy_score(truth, guess)),
        "mcc": float(matthews_corrcoef(truth, guess)),
        "brier": float(np.mean([(probability[:, k] - (truth == k)) ** 2 for k in positive])),
    }


def wide(predictions: pd.DataFrame, classes: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Give one row per repeat and sample (columns repeat, sample, group, truth) and their probabilities (rows × classes)."""
    table = predictions.pivot_table(index=["repeat", "sample", "group", "truth"], columns="class", values="probability", sort=True)
    return table.index.to_frame(index=False), table[classes].to_numpy(dtype=float)


def averaged(rows: pd.DataFrame, probability: np.ndarray, classes: list[str], taken: np.ndarray | None = None) -> dict[str, float]:
    """Score each repeat and average; `taken` are row numbers, repeats of a row included."""
    taken = np.arange(len(rows)) if taken is None else taken
    truth = rows["truth"].map({name: number for number, name in enumerate(classes)}).to_numpy()
    repeats = rows["repeat"].to_numpy()
    listed = [scores(truth[part], probability[part]) for repeat in np.unique(repeats) for part in [taken[repeats[taken] == repeat]]]
    return {metric: float(np.mean([found[metric] for found in listed])) for metric in METRICS}


def resampled_groups(rows: pd.DataFrame, resamples: int, seed: int) -> list[np.ndarray]:
    """Draw groups with replacement within each class, so that every resample holds every class; give row numbers of each resample."""
    random = np.random.default_rng(seed)
    classes_of = rows.groupby("group")["truth"].agg(lambda values: "|".join(sorted(set(values))))
    members = {group: np.flatnonzero(rows["group"].to_numpy() == group) for group in classes_of.index}
    strata = [list(part.index) for _, part in classes_of.groupby(classes_of)]
    drawn = []
    for _ in range(resamples):
        chosen = [group for stratum in strata for group in random.choice(stratum, len(stratum))]
        drawn.append(np.concatenate([members[group] for group in chosen]))
    return drawn


def table(predictions: pd.DataFrame, preset: str, resamples: int, seed: int) -> pd.DataFrame:
    """Score every model.

    Parameters
    ----------
    predictions
        Columns model, repeat, fold, sample, group, truth, class, probability; all models on the same folds.
    preset
        Model preset of `finetuned`; blank for the baselines.
    resamples
        Bootstrap resamples of groups behind each interval (2.5 % and 97.5 % percentiles).
    seed
        Decides the resamples; the same for all models, so that they can be compared in pairs.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`. The null columns stay empty where no permutation was run.
    """
    classes = class_order(predictions)
    listed = []
    for model, part in predictions.groupby("model", sort=False):
        rows, probability = wide(part, classes)
        found = averaged(rows, probability, classes)
        draws = pd.DataFrame([averaged(rows, probability, classes, taken) for taken in resampled_groups(rows, resamples, seed)])
        for metric in METRICS:
            low, high = np.nanpercentile(draws[metric], _EDGES)
            shown = {"model": model, "preset": preset if str(model).startswith("finetuned") else "", "metric": metric}
            sizes = {"n_samples": rows["sample"].nunique(), "n_groups": rows["group"].nunique()}
            listed.append({**shown, "estimate": found[metric], "low": low, "high": high, **sizes})
    return pd.DataFrame(listed).reindex(columns=COLUMNS)


def difference(predictions: pd.DataFrame, one: str, other: str, resamples: int, seed: int) -> dict[str, float]:
    """Compare the AUC of two models on the same resamples of groups: estimate and interval of `one` minus `other`."""
    classes = class_order(predictions)
    (rows, first), (_, second) = (wide(predictions[predictions["model"] == model], classes) for model in (one, other))
    apart: Callable[[np.ndarray | None], float] = lambda taken: (  # noqa: E731 - used three times below
        averaged(rows, first, classes, taken)["auc"] - averaged(rows, second, classes, taken)["auc"]
    )
    low, high = np.nanpercentile([apart(taken) for taken in resampled_groups(rows, resamples, seed)], _EDGES)
    return {"estimate": apart(None), "low": float(low), "high": float(high)}
