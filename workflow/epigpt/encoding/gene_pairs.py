"""Pairs of genes whose order within a sample tells the classes apart.

Geman et al. (Stat Appl Genet Mol Biol 2004; 3: 19) and Tan et al. (Bioinformatics 2005; 21: 3896).
"""

from functools import lru_cache

import numpy as np
from scipy.stats import rankdata

# Strengths up to here are counted, which takes a number of eight bytes for each.
_COUNTED = 1_000_000


def top_pairs(expression: np.ndarray, labels: np.ndarray, number: int) -> np.ndarray:
    """Choose pairs of genes whose order tells the classes apart.

    The score of a pair is how much more often its first gene lies above its second in a class than
    in the others; a tie counts half on either side. Of pairs with the same score the one whose mean
    difference changes most comes first. With several classes each gets its share of the pairs. No
    gene is in two pairs of a class.

    Parameters
    ----------
    expression
        Of samples, or means of donors and classes; shape (rows, genes).
    labels
        Class of each row.

    Returns
    -------
    int64, shape (at most `number`, 2): columns, the first higher in the class that the pair is for
    (of two classes the second).
    """
    names = np.unique(labels)
    wanted = names[1:] if len(names) == 2 else names
    genes = expression.shape[1]
    if genes < 2 or len(names) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    one, other = _upper(genes)
    found: list[tuple[int, int]] = []
    # Ranks compare faster than expression, and in the same way.
    ranks = rankdata(expression, method="dense", axis=1).astype(np.int32)
    share = max(1, number // len(wanted))
    for name in wanted:
        own = labels == name
        # Times both sizes the shares are whole numbers: equal shares of unequal classes are equal.
        above = _order(ranks[own])[one, other].astype(np.int64) * int((~own).sum())
        above -= _order(ranks[~own])[one, other].astype(np.int64) * int(own.sum())
        shift = expression[own].mean(axis=0) - expression[~own].mean(axis=0)
        strength = np.abs(above)
        kept = _strongest(strength, 2 * share * genes)
        change = shift[one[kept]] - shift[other[kept]]
        order = np.lexsort((-np.abs(change), -strength[kept]))
        raised = (above[kept] > 0) | ((above[kept] == 0) & (change > 0))
        first = np.where(raised, one[kept], other[kept])
        second = np.where(raised, other[kept], one[kept])
        found += _disjoint(first[order], second[order], share)
    return np.array(found[:number], dtype=np.int64).reshape(-1, 2)


def _order(ranks: np.ndarray) -> np.ndarray:
    """In how many rows a first gene lies above a second, less those where it lies below; shape
    (genes, genes)."""
    # A count takes as few bytes as the rows allow: this is limited by memory.
    above = np.zeros((ranks.shape[1], ranks.shape[1]), dtype=np.min_scalar_type(-len(ranks) - 1))
    for row in ranks:
        above += row[:, None] > row[None, :]
    return above - above.T


@lru_cache(maxsize=4)
def _upper(genes: int) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of genes once."""
    return np.triu_indices(genes, 1)


def _strongest(strength: np.ndarray, number: int) -> np.ndarray:
    """Positions of the `number` largest, ascending, and of what equals the last of them: a pair
    rules out no more than all pairs of its two genes, so that others are never reached."""
    if len(strength) <= number:
        return np.arange(len(strength))
    largest = int(strength.max())
    if largest <= _COUNTED:
        # Ten times as fast as a partition, which many equal numbers hold up.
        at_least = np.bincount(strength, minlength=largest + 1)[::-1].cumsum()
        last = largest - int(np.searchsorted(at_least, number))
    else:
        last = int(np.partition(strength, -number)[-number])
    return np.flatnonzero(strength >= last)


def _disjoint(first: np.ndarray, second: np.ndarray, number: int) -> list[tuple[int, int]]:
    """Take the first `number` pairs that share no gene with an earlier one."""
    used: set[int] = set()
    found: list[tuple[int, int]] = []
    for i, j in zip(first.tolist(), second.tolist(), strict=True):
        if i in used or j in used:
            continue
        used |= {i, j}
        found.append((i, j))
        if len(found) == number:
            break
    return found
