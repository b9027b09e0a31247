"""The genes of every row in the order of their scores, ties by gene: packed into integers, of which
only those near the top are sorted.

No two keys of a row are equal, so no ties are left to chance, and sorting integers is several times
faster than sorting positions by floats.
"""

import numpy as np

# Rows at a time: their keys stay in the processor's cache.
ROWS = 64
# Larger than every key: fills rows that hold fewer than others.
NONE = np.uint64(2**64 - 1)
_UPPER = np.uint64(32)


def keys(scores: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Pack scores and genes so that keys ascend as scores descend, equal scores as genes ascend.

    Parameters
    ----------
    scores
        float32, no NaN; any shape.
    genes
        Numbers below 2³¹, shape of `scores`.

    Returns
    -------
    uint64, shape of `scores`.
    """
    bits = (scores + np.float32(0)).view(np.uint32)  # adding 0 turns -0.0 into 0.0
    # The bits of float32 ascend for positive numbers and descend for negative ones.
    falling = (bits.view(np.int32) >> np.int32(31)).view(np.uint32)
    falling &= np.uint32(0x7FFFFFFF)
    falling ^= bits
    falling ^= np.uint32(0x7FFFFFFF)
    return _packed(falling, genes.astype(np.uint32) << np.uint32(1))


def keys_by_size(scores: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Pack scores and genes so that keys ascend as the scores' sizes descend, whatever their signs;
    see `keys`."""
    bits = scores.view(np.uint32)
    return _packed(
        ~bits & np.uint32(0x7FFFFFFF),
        (genes.astype(np.uint32) << np.uint32(1)) | (bits >> np.uint32(31)),
    )


def genes_of(packed: np.ndarray) -> np.ndarray:
    """Return the genes of keys, int64; `NONE` has no gene and gives a number without meaning."""
    return (packed.astype(np.uint32) >> np.uint32(1)).astype(np.int64)


def scores_of(packed: np.ndarray) -> np.ndarray:
    """Return the scores of keys by size, float32, bit for bit."""
    size = ~(packed >> _UPPER).astype(np.uint32) & np.uint32(0x7FFFFFFF)
    return (size | packed.astype(np.uint32) << np.uint32(31)).view(np.float32)


def _packed(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    packed = upper.astype(np.uint64)
    packed <<= _UPPER
    packed |= lower
    return packed


def rectangle(packed: np.ndarray, held: np.ndarray, beside: int = 0) -> np.ndarray:
    """Lay rows of different lengths side by side.

    Parameters
    ----------
    packed
        Keys, row after row.
    held
        Keys of each row, shape (rows,).
    beside
        Columns to leave free at the right.

    Returns
    -------
    uint64, shape (rows, longest row + beside), `NONE` where there is no key.
    """
    widest = int(held.max(initial=0))
    if beside == 0 and len(packed) == widest * len(held):
        return packed.reshape(len(held), widest)
    laid = np.full((len(held), widest + beside), NONE)
    laid[:, :widest][np.arange(widest) < held[:, None]] = packed
    return laid


def smallest(laid: np.ndarray, wanted: int) -> np.ndarray:
    """Return the `wanted` smallest keys of each row, ascending; shape (rows, min(wanted,
    width))."""
    if not 0 < wanted < laid.shape[1]:
        return np.sort(laid[:, :wanted], axis=1)
    # The upper 16 bits say fast which keys can be among them; few more than are wanted share those
    # of the last one.
    coarse = (laid >> np.uint64(48)).astype(np.uint16)
    last = np.partition(coarse, wanted - 1, axis=1)[:, wanted - 1]
    survive = coarse <= last[:, None]
    chosen = rectangle(laid.ravel()[np.flatnonzero(survive)], np.count_nonzero(survive, axis=1))
    chosen.sort(axis=1)
    return chosen[:, :wanted]
