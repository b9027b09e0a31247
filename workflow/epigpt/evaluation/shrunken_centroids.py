"""Nearest shrunken centroids (Tibshirani et al., PNAS 2002; 99: 6567), on scikit-learn's."""

import warnings
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.neighbors import NearestCentroid


class ShrunkenCentroids(NearestCentroid):
    """scikit-learn's `NearestCentroid` with the spread of the original method and probabilities
    that can be ranked.

    scikit-learn divides distances by the spread of a gene alone, so that genes of almost no spread
    decide; the original adds the median spread. Distances add up as if genes were independent,
    which gives probabilities of exactly 0 and 1 to nearly every sample: they are divided by
    `temperature`.

    Parameters
    ----------
    shrink_threshold
        How far each centroid is pulled to the common one, in standard errors; None: not at all.
    temperature
        Divides the discriminant scores before they become probabilities.
    """

    within_class_std_dev_: np.ndarray
    _scored: tuple[Any, np.ndarray] | None = None

    def __init__(self, shrink_threshold: float | None = None, temperature: float = 1.0) -> None:
        super().__init__(shrink_threshold=shrink_threshold, priors="uniform")
        self.temperature = temperature

    def fit(self, X: Any, y: Any) -> "ShrunkenCentroids":
        """Fit on `X` (observations × genes, dense) and the classes `y`."""
        with warnings.catch_warnings():
            # The spread is made positive below.
            warnings.filterwarnings("ignore", message=".*zero standard deviation")
            super().fit(X, y)
        spread = self.within_class_std_dev_ + np.median(self.within_class_std_dev_)
        self.within_class_std_dev_ = np.where(spread > 0, spread, 1.0)
        self._scored = None
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, shape (observations, classes); nobody may change `X` in place."""
        if self._scored is None or self._scored[0] is not X:  # another temperature asks again
            self._scored = (X, self._decision_function(X))
        return softmax(self._scored[1] / self.temperature, axis=1)
