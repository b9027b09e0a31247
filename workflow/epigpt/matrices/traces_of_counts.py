"""What counts leave behind in values that were made of them: steps, gaps, and whole numbers below a
logarithm."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

_ENOUGH = 0.95
_FEWEST_CELLS = 30
_SMALL = slice(6, 60)
_LOOKED_AT = 4000
_MOST_DECIMALS = 9
UNDONE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "2^x - 1": lambda values: np.exp2(values) - 1,
    "exp(x) - 1": np.expm1,
    "10^x - 1": lambda values: 10.0**values - 1,
}


def decimals(rows: Sequence[np.ndarray]) -> int:
    """Return the number of decimals that values were rounded to, `_MOST_DECIMALS` where they were
    not."""
    values = np.concatenate([row[:_LOOKED_AT] for row in rows]) if rows else np.zeros(0)
    for number in range(_MOST_DECIMALS):
        scaled = values * 10.0**number
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-6 * np.maximum(1, np.abs(scaled) * 1e-6)):
            return number
    return _MOST_DECIMALS


def one_step(rows: Sequence[np.ndarray]) -> bool:
    """Return whether the values of each column are whole multiples of a step of its own, within
    their rounding: counts that were divided by a factor per sample.

    Parameters
    ----------
    rows
        Values of each observation that are not 0.
    """
    rounding = 0.5 * 10.0 ** -decimals(rows)
    shares = [_on_steps(np.sort(row), rounding) for row in rows if len(row) >= 5]
    return bool(shares) and float(np.median(shares)) > _ENOUGH


def _on_steps(row: np.ndarray, rounding: float) -> float:
    """Return the largest share of a column's small values that are multiples of one step, trying
    the smallest value as one, two or three steps."""
    best = 0.0
    for fewest in (1, 2, 3):
        step = row[0] / fewest
        if step <= 4 * rounding:
            continue
        for reach in (4, 12, 40, 120):  # larger multiples tell the step more exactly
            near = row[row < reach * step]
            counts = np.rint(near / step)
            step = float(near @ counts / max(counts @ counts, 1e-300))
        small = row[row < 200 * step]
        off = np.abs(small - np.rint(small / step) * step)
        best = max(best, float(np.mean(off <= rounding * 1.1 + 1e-4 * step + 1e-7 * small)))
    return best


def gaps(rows: Sequence[np.ndarray]) -> bool | None:
    """Return whether whole numbers show the comb of rounded normalised counts: some small numbers
    never occur, or occur twice as often as their neighbours; None where too few values tell.

    Counts divided by 0.77 and rounded hold 1, 3, 4, 5 and no 2; raw counts hold every small number.
    """
    told, combed = 0, 0
    for row in rows:
        small = row[row < _SMALL.stop].astype(np.int64)
        often = np.bincount(small, minlength=_SMALL.stop).astype(float)
        here = often[_SMALL.start : _SMALL.stop - 1]
        # What two neighbours on each side lead to expect of a smooth curve.
        around = np.stack(
            [often[_SMALL.start + shift : _SMALL.stop - 1 + shift] for shift in (-2, -1)]
            + [np.append(often[_SMALL.start + 1 :], 0)[: len(here)]]
        )
        expected = around.mean(axis=0)
        telling = expected >= 8
        if telling.sum() < _FEWEST_CELLS / 2:
            continue
        told += 1
        apart = np.abs(here - expected)
        odd = (apart > 0.4 * expected) & (apart**2 > 7 * expected)
        combed += float(np.mean(odd[telling])) > 0.12
    if told < max(2, 0.3 * len(rows)):
        return None
    return combed >= 0.25 * told


def logarithm(rows: Sequence[np.ndarray]) -> tuple[str, str]:
    """Find the logarithm that was taken of one more than counts.

    Returns
    -------
    undone
        One of `UNDONE`; "" where undoing none gives whole numbers or multiples of a step.
    held
        "counts", or "normalised" where a factor per sample had been divided out.
    """
    rounding = 0.5 * 10.0 ** -decimals(rows)
    for name, undo in UNDONE.items():
        shares = []
        for row in rows:
            plain = undo(row)
            error = np.abs(undo(row + rounding) - plain)
            sure = (error < 0.1) & (plain < 5000)
            if sure.sum() >= 10:
                off = np.abs(plain[sure] - np.rint(plain[sure]))
                shares.append(float(np.mean(off <= error[sure] + 1e-3)))
        if shares and float(np.median(shares)) > _ENOUGH:
            return name, "counts"
    for name, undo in UNDONE.items():
        if one_step([np.sort(undo(row)) for row in rows]):
            return name, "normalised"
    return "", ""


def length_scaled(rows: Sequence[np.ndarray], columns: Sequence[np.ndarray]) -> bool:
    """Return whether values are counts divided by something of each gene, such as its length: the
    ratio of two samples then takes the same few values for many genes.

    Parameters
    ----------
    rows, columns
        Values that are not 0 of some observations, and the genes they are of.
    """
    pairs = list(zip(rows, columns, strict=True))
    for (one, ours), (other, theirs) in pairwise(pairs[:5]):
        _, left, right = np.intersect1d(ours, theirs, return_indices=True)
        if len(left) < 50:
            continue
        logs = np.sort(np.log(one[left] / other[right]))
        same = np.diff(logs) < 1e-5
        if float(np.mean(same)) > 0.1:
            return True
    return False
