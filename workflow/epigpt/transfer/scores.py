"""Scores of models trained on one series and tested on another."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from epigpt.dataset.expression_data import ExpressionData, each_fold
from epigpt.evaluation import baselines, intervals, permutation_test
from epigpt.evaluation.metrics import HeldOut, held_out, scores
from epigpt.transfer.paired_dataset import TEST_FOLD

GPT2 = "finetuned"
PERMUTATIONS = 199
PAIR = ["trained_on", "tested_on", "shared_genes", "unit"]
TRANSFER = [*PAIR, *intervals.COLUMNS]


def baseline_predictions(
    names: Sequence[str], data: ExpressionData, folds: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Fit baselines on the trained series, tuned in nested folds of it, and predict the tested one:
    `baselines.COLUMNS`."""
    fold = next(fold for fold in each_fold(data, folds) if fold.fold == TEST_FOLD)
    training, test = (baselines.subset(data, rows) for rows in (fold.train, fold.test))
    parts = [
        baselines.predict(baselines.fit(name, training, seed), test).assign(
            model=name, repeat=fold.repeat, fold=fold.fold
        )
        for name in names
    ]
    return pd.concat(parts, ignore_index=True)[list(baselines.COLUMNS)]


def score(
    models: dict[str, HeldOut], preset: str, bootstrap: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every model on the tested series: metrics with intervals over its groups, and GPT-2
    against the others.

    p comes from permuting the labels of the tested series' groups while the predictions stay as
    they are: the models never saw that series, so that nothing needs fitting again.

    Returns
    -------
    As `intervals.table` and `intervals.differences` give them.
    """
    weights = intervals.resampled_weights(models[GPT2], bootstrap, seed)
    chance = pd.concat(
        [_chance(name, held, seed) for name, held in models.items()], ignore_index=True
    )
    others = [name for name in models if name != GPT2]
    return intervals.table(models, preset, weights, chance), intervals.differences(
        models, GPT2, others, weights
    )


def _chance(model: str, held: HeldOut, seed: int) -> pd.DataFrame:
    group = np.asarray(held.groups, dtype=object)[held.group]
    label = np.asarray(held.classes, dtype=object)[held.truth]
    samples = pd.DataFrame({"sample": held.sample, "group": group, "label": label})
    number = {name: at for at, name in enumerate(held.classes)}
    rows = []
    for permutation, redrawn in enumerate(permutation_test.permuted(samples, PERMUTATIONS, seed)):
        truth = (
            redrawn.set_index("sample")["label"]
            .map(number)
            .reindex(held.sample)
            .to_numpy(dtype=np.intp)
        )
        permuted = scores(replace(held, truth=truth), held.unit_weights())
        rows += [
            (model, permutation, metric, float(value[0])) for metric, value in permuted.items()
        ]
    return pd.DataFrame(rows, columns=permutation_test.NULL_COLUMNS)


def arranged(predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, HeldOut]:
    """Arrange the predictions of each model, GPT-2 first."""
    names = sorted(set(predictions["model"]), key=lambda name: (name != GPT2, name))
    return {
        name: held_out(predictions[predictions["model"] == name], list(classes)) for name in names
    }
