"""One draw of folds: whole groups, every class in every fold, classes and sizes even."""

import numpy as np
import pandas as pd

# Draws of the donors that must carry each class; two classes succeed at the first.
_DRAWS = 200


def held_classes(samples: pd.DataFrame) -> pd.DataFrame:
    """Count samples of each class (columns, sorted) in each group (rows, sorted)."""
    texts = samples[["sample", "group", "label"]].astype(str).drop_duplicates()
    return (
        texts.groupby(["group", "label"])
        .size()
        .unstack(fill_value=0)
        .sort_index(axis=0)
        .sort_index(axis=1)
    )


def draw(held: pd.DataFrame, k: int, random: np.random.Generator) -> np.ndarray | None:
    """Return the fold of each group, or None if no draw puts every class into every fold."""
    counts = held.to_numpy()
    for attempt in range(_DRAWS):
        order = random.permutation(len(counts))
        places = random.permutation(k)
        # Large groups first gives even folds but always the same choice: where that fails, any
        # choice will do.
        sizes = counts.sum(axis=1) if attempt < _DRAWS // 10 else np.ones(len(counts))
        fold_of = _cover(counts > 0, sizes, order, places)
        if fold_of is not None:
            return _fill(counts, fold_of, order, places)
    return None


def _cover(
    holds: np.ndarray, sizes: np.ndarray, order: np.ndarray, places: np.ndarray
) -> np.ndarray | None:
    """Put into every fold one group of every class: groups of several classes first, then large
    ones; -1 marks those left over."""
    fold_of = np.full(len(holds), -1)
    missing = np.ones((len(places), holds.shape[1]), dtype=bool)
    filled = np.zeros(len(places))
    # The class with the fewest groups has the least choice and chooses first.
    for wanted in np.argsort(holds.sum(axis=0), kind="stable"):
        while len(open_places := places[missing[places, wanted]]):
            place = open_places[filled[open_places].argmin()]
            free = order[(fold_of[order] < 0) & holds[order, wanted]]
            if not len(free):
                return None
            serves = (holds[free] & missing[place]).sum(axis=1)
            chosen = free[np.lexsort((-sizes[free], -serves))[0]]
            fold_of[chosen] = place
            filled[place] += sizes[chosen]
            missing[place] &= ~holds[chosen]
    return fold_of


def _fill(
    counts: np.ndarray, fold_of: np.ndarray, order: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Put the other groups where they even out the classes, then the sizes."""
    fold_of = fold_of.copy()
    weights = 1.0 / counts.sum(axis=0) ** 2
    totals = np.zeros((len(places), counts.shape[1]))
    for group in np.flatnonzero(fold_of >= 0):
        totals[fold_of[group]] += counts[group]
    left = order[fold_of[order] < 0]
    dominant = counts[left].argmax(axis=1)
    for group in left[np.lexsort((np.arange(len(left)), dominant, -counts[left].sum(axis=1)))]:
        # Growth of the sum of squared shares, which is least when the folds are alike.
        growth = (totals * counts[group] * weights).sum(axis=1)[places]
        best = np.lexsort(
            (np.arange(len(places)), totals.sum(axis=1)[places], np.round(growth, 12))
        )[0]
        fold_of[group] = places[best]
        totals[places[best]] += counts[group]
    return fold_of
