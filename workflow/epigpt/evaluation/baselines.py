"""Baselines on the folds of the fine-tuned model: tuned in nested folds by group, tested on groups
they never saw."""

from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from epigpt.dataset.expression_data import ExpressionData, each_fold
from epigpt.encoding import ridge_path
from epigpt.encoding.nested_folds import nested_splits
from epigpt.encoding.unchecked_fits import unchecked
from epigpt.evaluation import (
    cross_validation,
    permutation_test,
    pipelines,
    predictions,
)
from epigpt.evaluation.metrics import held_out, scores

COLUMNS = tuple(predictions.COLUMNS)
_FLOOR = 1e-6


@dataclass(frozen=True)
class Fitted:
    """A baseline fitted on training rows.

    Attributes
    ----------
    pipeline
        The fitted pipeline; `pipeline.classes_` are its classes, sorted.
    chosen
        The candidate that the nested folds preferred.
    """

    pipeline: Pipeline
    chosen: dict[str, Any]


def fit(model: str, training: ExpressionData, seed: int) -> Fitted:
    """Fit a baseline on training observations, choosing its penalty in nested folds.

    No threshold is chosen there: all models weigh the classes alike and call a case from a
    probability of 0.5 on, GPT-2 as well. A threshold from the few groups of nested folds is a noisy
    one, which cost baselines 0.04 of balanced accuracy.

    The penalty is the one with the smallest log loss over the nested folds' held-out observations.
    """
    classes = np.unique(training.label)
    pipeline, candidates = pipelines.build(model, training.lognorm.shape, len(classes), seed)
    splits = nested_splits(training.label, training.group, seed) if len(candidates) > 1 else []
    if not splits:
        middle = candidates[len(candidates) // 2]
        return Fitted(
            clone(pipeline).set_params(**middle).fit(training.lognorm, training.label), middle
        )
    held_out = [
        _nested_probabilities(
            model, subset(training, train), training.lognorm[test], candidates, seed
        )
        for train, test in splits
    ]
    truth = np.searchsorted(classes, np.concatenate([training.label[test] for _, test in splits]))
    probabilities = np.concatenate(held_out, axis=1)  # candidates × held-out observations × classes
    right = np.take_along_axis(
        probabilities,
        np.broadcast_to(truth[None, :, None], (len(candidates), len(truth), 1)),
        axis=2,
    )
    loss = -np.log(np.maximum(right[..., 0], _FLOOR)).mean(axis=1)
    best = int(np.argmin(loss))
    fitted = clone(pipeline).set_params(**candidates[best]).fit(training.lognorm, training.label)
    return Fitted(fitted, candidates[best])


def _nested_probabilities(
    model: str, part: ExpressionData, X_test: Any, candidates: list[dict[str, Any]], seed: int
) -> np.ndarray:
    n_classes = len(np.unique(part.label))
    pipeline, _ = pipelines.build(model, part.lognorm.shape, n_classes, seed)
    scored: list[np.ndarray] = []
    for before, candidates_alike in groupby(map(_divided, candidates), itemgetter(0)):
        # Selection, scaling and rotation are the same for every candidate that sets them alike.
        steps = clone(pipeline).set_params(**before)[:-1]
        X, y = part.lognorm, part.label
        if len(steps):
            X, X_scored = steps.fit_transform(X, y), steps.transform(X_test)
        else:
            X_scored = X_test
        own = [parameters for _, parameters in candidates_alike]
        if ridge_path.solves(pipeline[-1], n_classes):
            strengths = [parameters["C"] for parameters in own]
            scored += [*ridge_path.probabilities(pipeline[-1], strengths, X, y, X_scored)]
        else:
            scored += _one_by_one(pipeline[-1], own, X, y, X_scored)
    return np.stack(scored)


def _divided(candidate: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide a candidate into what the steps before the classifier take and what it takes."""
    own, before = {}, {}
    for name, value in candidate.items():
        step, _, parameter = name.partition("__")
        if step == "classify":
            own[parameter] = value
        else:
            before[name] = value
    return before, own


def _one_by_one(
    classifier: Any, candidates: list[dict[str, Any]], X: Any, y: np.ndarray, X_test: Any
) -> list[np.ndarray]:
    """Score the rows of `X_test` by each candidate, fitting once where only scoring differs."""
    scored = []
    fitted: tuple[dict[str, Any], Any] | None = None
    for candidate in candidates:
        of_fit = {
            name: value for name, value in candidate.items() if name not in pipelines.OF_SCORING
        }
        if fitted is None or fitted[0] != of_fit:
            fitted = (of_fit, clone(classifier).set_params(**candidate).fit(X, y))
        scored.append(fitted[1].set_params(**candidate).predict_proba(X_test))
    return scored


def predict(fitted: Fitted, test: ExpressionData) -> pd.DataFrame:
    """Score observations and average the cells of a sample: sample, group, truth, class,
    probability."""
    classes = fitted.pipeline.classes_
    scored = pd.DataFrame(fitted.pipeline.predict_proba(test.lognorm), columns=classes)
    keys = [
        pd.Series(test.sample, name="sample"),
        pd.Series(test.group, name="group"),
        pd.Series(test.label, name="truth"),
    ]
    averaged = scored.groupby(keys, sort=True).mean().reset_index()
    long = averaged.melt(
        id_vars=["sample", "group", "truth"], var_name="class", value_name="probability"
    )
    return long.sort_values(["sample", "class"], kind="stable", ignore_index=True)


def deciding_genes(
    model: str, observations: ExpressionData, folds: pd.DataFrame, seed: int
) -> list[str]:
    """List the genes that a linear baseline weighs, the heaviest first, fitted on all samples that
    are tested.

    Parameters
    ----------
    observations
        With `genes`.
    """
    tested = np.flatnonzero(np.isin(observations.sample, folds["sample"].to_numpy(dtype=str)))
    fitted = fit(model, subset(observations, tested), seed).pipeline
    classifier = fitted[-1]
    parts = getattr(classifier, "estimators_", [classifier])
    weight = np.abs(np.concatenate([part.coef_ for part in parts])).sum(axis=0)
    order = np.argsort(-weight, kind="stable")
    return list(observations.genes[fitted["select"].columns_[order[weight[order] > 0]]])


def cross_predict(
    model: str, observations: ExpressionData, folds: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Predict every sample in the fold that holds it out.

    Parameters
    ----------
    model
        One of `model_names.BASELINES`.
    observations
        All of them; each fold sees its training rows only.
    folds
        sample, group, repeat, fold; without rows (not assessable) the result has none either.
    seed
        Decides nested folds and the models that draw.

    Returns
    -------
    `COLUMNS`, a row per class; the same whatever the order of files and the number of threads.
    """
    parts = []
    # Sums in another order would differ in their last digit between machines.
    with threadpool_limits(limits=1), unchecked():
        for fold in each_fold(observations, folds):
            fitted = fit(model, subset(observations, fold.train), seed)
            held_out = predict(fitted, subset(observations, fold.test))
            parts.append(held_out.assign(model=model, repeat=fold.repeat, fold=fold.fold))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def permuted_scores(
    model: str,
    observations: ExpressionData,
    folds: pd.DataFrame,
    *,
    classes: list[str],
    seed: int,
    permutations: int,
) -> pd.DataFrame:
    """Score a baseline under permuted labels, everything done again: folds, tuning, fits.

    `classes` are given in their order, which F1 and average precision depend on.

    Returns
    -------
    `epigpt.evaluation.permutation_test.NULL_COLUMNS`, a row per permutation and metric; none where
    there are no folds.
    """
    rows = []
    known = pd.DataFrame(
        {"sample": observations.sample, "group": observations.group, "label": observations.label}
    )
    tested = known[known["sample"].isin(folds["sample"])].drop_duplicates("sample")
    for number, drawn in enumerate(
        permutation_test.permuted(tested, permutations if len(folds) else 0, seed)
    ):
        label = (
            pd.Series(observations.sample)
            .map(drawn.set_index("sample")["label"])
            .to_numpy(dtype=object)
        )
        relabelled = replace(
            observations, label=np.where(pd.isna(label), observations.label, label).astype(str)
        )
        redrawn = cross_validation.folds(drawn, int(folds["fold"].max()) + 1, 1, seed)
        predicted = cross_predict(model, relabelled, redrawn, seed)
        held = held_out(predicted, classes)
        rows += [
            (model, number, metric, float(value[0]))
            for metric, value in scores(held, held.unit_weights()).items()
        ]
    return pd.DataFrame(rows, columns=permutation_test.NULL_COLUMNS)


def subset(observations: ExpressionData, rows: np.ndarray) -> ExpressionData:
    """Return some rows of the observations."""
    return ExpressionData(
        observations.lognorm[rows],
        observations.sample[rows],
        observations.label[rows],
        observations.group[rows],
    )
