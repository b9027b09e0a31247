"""How often the samples that a model calls likely are what it says."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from epigpt.evaluation.metrics import HeldOut

COLUMNS = ["model", "class", "bin", "probability", "observed", "low", "high", "n"]
_BINS = 5
_Z = 1.959963984540054


def curve(models: Mapping[str, HeldOut]) -> pd.DataFrame:
    """Give each model's calibration curve.

    The predictions of all repeats are cut into at most five bins of equal numbers; equal
    probabilities stay together, since a bin that cuts through them would depend on the order of the
    samples. With two classes only the second is shown.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: mean probability, observed share of the class and its 95 % limits (Wilson 1927;
        samples, not repeats, are counted, so that repeats do not narrow them), number of
        predictions.
    """
    rows = []
    for model, held in models.items():
        repeats = len(set(held.repeat.tolist()))
        for k in [1] if len(held.classes) == 2 else range(len(held.classes)):
            score, truth = held.probability[:, k], held.truth == k
            edges = np.unique(np.quantile(score, np.linspace(0, 1, _BINS + 1)[1:-1]))
            place = np.searchsorted(edges, score, side="right")
            for number, level in enumerate(np.unique(place)):
                inside = place == level
                share = float(truth[inside].mean())
                limits = wilson_limits(share, inside.sum() / repeats)
                rows.append(
                    (
                        model,
                        held.classes[k],
                        number,
                        float(score[inside].mean()),
                        share,
                        *limits,
                        int(inside.sum()),
                    )
                )
    return pd.DataFrame(rows, columns=COLUMNS)


def wilson_limits(share: float, n: float) -> tuple[float, float]:
    """Give the 95 % score limits of a share of `n` (Wilson, JASA 1927; 22: 209)."""
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
