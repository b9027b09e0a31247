"""The largest scores of every row in order, ties by position: partitioned first, so that only what is kept gets sorted."""

import numpy as np

# Rows at a time: their scores stay in the processor's cache, and row, score and position fit into one 64-bit key.
ROWS = 64


def largest(scores: np.ndarray, wanted: int) -> np.ndarray:
    """Give the positions of the `wanted` largest scores of each row, descending, equal scores by ascending position.

    Parameters
    ----------
    scores
        float32, shape (rows, width), no NaN, width below 2²⁶.

    Returns
    -------
    int64, shape (rows, min(wanted, width)).
    """
    kept = min(wanted, scores.shape[1])
    chosen = np.empty((len(scores), kept), dtype=np.int64)
    for start in range(0, len(scores), ROWS) if kept else ():
        part = scores[start : start + ROWS]
        chosen[start : start + ROWS] = _largest(part, kept)
    return chosen


def _largest(scores: np.ndarray, kept: int) -> np.ndarray:
    rows, width = scores.shape
    if kept < width:
        least = np.partition(scores, width - kept, axis=1)[:, width - kept]
        survivors = np.flatnonzero(scores >= least[:, None])
    else:
        survivors = np.arange(rows * width)
    row, position = np.divmod(survivors, width)
    bits = np.uint64(max(width - 1, 1).bit_length())
    key = row.astype(np.uint64) << (np.uint64(32) + bits)
    key |= descending(scores.ravel()[survivors]).astype(np.uint64) << bits
    key |= position.astype(np.uint64)
    key.sort()
    ordered = (key & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    held = np.bincount(row, minlength=rows)  # more than are kept where several scores equal the least one
    starts = np.cumsum(held) - held
    return ordered[starts[:, None] + np.arange(kept)]


def descending(numbers: np.ndarray) -> np.ndarray:
    """Map float32 to uint32 in reversed order: sorting integers is several times faster, and ties can be packed below them."""
    bits = (numbers + np.float32(0)).view(np.int32)  # adding 0 turns -0.0 into 0.0
    rising = bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))
    return ~(rising.view(np.uint32) ^ np.uint32(0x80000000))
