"""How often the samples that a model calls likely are what it says."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from epigpt.evaluation.metrics import HeldOut
from epigpt.evaluation.small_sample_intervals import wilson_limits

COLUMNS = ["model", "class", "bin", "probability", "observed", "low", "high", "n"]
_BINS = 5


def curve(models: Mapping[str, HeldOut]) -> pd.DataFrame:
    """Return each model's calibration curve.

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
