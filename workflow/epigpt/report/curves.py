"""ROC and precision-recall curves with their bands, from the table of predictions.

A curve belongs to one repeat: all held-out samples of its folds together. Curves of several repeats
are averaged at fixed points of the x axis (vertical averaging). The band is the 2.5th to 97.5th
percentile of the curves after resampling groups with replacement, the unit of inference. AUCs are
not computed here: those printed come from metrics.tsv.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
GRID: Floats = np.linspace(0, 1, 101)
_RESAMPLES = 200


def one_class(predictions: pd.DataFrame, positive: str) -> pd.DataFrame:
    """Return a row per model, repeat and sample: truth (bool) and probability of the class
    `positive`."""
    rows = predictions[predictions["class"] == positive]
    return rows.assign(truth=rows["truth"] == positive)[
        ["model", "repeat", "fold", "sample", "group", "truth", "probability"]
    ]


def roc(truth: npt.NDArray[np.bool_], probability: Floats) -> Floats:
    """Return the true positive rate at each false positive rate of GRID; NaN where one class is
    missing."""
    hits, misses = _cumulated(truth, probability)
    if not hits[-1] or not misses[-1]:
        return np.full(len(GRID), np.nan)
    return _step(misses / misses[-1], hits / hits[-1])


def precision_recall(truth: npt.NDArray[np.bool_], probability: Floats) -> Floats:
    """Return the precision at each recall of GRID: the best one that reaches at least that recall;
    NaN without positives."""
    hits, misses = _cumulated(truth, probability)
    if not hits[-1]:
        return np.full(len(GRID), np.nan)
    recall, precision = hits[1:] / hits[-1], hits[1:] / (hits[1:] + misses[1:])
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return best[np.searchsorted(recall, GRID - 1e-12)]


def _cumulated(truth: npt.NDArray[np.bool_], probability: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(-probability, kind="stable")
    ends = (
        np.append(np.nonzero(np.diff(probability[order]))[0], len(order) - 1)
        if len(order)
        else np.array([], dtype=int)
    )
    hits = np.append(0, np.cumsum(truth[order])[ends]).astype(float)
    return hits, np.append(0, ends + 1) - hits


def _step(x: Floats, y: Floats) -> Floats:
    # Samples with equal probabilities enter together, which is a slanted line in a ROC curve: hence
    # linear interpolation. Where several points share an x, the curve rises there: from its left
    # side to the lowest of them, at x itself to the highest.
    values = np.interp(GRID, x, y)
    last = np.searchsorted(x, GRID + 1e-12, side="right") - 1
    met = np.abs(x[last] - GRID) < 1e-12
    values[met] = y[last[met]]
    return values


def mean_curve(rows: pd.DataFrame, kind: str) -> Floats:
    """Average a model's curves over its repeats; `kind` is `roc` or `precision_recall`."""
    curve = roc if kind == "roc" else precision_recall
    found = [
        curve(part["truth"].to_numpy(dtype=bool), part["probability"].to_numpy(dtype=float))
        for _, part in rows.groupby("repeat")
    ]
    usable = [line for line in found if np.isfinite(line).all()]
    return np.mean(usable, axis=0) if usable else np.full(len(GRID), np.nan)


def band(rows: pd.DataFrame, kind: str) -> tuple[Floats, Floats]:
    """Return the pointwise 95 % band of a model's mean curve over groups resampled with
    replacement, classes kept."""
    rng = np.random.default_rng(0)
    curve = roc if kind == "roc" else precision_recall
    truth, probability = (
        rows["truth"].to_numpy(dtype=bool),
        rows["probability"].to_numpy(dtype=float),
    )
    repeats = [rows["repeat"].to_numpy() == one for one in sorted(rows["repeat"].unique())]
    members = {
        name: np.nonzero((rows["group"] == name).to_numpy())[0]
        for name in sorted(rows["group"].unique())
    }
    strata: dict[tuple[bool, bool], list[str]] = {}
    for name, at in members.items():
        strata.setdefault((bool(truth[at].any()), bool(truth[at].all())), []).append(name)
    drawn = []
    for _ in range(_RESAMPLES):
        at = np.concatenate(
            [members[name] for names in strata.values() for name in rng.choice(names, len(names))]
        )
        lines = [
            curve(truth[inside], probability[inside]) for inside in (at[one[at]] for one in repeats)
        ]
        usable = [line for line in lines if np.isfinite(line).all()]
        if usable:
            drawn.append(np.mean(usable, axis=0))
    if not drawn:
        empty = np.full(len(GRID), np.nan)
        return empty, empty
    return np.percentile(drawn, 2.5, axis=0), np.percentile(drawn, 97.5, axis=0)
