"""Limits that hold with three donors a class, where a bootstrap is far too narrow.

A bootstrap of three donors draws from ten multisets, and samples that are separated perfectly are
so in every one of them. The limits here start from score limits of the parts that a metric is made
of (an AUC, or the share of a class that is called right) and carry them over to the metric by the
method of variance estimates recovery: the distance from the estimate to its limit is the root of
the summed squares of the distances that each part brings (Zou & Donner, Stat Med 2008; 27:
1693).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

LEVEL = 0.95


def newcombe_limits(
    auc: float, cases: int, controls: int, level: float = LEVEL
) -> tuple[float, float]:
    """Return the score limits of an AUC (Newcombe, Stat Med 2006; 25: 559, method 5).

    The limits are the AUCs θ from which the estimate is as many standard errors away as `level`
    asks for, with Hanley and McNeil's standard error at θ, the two sample sizes in it replaced by
    their mean.
    """
    half = (cases + controls) / 2 - 1
    theta = np.linspace(0.0, 1.0, 20001)[1:-1]
    variance = (
        theta
        * (1 - theta)
        * (1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta)))
        / (cases * controls)
    )
    inside = theta[np.abs(theta - auc) <= _z(level) * np.sqrt(variance)]
    return float(min(inside.min(initial=auc), auc)), float(max(inside.max(initial=auc), auc))


def wilson_limits(share: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the score limits of a share of `n` (Wilson, JASA 1927; 22: 209)."""
    z = _z(level)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def recovered_limits(
    metric: Callable[[Sequence[float]], float],
    parts: Sequence[float],
    limits: Sequence[tuple[float, float]],
) -> tuple[float, float]:
    """Return the limits of a metric that rises with each of its independent parts.

    Parameters
    ----------
    metric
        From the parts to the metric.
    parts
        The estimates of the parts.
    limits
        Low and high limit of each.
    """
    estimate = metric(parts)
    down = up = 0.0
    for position, (low, high) in enumerate(limits):
        lower, higher = list(parts), list(parts)
        lower[position], higher[position] = low, high
        down += max(0.0, estimate - metric(lower)) ** 2
        up += max(0.0, metric(higher) - estimate) ** 2
    return estimate - math.sqrt(down), estimate + math.sqrt(up)


def difference_limits(
    one: float,
    other: float,
    one_limits: tuple[float, float],
    other_limits: tuple[float, float],
    correlation: float,
) -> tuple[float, float]:
    """Return the limits of `one` minus `other`, two estimates on the same donors.

    `correlation` is that of the two estimates; the more they go together, the narrower the limits.
    """
    down, up = one - one_limits[0], one_limits[1] - one
    other_down, other_up = other - other_limits[0], other_limits[1] - other
    low = math.sqrt(max(0.0, down**2 + other_up**2 - 2 * correlation * down * other_up))
    high = math.sqrt(max(0.0, up**2 + other_down**2 - 2 * correlation * up * other_down))
    return one - other - low, one - other + high


def mean_limits(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Return Student's limits of the mean of `values`, one of each donor."""
    if len(values) < 2:
        return -math.inf, math.inf
    centre, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(special.stdtrit(len(values) - 1, (1 + level) / 2)) * error
    return centre - reach, centre + reach


def binormal_average_precision(auc: float, prevalence: float) -> float:
    """Return the average precision of two normal distributions of equal spread with this AUC."""
    auc = min(max(auc, 1e-6), 1 - 1e-6)
    apart = math.sqrt(2) * special.ndtri(auc)
    cut = np.linspace(-8 + min(0.0, apart), 8 + max(0.0, apart), 4001)
    recall = special.ndtr(apart - cut)
    taken = prevalence * recall + (1 - prevalence) * special.ndtr(-cut)
    precision = np.divide(prevalence * recall, taken, out=np.ones_like(cut), where=taken > 1e-300)
    return float(np.clip(np.trapezoid(precision, -recall), 0.0, 1.0))


def smallest_auc(cases: int, controls: int, level: float = LEVEL) -> float:
    """Return the smallest AUC whose limits exclude 0.5; above 1 where no AUC does."""
    low, high = 0.5, 1.0
    if newcombe_limits(1.0, cases, controls, level)[0] <= 0.5:
        return math.inf
    for _ in range(12):
        middle = (low + high) / 2
        if newcombe_limits(middle, cases, controls, level)[0] > 0.5:
            high = middle
        else:
            low = middle
    return high


def _z(level: float) -> float:
    return float(special.ndtri((1 + level) / 2))
