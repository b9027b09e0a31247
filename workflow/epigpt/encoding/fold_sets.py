"""Which observations of a fit are held out, and that no group is on both sides."""

import numpy as np
import pandas as pd

from epigpt.dataset import donors_apart
from epigpt.errors import InputError


def in_test_set(folds: pd.DataFrame, fit: str, samples: pd.Series) -> np.ndarray:
    """Return which rows of `samples` are held out in `fit`.

    Parameters
    ----------
    folds
        sample, group, repeat, fold: the fold in which a sample is tested.
    fit
        "repeat0/fold2", or "final", where nothing is held out.

    Raises
    ------
    InputError
        A fit that the table does not have, or a sample that it does not mention.
    """
    if fit == "final":
        return np.zeros(len(samples), dtype=bool)
    repeat, fold = (int("".join(filter(str.isdigit, part)) or -1) for part in fit.split("/"))
    chosen = folds[folds["repeat"].astype(int) == repeat]
    missing = sorted(set(samples) - set(chosen["sample"]))
    if missing:
        raise InputError(
            f"sample {missing[0]!r} without a fold",
            f"folds.tsv, {fit}",
            "train and test would be unknown",
            "rerun the rule folds",
        )
    held_out = set(chosen.loc[chosen["fold"].astype(int) == fold, "sample"])
    if not held_out:
        raise InputError(
            f"no held-out samples for {fit}",
            "folds.tsv",
            "the fold does not exist",
            "use a repeat and fold of the table",
        )
    return samples.isin(held_out).to_numpy()


def assert_no_group_crosses(index: pd.DataFrame) -> None:
    """Check that no group has rows of both sets; every reader and writer of a token store does.

    Raises
    ------
    InputError
        A group that crosses: its own samples would test what was trained on it.
    """
    if "group" not in index:
        return
    donors_apart.check(index["group"], index["set"], "index.tsv of the tokens")
