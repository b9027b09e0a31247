"""How a baseline's AUC grows with the number of groups it learns from."""

from itertools import islice
from math import ceil

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from epigpt.dataset.expression_data import ExpressionData, each_fold
from epigpt.encoding.unchecked_fits import unchecked
from epigpt.evaluation.baselines import fit, predict, subset
from epigpt.evaluation.metrics import held_out, scores

COLUMNS = ["model", "share", "n_groups", "repeat", "auc"]
SHARES = (0.25, 0.5, 0.75, 1.0)
_FEWEST = 2
# Further draws of the folds would move the curve by less than they cost.
MOST_DRAWS = 5


def curve(
    model: str, observations: ExpressionData, folds: pd.DataFrame, classes: list[str], seed: int
) -> pd.DataFrame:
    """Train on a growing share of each fold's training groups, test on the same held-out samples.

    Of the draws of the folds the first `MOST_DRAWS` are taken. Of every class the same share of
    groups is taken, at least two, in an order that the seed draws; a larger share holds the
    smaller.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, a row per share and repeat: n_groups is the mean number of training groups over
        the folds. Shares that come to the same groups are listed once. No rows where there are no
        folds.
    """
    rows = []
    with threadpool_limits(limits=1), unchecked():
        for repeat, drawn in islice(folds.groupby("repeat", sort=True), MOST_DRAWS):
            known: set[float] = set()
            for share in SHARES:
                parts, sizes = [], []
                for fold in each_fold(observations, drawn):
                    training = subset(observations, fold.train)
                    chosen = _share_of_groups(training, share, [seed, int(str(repeat)), fold.fold])
                    sizes.append(len(chosen))
                    fitted = fit(
                        model,
                        subset(training, np.flatnonzero(np.isin(training.group, chosen))),
                        seed,
                    )
                    parts.append(
                        predict(fitted, subset(observations, fold.test)).assign(
                            repeat=repeat, fold=fold.fold
                        )
                    )
                if (size := float(np.mean(sizes))) in known:
                    continue
                known.add(size)
                held = held_out(pd.concat(parts, ignore_index=True), classes)
                rows.append(
                    (model, share, size, repeat, float(scores(held, held.unit_weights())["auc"][0]))
                )
    return pd.DataFrame(rows, columns=COLUMNS)


def _share_of_groups(training: ExpressionData, share: float, seed: list[int]) -> list[str]:
    random = np.random.default_rng(seed)
    chosen: set[str] = set()
    for name in np.unique(training.label):
        groups = random.permutation(np.unique(training.group[training.label == name]))
        chosen |= {str(group) for group in groups[: max(_FEWEST, ceil(share * len(groups)))]}
    return sorted(chosen)
