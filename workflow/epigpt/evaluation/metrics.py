"""Scores of held-out predictions, for all resamples of groups at once.

Probabilities are pooled within a repeat and the scores averaged over repeats. Every test fold holds
at least one group of every class and the models weigh the classes alike, so that the training prior
does not follow the held-out class, which is what pulls pooled leave-one-out far below 0.5. Measured
on 30 simulated null series (24 mice of 12 litters, PCA and logistic regression): mean AUC 0.50 with
three even folds, 0.45 with five, of which some must be uneven; comparing samples of the same fold
only gives 0.52 and 0.53 at a spread that is larger by a tenth and a quarter, and at four against
four it reached 0.9 by luck twice as often. What is left of the bias is the same for all models and
pulls away from a claim; designs whose batches are balanced over the classes pull further (0.36),
which a null by permutation takes along.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

METRICS = ("auc", "average_precision", "f1", "balanced_accuracy", "mcc", "brier")
SMALLER_IS_BETTER = frozenset({"brier"})
THRESHOLD = 0.5
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]


@dataclass(frozen=True)
class HeldOut:
    """Held-out predictions of one model.

    Attributes
    ----------
    classes
        In their order: controls first, for two classes the case last.
    groups
        Names, sorted; the unit of resampling.
    repeat, group, truth, called
        Numbers, one per repeat and sample, sorted by both: the repeat, positions in `groups` and
        `classes`, the class called.
    sample
        Names, likewise.
    probability
        (repeats × samples, classes).
    ranking
        What samples are ranked by: the probability, or a constant where the model says the same of
        every sample of a fold, for then its probabilities differ between folds by the training
        prior alone, which is lowest where a class is held out most.
    """

    classes: tuple[str, ...]
    groups: tuple[str, ...]
    repeat: Integers
    sample: npt.NDArray[np.object_]
    group: Integers
    truth: Integers
    called: Integers
    probability: Floats
    ranking: Floats
    fold: Integers

    def unit_weights(self) -> Floats:
        """Every group once: weights of the estimate itself, (1, groups)."""
        return np.ones((1, len(self.groups)))


def held_out(predictions: pd.DataFrame, classes: list[str]) -> HeldOut:
    """Arrange the predictions of one model.

    Parameters
    ----------
    predictions
        Columns repeat, sample, group, truth, class, probability, a row per class, in any order;
        fold where it is known.
    classes
        In their order.

    Notes
    -----
    With two classes a sample is called a case from a probability of `THRESHOLD` on, by every model
    alike: all of them weigh the classes alike, so that it is the point of equal costs, and one that
    was chosen on a handful of training samples lost 0.04 of balanced accuracy against it. With
    several, the most probable class is called.
    """
    keys = ["repeat", "sample", "group", "truth"]
    wide = predictions.set_index([*keys, "class"])["probability"].unstack("class").sort_index()
    rows = wide.index.to_frame(index=False)
    probability = wide[classes].to_numpy(dtype=float)
    called = probability.argmax(axis=1)
    if len(classes) == 2:
        called = (probability[:, 1] >= THRESHOLD - 1e-9).astype(np.intp)
    groups = sorted(set(rows["group"]))
    return HeldOut(
        classes=tuple(classes),
        groups=tuple(groups),
        repeat=rows["repeat"].to_numpy(dtype=np.intp),
        sample=rows["sample"].to_numpy(dtype=object),
        group=np.searchsorted(
            np.asarray(groups, dtype=object), rows["group"].to_numpy(dtype=object)
        ),
        truth=rows["truth"]
        .map({name: number for number, name in enumerate(classes)})
        .to_numpy(dtype=np.intp),
        called=called,
        probability=probability,
        ranking=_ranking(probability, predictions, wide.index),
        fold=_fold_of(predictions, wide.index),
    )


def _ranking(probability: Floats, predictions: pd.DataFrame, rows: pd.MultiIndex) -> Floats:
    if "fold" not in predictions.columns:
        return probability
    fold = _fold_of(predictions, rows)
    by_fold = pd.DataFrame(probability).groupby([rows.get_level_values("repeat"), fold])
    same = bool((by_fold.max() - by_fold.min()).to_numpy().max() == 0) and by_fold.size().max() > 1
    return np.zeros_like(probability) if same else probability


def _fold_of(predictions: pd.DataFrame, rows: pd.MultiIndex) -> Integers:
    if "fold" not in predictions.columns:
        return np.zeros(len(rows), dtype=np.intp)
    keys = ["repeat", "sample"]
    fold_of = predictions.drop_duplicates(keys).set_index(keys)["fold"]
    return fold_of.reindex(rows.droplevel(["group", "truth"])).to_numpy(dtype=np.intp)


def of_repeat(held: HeldOut, repeat: int) -> HeldOut:
    """Return the predictions of one draw of the folds."""
    rows = held.repeat == repeat
    own = ("repeat", "sample", "group", "truth", "called", "probability", "ranking", "fold")
    return replace(held, **{name: getattr(held, name)[rows] for name in own})


def within_folds(held: HeldOut) -> float:
    """Return the AUC where only samples of the same fold are ranked: the mean over folds; NaN where
    no fold holds every class."""
    found = []
    for repeat in np.unique(held.repeat):
        for fold in np.unique(held.fold[held.repeat == repeat]):
            rows = np.flatnonzero((held.repeat == repeat) & (held.fold == fold))
            scored = _scores_of_rows(held, rows, held.unit_weights(), held.truth[None])
            found.append(float(scored["auc"][0]))
    return float(np.nanmean(found)) if not np.isnan(found).all() else float("nan")


def scores(held: HeldOut, weights: Floats, truth: Integers | None = None) -> dict[str, Floats]:
    """Score the model under weights of its groups: each repeat on its own, then the mean over
    repeats.

    Parameters
    ----------
    held
        The model's held-out predictions.
    weights
        (resamples, groups): how often each group was drawn.
    truth
        (labellings, repeats × samples): classes to score against instead of `held.truth`; weights
        have one row then, or one for each.

    Returns
    -------
    dict
        Metric → (resamples or labellings,). Several classes: AUC, average precision, F1 and Brier
        score are means over one class against the rest, balanced accuracy is the mean recall, MCC
        Gorodkin's coefficient (Comput Biol Chem 2004; 28: 367). NaN where a resample lacks a class.
        The ranks follow Mann and Whitney with ties counted half; average precision is the sum of
        precision times the step in recall; both as in scikit-learn.
    """
    against = held.truth[None] if truth is None else truth
    per_repeat = [
        _scores_of_rows(held, np.flatnonzero(held.repeat == repeat), weights, against)
        for repeat in np.unique(held.repeat)
    ]
    return {metric: np.mean([found[metric] for found in per_repeat], axis=0) for metric in METRICS}


def auc_alone(held: HeldOut, weights: Floats) -> Floats:
    """Return the AUC that `scores` gives, (resamples,), without the other metrics, which take
    longer than it."""
    per_repeat = []
    for repeat in np.unique(held.repeat):
        rows = np.flatnonzero(held.repeat == repeat)
        truth, weight = held.truth[None, rows], weights[:, held.group[rows]]
        number = len(held.classes)
        positive = [1] if number == 2 else list(range(number))
        ranked = [_ranked(held.ranking[rows, k], truth == k, weight)[0] for k in positive]
        complete = np.all([_weighed(weight, truth == k) > 0 for k in range(number)], axis=0)
        per_repeat.append(np.where(complete, np.mean(ranked, axis=0), np.nan))
    return np.asarray(np.mean(per_repeat, axis=0))


def _scores_of_rows(
    held: HeldOut, rows: Integers, weights: Floats, truths: Integers
) -> dict[str, Floats]:
    number = len(held.classes)
    truth, called, probability = truths[:, rows], held.called[rows], held.probability[rows]
    weight = weights[:, held.group[rows]]
    positive = [1] if number == 2 else list(range(number))
    ranked = [_ranked(held.ranking[rows, k], truth == k, weight) for k in positive]
    confusion = _confusion(truth, called, weight, number)
    squared = [
        _weighed(weight, (probability[:, k] - (truth == k)) ** 2) / weight.sum(axis=1)
        for k in positive
    ]
    complete = (confusion.sum(axis=2) > 0).all(axis=1)
    found = {
        "auc": np.mean([auc for auc, _ in ranked], axis=0),
        "average_precision": np.mean([precision for _, precision in ranked], axis=0),
        "f1": np.mean([_f1(confusion, k) for k in positive], axis=0),
        "balanced_accuracy": np.mean(
            [_share(confusion[:, k, k], confusion[:, k].sum(axis=1)) for k in range(number)], axis=0
        ),
        "mcc": _mcc(confusion),
        "brier": np.mean(squared, axis=0),
    }
    return {metric: np.where(complete, value, np.nan) for metric, value in found.items()}


def _confusion(truth: Integers, called: Integers, weight: Floats, number: int) -> Floats:
    """Weight of each pair of classes, shape (resamples or labellings, truth, called)."""
    counted = [
        _weighed(weight, (truth == k) & (called == one))
        for k in range(number)
        for one in range(number)
    ]
    return np.stack(counted, axis=-1).reshape(-1, number, number)


def _weighed(weight: Floats, value: npt.NDArray[Any]) -> Floats:
    """Sum over samples, (resamples or labellings,); one of both has a single row."""
    if len(value) == 1:
        return weight @ value[0].astype(float)
    return (weight * value).sum(axis=1)


def _ranked(
    score: Floats, positive: npt.NDArray[np.bool_], weight: Floats
) -> tuple[Floats, Floats]:
    """Weighted area under the ROC curve and average precision, (resamples or labellings,) each."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(
        np.r_[True, np.diff(score[order]) != 0]
    )  # samples of equal score form one step
    sorted_weight, sorted_positive = weight[:, order], positive[:, order]
    ups = np.add.reduceat(sorted_weight * sorted_positive, starts, axis=1)
    downs = np.add.reduceat(sorted_weight * ~sorted_positive, starts, axis=1)
    up_total, down_total = ups.sum(axis=1), downs.sum(axis=1)
    below = np.cumsum(downs, axis=1) - downs
    auc = _share((ups * (below + downs / 2)).sum(axis=1), up_total * down_total)
    hits = np.cumsum(ups[:, ::-1], axis=1)
    taken = hits + np.cumsum(downs[:, ::-1], axis=1)
    return auc, _share((ups[:, ::-1] * _share(hits, taken)).sum(axis=1), up_total)


def _f1(confusion: Floats, k: int) -> Floats:
    return _share(
        2 * confusion[:, k, k], confusion[:, k].sum(axis=1) + confusion[:, :, k].sum(axis=1)
    )


def _mcc(confusion: Floats) -> Floats:
    total, right = confusion.sum(axis=(1, 2)), np.trace(confusion, axis1=1, axis2=2)
    true, called = confusion.sum(axis=2), confusion.sum(axis=1)
    spread = (total**2 - (called**2).sum(axis=1)) * (total**2 - (true**2).sum(axis=1))
    return _share(right * total - (true * called).sum(axis=1), np.sqrt(spread))


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)
