"""Units of a comparison: counts summed over what is not independent, because the donor is the unit
of inference, not the cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from epigpt.samples.donors import singular


@dataclass(frozen=True)
class Units:
    """What differential expression compares.

    Attributes
    ----------
    counts
        int64, units × genes.
    table
        One row per unit: label, group, observations (number summed), then the covariates.
    kind
        "sample" where every unit is one observation; where counts were summed what a group is
        called, such as "donor" or "litter".
    donors
        What groups are called, in the plural.
    """

    counts: np.ndarray
    table: pd.DataFrame
    kind: str
    donors: str


def summed(expression: AnnData, labels: pd.Series, covariates: Sequence[str] = ()) -> Units:
    """Sum raw counts over the observations of each donor and class (and covariate value, where
    covariates are named).

    Parameters
    ----------
    expression
        `layers["counts"]` holds raw counts; obs has `group`, the covariates and, of samples of
        cells, `observations`; `uns["donors"]` says what groups are called.
    labels
        Class of every observation, in the order of `expression.obs`.
    covariates
        Columns of obs that split a donor's counts further.

    Returns
    -------
    Units
        Sorted by group, class and covariates, so that the order of the file does not matter.
    """
    keys = pd.DataFrame(
        {
            "group": expression.obs["group"].astype(str).to_numpy(),
            "label": labels.to_numpy(dtype=str),
        }
    )
    for name in covariates:
        keys[name] = expression.obs[name].astype(str).to_numpy()
    by = list(keys.columns)
    number = keys.groupby(by, sort=True).ngroup().to_numpy()
    n_units = int(number.max()) + 1
    adder = sp.csr_matrix(
        (np.ones(len(number), dtype=np.int64), (number, np.arange(len(number)))),
        shape=(n_units, len(number)),
    )
    counts = adder @ sp.csr_matrix(expression.layers["counts"]).astype(np.int64)
    # Rows that are samples of cells already stand for as many observations as they say.
    of_cells = "observations" in expression.obs
    size = expression.obs["observations"].to_numpy() if of_cells else 1
    table = keys.assign(observations=size).groupby(by, sort=True)["observations"].sum()
    table = table.reset_index()
    table.index = pd.Index([f"unit{position}" for position in range(n_units)])
    alone = n_units == len(number) and not of_cells
    donors = _donors(expression)
    return Units(counts.toarray(), table, "sample" if alone else singular(donors), donors)


def single(expression: AnnData, labels: pd.Series, covariates: Sequence[str] = ()) -> Units:
    """Take every observation as a unit of its own, sorted by id; right only where each is a donor,
    descriptive elsewhere."""
    order = np.argsort(expression.obs_names.to_numpy(dtype=str), kind="stable")
    described = expression.obs.iloc[order]
    table = pd.DataFrame(
        {
            "group": described["group"].astype(str).to_numpy(),
            "label": labels.to_numpy(dtype=str)[order],
            "observations": 1,
        }
    )
    for name in covariates:
        table[name] = described[name].astype(str).to_numpy()
    table.index = pd.Index([f"unit{position}" for position in range(len(table))])
    return Units(
        sp.csr_matrix(expression.layers["counts"])[order].toarray().astype(np.int64),
        table,
        "sample",
        _donors(expression),
    )


def _donors(expression: AnnData) -> str:
    return str(expression.uns.get("donors", "donors"))
