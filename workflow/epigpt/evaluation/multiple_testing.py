"""p values corrected for their number: Holm, and Benjamini and Hochberg."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


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


def false_discovery_rate(p: Sequence[float]) -> np.ndarray:
    """Return p values adjusted by Benjamini and Hochberg (J R Stat Soc B 1995; 57: 289); NaN stay
    NaN and do not count."""
    values = np.asarray(p, dtype=float)
    known = ~np.isnan(values)
    adjusted = np.full(len(values), np.nan)
    if known.any():
        adjusted[known] = stats.false_discovery_control(values[known])
    return adjusted
