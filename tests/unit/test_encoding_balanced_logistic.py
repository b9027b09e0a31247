"""Logistic regression whose classes weigh alike."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from epigpt.encoding.balanced_logistic import BalancedLogistic


@pytest.mark.parametrize(
    ("classes", "options"),
    [
        (2, {"solver": "newton-cholesky", "tol": 1e-6}),
        (3, {"solver": "newton-cholesky", "tol": 1e-6}),
        (2, {"solver": "lbfgs"}),
        (4, {"solver": "lbfgs"}),
        (2, {"solver": "liblinear", "l1_ratio": 1.0, "random_state": 0}),
    ],
)
def test_it_is_scikit_learns_own_to_the_last_digit(classes, options):
    random = np.random.default_rng(classes)
    names = np.array(list("zyxw"))[:classes]
    for _ in range(10):
        label = names[np.r_[np.arange(classes), random.integers(0, classes, 17) // 2]]
        values = random.normal(size=(len(label), 30))
        strength = 10 ** random.uniform(-3, 1)
        ours = BalancedLogistic(C=strength, **options).fit(values, label)
        theirs = LogisticRegression(C=strength, class_weight="balanced", **options)
        theirs.fit(values, label)
        assert np.array_equal(ours.coef_, theirs.coef_)
        assert np.array_equal(ours.intercept_, theirs.intercept_)
        assert list(ours.classes_) == list(theirs.classes_)


def test_the_smaller_class_weighs_as_much_as_the_larger():
    values = np.zeros((20, 1))
    label = np.array(["a"] * 18 + ["b"] * 2)
    assert BalancedLogistic().fit(values, label).predict_proba(values[:1])[0, 1] == pytest.approx(
        0.5
    )
