"""t-SNE of few observations, exact, for series whose expression file brings none.

van der Maaten & Hinton, "Visualizing data using t-SNE", JMLR 9 (2008) 2579–2605. Starts from the
first two principal components, so that no random draw decides the picture.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_STEPS, _EXAGGERATED = 500, 120


def embed(components: Floats) -> Floats:
    """Give a t-SNE, observations × 2, of principal components, observations × components.

    The perplexity is 30, or a quarter of the observations where they are fewer.
    """
    total = len(components)
    squares = np.sum(components**2, axis=1)
    distance = np.maximum(squares[:, None] + squares[None, :] - 2 * components @ components.T, 0)
    joint = _affinities(distance, min(30.0, max(2.0, total / 4)))
    spread = components[:, :2].std(axis=0)
    place = components[:, :2] / np.where(spread > 0, spread, 1) * 1e-2
    speed, gain = np.zeros_like(place), np.ones_like(place)
    rate = max(total / 12 / 4, 50.0)
    for step in range(_STEPS):
        pull = joint * (12 if step < _EXAGGERATED else 1)
        squares = np.sum(place**2, axis=1)
        near = 1 / (1 + np.maximum(squares[:, None] + squares[None, :] - 2 * place @ place.T, 0))
        np.fill_diagonal(near, 0)
        force = (pull - near / near.sum()) * near
        slope = 4 * (force.sum(axis=1)[:, None] * place - force @ place)
        gain = np.maximum(np.where(np.sign(slope) != np.sign(speed), gain + 0.2, gain * 0.8), 0.01)
        speed = (0.5 if step < _EXAGGERATED else 0.8) * speed - rate * gain * slope
        place = place + speed
        place -= place.mean(axis=0)
    return place


def _affinities(distance: Floats, perplexity: float) -> Floats:
    """Give the symmetric joint probabilities: each row's width is found by bisection so that its
    entropy is log(perplexity)."""
    total = len(distance)
    scaled = distance / max(float(np.median(distance)), 1e-12)
    low, high, width = np.zeros(total), np.full(total, np.inf), np.ones(total)
    own = np.eye(total, dtype=bool)
    for _ in range(60):
        weights = np.where(own, 0, np.exp(-scaled * width[:, None]))
        sums = np.maximum(weights.sum(axis=1), 1e-300)
        entropy = np.log(sums) + width * (scaled * weights).sum(axis=1) / sums
        narrow = entropy > np.log(perplexity)
        low, high = np.where(narrow, width, low), np.where(narrow, high, width)
        width = np.where(np.isinf(high), width * 2, (low + high) / 2)
    rows = weights / sums[:, None]
    return np.maximum((rows + rows.T) / (2 * total), 1e-12)
