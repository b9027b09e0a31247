"""p values corrected for their number."""

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Return p values corrected for their number (Holm, Scand J Stat 1979; 6: 65); None and NaN
    stay None and do not count."""
    values = np.array([np.nan if value is None else value for value in p], dtype=float)
    known = np.flatnonzero(~np.isnan(values))
    ranked = known[np.argsort(values[known], kind="stable")]
    steps = values[ranked] * np.arange(len(ranked), 0, -1)
    corrected: list[float | None] = [None] * len(values)
    for at, value in zip(ranked, np.maximum.accumulate(steps).clip(max=1), strict=True):
        corrected[int(at)] = float(value)
    return corrected
