"""Dispersions of many genes at once: the slope of their likelihood, and the descent along it."""

import numpy as np
from scipy.special import digamma

# Steps in log(alpha): the first one, how they grow until the slope turns, and how often the last
# one is then halved (to 1e-6).
_FIRST_STEP = 0.25
_GROWTH = 1.5
_HALVINGS = 20
# The slope at which L-BFGS-B, PyDESeq2's optimiser, stops.
_FLAT = 1e-5


class DispersionSlope:
    """Derivative, by log(alpha), of what the dispersions of a block of genes minimise; arrays are
    genes × observations.

    That is the negative log-likelihood, plus half the log-determinant of the information on the
    coefficients (Cox–Reid), plus the squared distance from the trend over twice the prior's
    variance.
    """

    def __init__(
        self,
        counts: np.ndarray,
        mu: np.ndarray,
        design: np.ndarray | None,
        centre: np.ndarray,
        variance: float | None,
    ) -> None:
        self.counts, self.mu, self.design, self.centre, self.variance = (
            counts,
            mu,
            design,
            centre,
            variance,
        )

    def __call__(self, log_alpha: np.ndarray, genes: np.ndarray) -> np.ndarray:
        """Return the slope for some of the genes at their logarithmic dispersions."""
        alpha = np.exp(log_alpha)[:, None]
        inverse, y, mu = 1.0 / alpha, self.counts[genes], self.mu[genes]
        terms = (
            digamma(inverse)
            - digamma(y + inverse)
            + np.log1p(mu * alpha)
            + (y - mu) / (mu + inverse)
        )
        slope: np.ndarray = -inverse[:, 0] * terms.sum(axis=1)
        if self.design is not None:
            weights = mu / (1.0 + mu * alpha)
            change = np.linalg.solve(
                information(weights, self.design), information(-(weights**2), self.design)
            )
            slope += 0.5 * alpha[:, 0] * np.trace(change, axis1=1, axis2=2)
        if self.variance is not None:
            slope += (log_alpha - self.centre[genes]) / self.variance
        return slope


def descend(slope: DispersionSlope, start: np.ndarray, low: float, high: float) -> np.ndarray:
    """Walk downhill from `start` to the nearest minimum between `low` and `high`, or to where the
    ground is flat."""
    log_alpha = np.clip(start, low, high)
    active = np.arange(len(start))
    at = slope(log_alpha, active)
    active = active[np.abs(at) > _FLAT]
    uphill = np.sign(at)
    step = _FIRST_STEP
    bracketed: list[np.ndarray] = []
    before = log_alpha.copy()
    while len(active):
        before[active] = log_alpha[active]
        log_alpha[active] = np.clip(log_alpha[active] - uphill[active] * step, low, high)
        here = slope(log_alpha[active], active)
        turned = here * uphill[active] < 0
        bracketed.append(active[turned])
        active = active[
            ~turned
            & (np.abs(here) > _FLAT)
            & (log_alpha[active] > low)
            & (log_alpha[active] < high)
        ]
        step *= _GROWTH
    turned_genes = np.concatenate([*bracketed, np.empty(0, dtype=int)]).astype(int)
    for _ in range(_HALVINGS):
        middle = 0.5 * (before[turned_genes] + log_alpha[turned_genes])
        same = slope(middle, turned_genes) * uphill[turned_genes] > 0
        before[turned_genes[same]] = middle[same]
        log_alpha[turned_genes[~same]] = middle[~same]
    return log_alpha


def information(weights: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Return X' W X of every gene (genes × columns × columns) from weights (genes ×
    observations)."""
    columns = design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    return (weights @ products).reshape(-1, columns, columns)
