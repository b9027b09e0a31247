"""A series with a planted effect, its folds, and its files as the baselines' stages read them."""

import anndata
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset import expression_data
from epigpt.evaluation import (
    cross_validation,
    metrics,
)

COLUMNS = [
    "model",
    "repeat",
    "fold",
    "sample",
    "group",
    "truth",
    "class",
    "probability",
]


def series(seed=0, *, n=16, genes=300, effect=2.5, per_group=1, classes=2, planted=20):
    """Give log-normalised noise with an effect on some genes; groups hold one class each."""
    random = np.random.default_rng(seed)
    number = n * per_group
    label = np.array([f"class{i * classes // number}" for i in range(number)])
    X = random.normal(3, 1, (number, genes))
    for k in range(1, classes):
        X[label == f"class{k}", (k - 1) * planted : k * planted] += effect
    names = np.array([f"S{i:03d}" for i in range(number)])
    group = np.repeat([f"G{i:02d}" for i in range(n)], per_group)
    X += np.repeat(random.normal(0, 0.1, (n, genes)), per_group, axis=0)
    return expression_data.ExpressionData(np.maximum(X, 0), names, label, group)


def folds_of(data, k=4, repeats=1, seed=1):
    samples = pd.DataFrame(
        {"sample": data.sample, "group": data.group, "label": data.label}
    ).drop_duplicates()
    return cross_validation.folds(samples, k, repeats, seed)


def auc(predicted, classes):
    held = metrics.held_out(predicted, classes)
    return float(metrics.scores(held, held.unit_weights())["auc"][0])


def write(path, data, order=slice(None), columns=slice(None), cells=None):
    obs = pd.DataFrame(
        {"sample": data.sample, "label": data.label, "group": data.group},
        index=data.sample if cells is None else cells,
    )
    matrix = scipy.sparse.csr_matrix(data.lognorm[order][:, columns].astype(np.float32))
    genes = np.array([f"g{i:04d}" for i in range(data.lognorm.shape[1])])[columns]
    made = anndata.AnnData(matrix, obs=obs.iloc[order], var=pd.DataFrame(index=genes))
    made.layers["lognorm"] = matrix
    made.write_h5ad(path)
