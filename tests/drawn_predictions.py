"""Held-out predictions drawn with known scores, for tests of metrics and of chance."""

import numpy as np
import pandas as pd

from epigpt.evaluation import (
    metrics,
)


def predictions(
    truth,
    probability,
    *,
    repeat=None,
    fold=None,
    group=None,
    classes=("control", "case"),
    threshold=None,
):
    """Make a long table from arrays; `probability` of the last class where there are two."""
    number = len(truth)
    rows = pd.DataFrame(
        {
            "repeat": 0 if repeat is None else repeat,
            "fold": 0 if fold is None else fold,
            "sample": (
                [f"S{i:03d}" for i in range(number)]
                if repeat is None
                else [f"S{i % (number // 2):03d}" for i in range(number)]
            ),
            "truth": truth,
        }
    )
    rows["group"] = rows["sample"] if group is None else group
    wide = (
        np.c_[1 - np.asarray(probability), probability]
        if np.ndim(probability) == 1
        else np.asarray(probability)
    )
    long = pd.concat(
        [
            rows.assign(**{"class": name, "probability": wide[:, k]})
            for k, name in enumerate(classes)
        ]
    )
    if threshold is not None:
        long["threshold"] = np.where(long["class"] == classes[-1], threshold, 1 - threshold)
    return long.sample(frac=1, random_state=0)


def one(held):
    return {
        name: float(value[0]) for name, value in metrics.scores(held, held.unit_weights()).items()
    }


def donors(seed, per_class=8, cells=1, effect=1.0):
    random = np.random.default_rng(seed)
    group = np.repeat([f"D{i:02d}" for i in range(2 * per_class)], cells)
    truth = np.repeat(["control", "case"], per_class * cells)
    logit = (
        np.repeat(random.normal(size=2 * per_class), cells)
        + 0.1 * random.normal(size=len(group))
        + effect * (truth == "case")
    )
    return metrics.held_out(
        predictions(truth, 1 / (1 + np.exp(-logit)), group=group), ["control", "case"]
    )
