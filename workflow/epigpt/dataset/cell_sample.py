"""What of single cells trains, tests and explains the models: the sums of samples that were
sequenced deeply, else as many cells of each donor and class.

The donor is the unit of inference. Where the cells of a sample hold millions of counts together,
their sum says what some hundred of them cannot (workflow/RECIPE.md). Of shallower samples the mean
over cells says more than their sum; more cells soon say the same again, and time would grow with
every one. Drawn by seed and names alone, the cells' expression is never looked at.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

# Column of obs in expression.h5ad that marks them.
COLUMN = "modelled"
# Entry of uns in expression.h5ad: which of the two it is.
OBSERVED, SUMS, CELLS = "modelled", "sums", "cells"
# From this many counts and cells in every sample on, `auto` means sums.
DEEP_COUNTS, DEEP_CELLS = 5_000_000, 10
# What `auto` means otherwise: cells of all donors together, and the fewest and most of one.
_TOGETHER, _FEWEST, _MOST = 2_000, 50, 500


def each(asked: int | Literal["auto"], units: int) -> int:
    """Return how many cells of each donor and class the key `cells_per_donor` means where there are
    this many of these."""
    return max(_FEWEST, min(_MOST, _TOGETHER // max(1, units))) if asked == "auto" else asked


def observed(obs: pd.DataFrame, counts: np.ndarray, asked: int | Literal["auto"]) -> str:
    """Return what models see of the cells: `SUMS` or `CELLS`.

    Parameters
    ----------
    obs
        Column sample, a row for each cell.
    counts
        Total counts of each cell.
    asked
        The key `cells_per_donor`: a number asks for cells.
    """
    by_sample = pd.Series(counts).groupby(obs["sample"].to_numpy(dtype=str))
    deep = by_sample.sum().min() >= DEEP_COUNTS and by_sample.size().min() >= DEEP_CELLS
    return SUMS if asked == "auto" and deep else CELLS


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


def in_words(obs: pd.DataFrame, uns: Mapping[str, Any]) -> str:
    """Return what the models see of the cells of an expression.h5ad; empty of bulk samples."""
    if COLUMN not in obs:
        return ""
    drawn, cells = int(obs[COLUMN].astype(bool).sum()), len(obs)
    if uns.get(OBSERVED) == SUMS:
        samples = obs["sample"].nunique()
        return f"models see the sums of {cells:,} cells over their {samples:,} samples"
    return f"{drawn:,} of {cells:,} cells stand for their donors in the models"


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
