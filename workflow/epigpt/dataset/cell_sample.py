"""Which cells train, test and explain the models: as many of each donor and class.

The donor is the unit of inference, and more cells of it soon say the same again; time would grow
with every one. Drawn by seed and names alone, the sample never looks at an expression value.
"""

from typing import Literal

import numpy as np
import pandas as pd

# Column of obs in expression.h5ad that marks them.
COLUMN = "modelled"
# What `auto` means: so many cells of all donors together, and the fewest and most of one.
_TOGETHER, _FEWEST, _MOST = 2_000, 50, 500


def each(asked: int | Literal["auto"], units: int) -> int:
    """Return how many cells of each donor and class the key `cells_per_donor` means where there are
    so many of these."""
    return max(_FEWEST, min(_MOST, _TOGETHER // max(1, units))) if asked == "auto" else asked


def draw(obs: pd.DataFrame, asked: int | Literal["auto"], seed: int) -> np.ndarray:
    """Draw cells of each donor and class, alike many of each of its samples.

    Parameters
    ----------
    obs
        Columns sample, group, label; index: names of the cells.
    asked
        The key `cells_per_donor`.

    Returns
    -------
    bool, shape (cells,): the same whatever the order of the rows.
    """
    keys = obs[["group", "label", "sample"]].astype(str)
    units = keys[["group", "label"]].drop_duplicates()
    samples = keys.drop_duplicates().groupby(["group", "label"]).size()
    number = each(asked, len(units))
    names = obs.index.to_numpy(dtype=str)
    drawn = np.zeros(len(obs), dtype=bool)
    for position, (unit, rows) in enumerate(
        sorted(keys.groupby(["group", "label", "sample"]).indices.items())
    ):
        ordered = rows[np.argsort(names[rows], kind="stable")]
        most = max(1, number // int(samples[unit[:2]]))
        random = np.random.default_rng([seed, position])
        drawn[random.permutation(ordered)[:most]] = True
    return drawn


def spread(sample: np.ndarray, most: int) -> np.ndarray:
    """Return positions of at most about `most` cells, the same number of each sample, spread evenly
    over the order in which they are given; ascending."""
    rows = pd.Series(sample).groupby(sample, sort=True).indices
    number = max(1, most // max(1, len(rows)))
    kept = [
        positions[
            np.linspace(0, len(positions) - 1, min(number, len(positions))).round().astype(int)
        ]
        for positions in rows.values()
    ]
    return np.sort(np.concatenate(kept))
