"""Logistic regressions on the same rows that differ in their penalty alone, solved together.

Nested folds fit thousands of them to a dozen samples each, and one by one scikit-learn takes ten
times longer to begin a fit than to solve it. The steps are those of its solver "newton-cholesky",
with the same start, the same line of retreat and the same end; whatever takes another path than
whole Newton steps is handed to scikit-learn itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import clone

from epigpt.encoding.balanced_logistic import BalancedLogistic

# Of scikit-learn's line search: the share of the promised gain that a step must make, and what
# counts as no change of the loss.
_LEAST_GAIN = 2.0**-11
_NO_CHANGE = 16 * np.finfo(np.float64).eps


def solves(classifier: Any, n_classes: int) -> bool:
    """Return whether `probabilities` speaks of this classifier: ridge on two classes, by Newton."""
    return (
        isinstance(classifier, BalancedLogistic)
        and classifier.solver == "newton-cholesky"
        and n_classes == 2
    )


def coefficients(
    classifier: BalancedLogistic, strengths: Sequence[float], X: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Fit the classifier once per strength.

    Parameters
    ----------
    classifier
        Unfitted, one that `solves` takes; its `C` does not count.
    strengths
        Inverse penalties.
    X, y
        Rows × features, float64, and the classes of the rows, two of them.

    Returns
    -------
    Coefficients of the second class with the intercept last, shape (strengths, features + 1). They
    differ from scikit-learn's by rounding alone.
    """
    weights, solved = _newton(X, y, np.asarray(strengths, dtype=np.float64), classifier)
    for at in np.flatnonzero(~solved):
        alone = clone(classifier).set_params(C=strengths[int(at)]).fit(X, y)
        weights[at] = [*alone.coef_[0], alone.intercept_[0]]
    return weights


def probabilities(
    classifier: BalancedLogistic,
    strengths: Sequence[float],
    X: np.ndarray,
    y: np.ndarray,
    X_test: np.ndarray,
) -> np.ndarray:
    """Fit the classifier once per strength, as `coefficients`, and score the rows of `X_test`.

    Returns
    -------
    Probabilities of both classes, sorted; shape (strengths, rows to score, 2).
    """
    weights = coefficients(classifier, strengths, X, y)
    second = expit(weights[:, :-1] @ X_test.T + weights[:, -1:])
    return np.stack([1 - second, second], axis=-1)


def _newton(
    X: np.ndarray, y: np.ndarray, strengths: np.ndarray, classifier: BalancedLogistic
) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients with the intercept last, shape (strengths, features + 1), and which of
    them are solved."""
    _, second = np.unique(y, return_inverse=True)
    counts = np.bincount(second)
    share = (1 / (len(counts) * counts))[second]  # of a row in the loss; they add up to 1
    rows = np.column_stack([X, np.ones(len(X))])
    penalty = np.ones((len(strengths), rows.shape[1])) / (strengths * len(X))[:, None]
    penalty[:, -1] = 0
    diagonal = np.arange(rows.shape[1])

    def state(weights: np.ndarray, of: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        raw = weights @ rows.T
        case = expit(raw)
        loss = (np.logaddexp(0, raw) - second * raw) @ share
        loss += 0.5 * (penalty[of] * weights**2).sum(axis=1)
        return loss, ((case - second) * share) @ rows + penalty[of] * weights, case * (1 - case)

    weights, solved = np.zeros_like(penalty), np.zeros(len(strengths), dtype=bool)
    at = np.arange(len(strengths))  # those under way
    loss, gradient, curvature = state(weights, at)
    for _ in range(classifier.max_iter):
        if not len(at):
            break
        hessian = rows.T @ ((curvature * share)[:, :, None] * rows)
        hessian[:, diagonal, diagonal] += penalty[at]
        try:
            step = np.linalg.solve(hessian, -gradient[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            break
        promised = (gradient * step).sum(axis=1)
        ahead = weights[at] + step
        new_loss, new_gradient, new_curvature = state(ahead, at)
        gain = new_loss - loss
        flat = (np.abs(gain) <= np.abs(loss) * _NO_CHANGE) & (
            np.abs(new_gradient).sum(axis=1) < np.abs(gradient).sum(axis=1)
        )
        whole = (promised <= 0) & ((gain <= _LEAST_GAIN * promised) | flat)
        weights[at] = ahead
        decrement = 0.5 * (step[:, None, :] @ hessian @ step[:, :, None])[:, 0, 0]
        done = (np.abs(new_gradient).max(axis=1) <= classifier.tol) & (decrement <= classifier.tol)
        solved[at[whole & done]] = True
        further = whole & ~done
        at = at[further]
        loss, gradient, curvature = (
            part[further] for part in (new_loss, new_gradient, new_curvature)
        )
    return weights, solved
