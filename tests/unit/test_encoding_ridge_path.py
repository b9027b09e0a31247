"""Penalties tried together: what scikit-learn gives one by one."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from epigpt.encoding import ridge_path
from epigpt.encoding.balanced_logistic import BalancedLogistic
from epigpt.evaluation import baselines, pipelines
from epigpt.evaluation.shrunken_centroids import ShrunkenCentroids

STRENGTHS = (1e-5, 1e-3, 0.1, 1.0, 100.0)


def ridge(**changed):
    return BalancedLogistic(solver="newton-cholesky", **{"max_iter": 200, "tol": 1e-6, **changed})


def rows(seed, spread=1.0):
    random = np.random.default_rng(seed)
    label = np.array(["b", "a"])[np.r_[0, 0, 1, 1, random.integers(0, 2, 9) // 2]]
    return random.normal(0, spread, (13, 8)), label, random.normal(0, spread, (5, 8))


def one_by_one(classifier, values, label, other):
    return np.stack(
        [
            clone(classifier).set_params(C=strength).fit(values, label).predict_proba(other)
            for strength in STRENGTHS
        ]
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0])
def test_each_penalty_scores_as_scikit_learns_fit_does(seed, spread):
    given = rows(seed, spread)
    assert ridge_path.solves(ridge(), 2)
    ours = ridge_path.probabilities(ridge(), STRENGTHS, *given)
    assert np.allclose(ours, one_by_one(ridge(), *given), rtol=0, atol=1e-9)


def test_what_needs_more_than_whole_steps_is_scikit_learns_to_the_last_digit(monkeypatch):
    given, sent = rows(0), []
    monkeypatch.setattr(ridge_path, "clone", lambda one: sent.append(clone(one)) or sent[-1])
    hurried = ridge(max_iter=1, tol=1e-12)
    with pytest.warns(ConvergenceWarning):
        ours = ridge_path.coefficients(hurried, STRENGTHS, *given[:2])
    assert len(sent) == len(STRENGTHS)
    for strength, found in zip(STRENGTHS, ours, strict=True):
        with pytest.warns(ConvergenceWarning):
            alone = clone(hurried).set_params(C=strength).fit(*given[:2])
        assert np.array_equal(found, [*alone.coef_[0], alone.intercept_[0]])


@pytest.mark.parametrize("model", ["logistic_l2", "pca_logistic", "screened_logistic"])
def test_three_classes_are_left_to_scikit_learn(model):
    pipeline, _ = pipelines.build(model, (20, 50), 3, 0)
    assert ridge_path.solves(pipeline[-1], 2)
    assert not ridge_path.solves(pipeline[-1], 3)
    assert not ridge_path.solves(pipelines.build("logistic_l1", (20, 50), 2, 0)[0][-1], 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_nested_folds_choose_the_same_candidate_either_way(seed, monkeypatch):
    random = np.random.default_rng(seed)
    label = np.repeat(["case", "control"], 9)
    lognorm = random.gamma(2.0, 1.0, (18, 60)) + (label == "case")[:, None] * (np.arange(60) < 4)
    names = np.array([f"donor{number}" for number in range(18)])
    training = baselines.ExpressionData(lognorm, names, label, names)
    together = [
        baselines.fit(model, training, seed=1).chosen
        for model in ("logistic_l2", "screened_logistic")
    ]
    monkeypatch.setattr(ridge_path, "solves", lambda *_: False)
    assert together == [
        baselines.fit(model, training, seed=1).chosen
        for model in ("logistic_l2", "screened_logistic")
    ]


def test_centroids_remember_distances_of_one_fit_and_one_matrix_only():
    values, label, other = rows(3)
    fitted = ShrunkenCentroids(0.5, 10.0).fit(values, label)
    first = fitted.predict_proba(other)
    assert np.array_equal(fitted.predict_proba(other.copy()), first)
    assert not np.array_equal(fitted.predict_proba(other[::-1]), first)
    again = fitted.set_params(temperature=1.0).predict_proba(other)
    fresh = ShrunkenCentroids(0.5, 1.0).fit(values, label)
    assert np.array_equal(again, fresh.predict_proba(other))
    refitted = fitted.fit(values[::-1], label)
    expected = ShrunkenCentroids(0.5, 1.0).fit(values[::-1], label).predict_proba(other)
    assert np.array_equal(refitted.predict_proba(other), expected)
