"""Baselines: fitted inside the fold, indifferent to order, and chance on noise."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from baseline_series import COLUMNS, auc, folds_of, series, write
from epigpt import model_names
from epigpt.dataset import expression_data
from epigpt.encoding.nested_folds import nested_splits
from epigpt.evaluation import (
    baselines,
    pipelines,
    predictions,
)
from epigpt.evaluation.shrunken_centroids import ShrunkenCentroids


@pytest.mark.slow
@pytest.mark.parametrize("model", model_names.BASELINES)
@pytest.mark.parametrize("classes", [2, 3])
def test_planted_effect_is_found_and_probabilities_add_to_one(model, classes):
    data = series(n=18, classes=classes)
    folds = folds_of(data, 3)
    predicted = baselines.cross_predict(model, data, folds, seed=1)
    names = [f"class{k}" for k in range(classes)]
    assert list(predicted.columns) == COLUMNS
    assert len(predicted) == 18 * classes
    sums = predicted.groupby(["repeat", "sample"])["probability"].sum()
    assert np.allclose(sums, 1)
    assert set(predicted["class"]) == set(names)
    merged = predicted.merge(folds, on=["sample", "repeat"], suffixes=("", "_drawn"))
    assert (merged["fold"] == merged["fold_drawn"]).all()
    predictions.by_model(predicted, folds, names)  # refuses any other set of samples
    if model == "majority":
        assert auc(predicted, names) == 0.5
    else:
        assert auc(predicted, names) > 0.9


def survives_garbage(train):
    """Say whether what `train` makes of a fold stays the same, bit for bit, when its test samples
    become garbage."""
    data = series(n=12, genes=120, effect=1)
    fold = next(expression_data.each_fold(data, folds_of(data, 3)))
    random = np.random.default_rng(9)
    spoiled, label = data.lognorm.copy(), data.label.copy()
    spoiled[fold.test] = random.gamma(0.3, 40.0, spoiled[fold.test].shape)
    label[fold.test] = random.permutation(label[fold.test])[::-1]
    garbage = expression_data.ExpressionData(spoiled, data.sample, label, data.group)
    (one, thing), (other, same) = (train(part, fold) for part in (data, garbage))
    probe = data.lognorm[fold.test]
    return thing == same and np.array_equal(one(probe), other(probe))


def honest(model):
    def train(data, fold):
        fitted = baselines.fit(model, baselines.subset(data, fold.train), seed=1)
        return fitted.pipeline.predict_proba, fitted.chosen

    return train


@pytest.mark.slow
@pytest.mark.parametrize("model", model_names.BASELINES)
def test_garbage_in_the_test_samples_changes_nothing_that_was_trained(model):
    assert survives_garbage(honest(model))


def leaks_through_selection(data, fold):
    chosen = np.argsort(-np.var(data.lognorm, axis=0), kind="stable")[:50]
    training = baselines.subset(data, fold.train)
    fitted = baselines.fit(
        "logistic_l2", replace(training, lognorm=training.lognorm[:, chosen]), seed=1
    )
    return lambda probe: fitted.pipeline.predict_proba(probe[:, chosen]), fitted.chosen


def leaks_through_scaling(data, fold):
    mean, spread = data.lognorm.mean(axis=0), data.lognorm.std(axis=0)
    training = baselines.subset(data, fold.train)
    fitted = baselines.fit(
        "logistic_l2", replace(training, lognorm=(training.lognorm - mean) / spread), seed=1
    )
    return lambda probe: fitted.pipeline.predict_proba((probe - mean) / spread), fitted.chosen


@pytest.mark.parametrize("leaky", [leaks_through_selection, leaks_through_scaling])
def test_a_planted_leak_does_not_survive_the_garbage(leaky):
    assert not survives_garbage(leaky)


@pytest.mark.slow
@pytest.mark.parametrize("model", [name for name in model_names.BASELINES if name != "majority"])
def test_order_of_samples_and_genes_in_the_file_does_not_matter(model, tmp_path):
    data = series(n=12, genes=150, per_group=2)
    folds = folds_of(data, 3)
    written = []
    for number, order in enumerate(
        (slice(None), np.random.default_rng(5).permutation(len(data.sample)))
    ):
        columns = np.arange(150) if number == 0 else np.random.default_rng(6).permutation(150)
        path = tmp_path / f"{number}.h5ad"
        write(path, data, order, columns)
        written.append(baselines.cross_predict(model, expression_data.read(path), folds, seed=3))
    pd.testing.assert_frame_equal(*written, check_exact=True)


def test_cells_are_averaged_to_their_sample(tmp_path):
    base = series(n=60, genes=100)
    # 20 samples of three cells each, 20 groups
    sample = np.repeat([f"D{i:02d}" for i in range(20)], 3)
    data = expression_data.ExpressionData(base.lognorm, sample, base.label, sample)
    path = tmp_path / "cells.h5ad"
    write(path, data, cells=[f"c{i:02d}" for i in range(60)])
    read = expression_data.read(path)
    predicted = baselines.cross_predict("pca_logistic", read, folds_of(read, 4), seed=1)
    assert len(predicted) == 20 * 2
    fold = next(expression_data.each_fold(read, folds_of(read, 4)))
    fitted = baselines.fit("pca_logistic", baselines.subset(read, fold.train), 1)
    of_cells = fitted.pipeline.predict_proba(read.lognorm[fold.test])[:, 1]
    expected = pd.Series(of_cells).groupby(read.sample[fold.test]).mean()
    found = predicted[
        (predicted["class"] == "class1") & predicted["sample"].isin(expected.index)
    ].set_index("sample")["probability"]
    assert np.allclose(found.loc[expected.index], expected)


@pytest.mark.slow
def test_noise_gives_chance():
    scores = [
        auc(
            baselines.cross_predict("logistic_l2", data, folds_of(data, 4), 1), ["class0", "class1"]
        )
        for data in (series(seed, n=16, genes=200, effect=0) for seed in range(12))
    ]
    assert abs(np.mean(scores) - 0.5) < 0.13
    assert max(scores) < 1


@pytest.mark.slow
def test_donors_with_effects_but_no_disease_effect_give_chance_by_donor():
    scores = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        data = series(seed, n=12, genes=200, effect=0, per_group=3)
        own = np.repeat(random.normal(0, 2, (12, 200)), 3, axis=0)
        shifted = expression_data.ExpressionData(
            data.lognorm + own, data.sample, data.label, data.group
        )
        scores.append(
            auc(
                baselines.cross_predict("logistic_l2", shifted, folds_of(shifted, 4), 1),
                ["class0", "class1"],
            )
        )
    assert abs(np.mean(scores) - 0.5) < 0.2


def test_rotated_ridge_is_the_ridge_on_the_genes():
    data = series(n=20, genes=80)
    X = (data.lognorm - data.lognorm.mean(axis=0)) / data.lognorm.std(axis=0)
    plain = LogisticRegression(
        C=0.01, class_weight="balanced", solver="lbfgs", tol=1e-9, max_iter=10000
    ).fit(X, data.label)
    pipeline, _ = pipelines.build("logistic_l2", data.lognorm.shape, 2, 1)
    assert isinstance(pipeline["rotate"], PCA)
    fitted = pipeline.set_params(classify__C=0.01).fit(data.lognorm, data.label)
    assert np.allclose(fitted.predict_proba(data.lognorm), plain.predict_proba(X), atol=1e-5)


def test_most_variable_genes_leaves_constants_out_and_breaks_ties_by_column():
    X = np.zeros((4, 6))
    X[:, 1] = X[:, 4] = [0, 1, 0, 1]
    X[:, 5] = [0, 5, 0, 5]
    for matrix in (X, scipy.sparse.csr_matrix(X)):
        assert pipelines.MostVariableGenes(2).fit(matrix).columns_.tolist() == [1, 5]
        assert pipelines.MostVariableGenes(9).fit(matrix).columns_.tolist() == [1, 4, 5]
    assert pipelines.MostVariableGenes(3).fit(np.ones((4, 2))).columns_.tolist() == [0]


@pytest.mark.parametrize("model", ["nearest_centroid", "screened_logistic", "ktsp"])
def test_nested_candidates_are_scored_as_if_each_had_a_fit_of_its_own(model):
    data = series(n=18, classes=2)
    train, test = np.arange(12), np.arange(12, 18)
    part = baselines.subset(data, train)
    pipeline, candidates = pipelines.build(model, part.lognorm.shape, 2, 1)
    shared = baselines._nested_probabilities(model, part, data.lognorm[test], candidates, 1)
    for candidate, scored in zip(candidates, shared, strict=True):
        alone = clone(pipeline).set_params(**candidate).fit(part.lognorm, part.label)
        # Penalties that are tried together are added up in another order.
        most = 1e-12 if model == "screened_logistic" else 0
        expected = alone.predict_proba(data.lognorm[test])
        assert np.abs(expected - scored).max() <= most, candidate


def test_candidates_that_differ_in_scoring_alone_share_a_fit(monkeypatch):
    fits = []
    fit = ShrunkenCentroids.fit
    monkeypatch.setattr(
        ShrunkenCentroids, "fit", lambda self, X, y: fits.append(1) or fit(self, X, y)
    )
    data = series(n=18, classes=2)
    baselines.fit("nearest_centroid", data, seed=1)
    nested = nested_splits(data.label, data.group, 1)
    assert len(fits) == len(nested) * len(pipelines.SHRINK_THRESHOLDS) + 1
