"""The one check that no donor is on both sides of a split."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from epigpt.errors import InputError

REMEDY = "delete folds.tsv and run again: it is drawn by the column 'group'"


def check(groups: ArrayLike, sides: ArrayLike, where: str) -> None:
    """Check that all rows of a group are on one side; every stage that splits samples calls this.

    Parameters
    ----------
    groups
        Donor, litter or other unit of inference of each row.
    sides
        Fold of each row, or `train` and `test`.
    where
        For the message: the file that says so.

    Raises
    ------
    InputError
        A group on several sides: no score of such a split would mean anything.
    """
    table = pd.DataFrame({"group": np.asarray(groups), "side": np.asarray(sides)}).drop_duplicates()
    crossing = table.loc[table["group"].duplicated(), "group"]
    if crossing.empty:
        return
    group = crossing.iloc[0]
    first, second, *_ = sorted(table.loc[table["group"] == group, "side"].astype(str))
    raise InputError(
        found=f"group '{group}' in {first} and {second}",
        where=where,
        why="a model that has seen a donor is not tested by that donor",
        remedy=REMEDY,
    )
