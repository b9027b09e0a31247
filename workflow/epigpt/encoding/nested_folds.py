"""Divide training rows again, so that a penalty is chosen on groups that no fit saw."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

MOST = 3


def nested_splits(
    label: np.ndarray, group: np.ndarray, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Divide rows by group, stratified by label, into at most `MOST` parts; empty where a class has
    one group only.

    Parts whose training side lacks a class are left out: nothing can be fitted there.

    Returns
    -------
    Positions of the training and of the held-out rows, for each part.
    """
    names = np.unique(label)
    folds = min(MOST, *(len(set(group[label == name].tolist())) for name in names))
    if folds < 2:
        return []
    divided = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(
        label, label, group
    )
    return [
        (train, test)
        for train, test in divided
        if len(test) and len(np.unique(label[train])) == len(names)
    ]
