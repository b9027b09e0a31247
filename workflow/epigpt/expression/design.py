"""The design of a comparison: class, donor as blocking factor, covariates; each term that the units
cannot carry is left out and named."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

_MISSING = {"", "na", "nan", "none", "n/a", "--", "unknown", "not available"}


@dataclass
class Design:
    """A design matrix of full rank.

    Attributes
    ----------
    matrix
        Units × columns: intercept, a column for every class but the first, then donors and
        covariates.
    terms
        Names of what the model holds, in words.
    notes
        What was left out and why.
    """

    matrix: pd.DataFrame
    terms: list[str]
    notes: list[str] = field(default_factory=list)


def is_paired(table: pd.DataFrame, classes: Sequence[str]) -> bool:
    """Whether every donor holds every class, so that each can be compared with itself."""
    held = table.groupby("group")["label"].agg(set)
    return len(held) > 1 and bool((held.map(len) == len(classes)).all())


def build(table: pd.DataFrame, classes: Sequence[str], covariates: Sequence[str]) -> Design:
    """Build the largest design that the units carry.

    The class always stays. The donor is added as a blocking factor where every donor holds every
    class. Then covariates are added in the order of the row. A term is left out where its columns
    follow from those before it, or where no degree of freedom would be left to estimate a
    dispersion.

    Parameters
    ----------
    table
        One row per unit: label, group, covariates.
    classes
        In their order; the first is the reference.
    covariates
        Columns of `table`. Numbers with more than two values enter standardised, all else as
        categories.
    """
    base = {"intercept": np.ones(len(table))}
    base |= {
        f"label[{name}]": (table["label"] == name).to_numpy(dtype=float) for name in classes[1:]
    }
    design = Design(pd.DataFrame(base, index=table.index), ["label"])
    if is_paired(table, classes):
        _add(design, "group", _categories(table["group"], "group"))
    for name in covariates:
        _add(design, name, _columns(table[name], name))
    return design


def _columns(values: pd.Series, name: str) -> pd.DataFrame:
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all() and np.isfinite(numbers).all() and numbers.nunique() > 2:
        return pd.DataFrame({name: (numbers - numbers.mean()) / numbers.std(ddof=0)})
    # A missing value is a level of its own: guessing it would be worse, dropping the unit would
    # change the comparison.
    return _categories(
        values.astype(str)
        .str.strip()
        .map(lambda text: "missing" if text.lower() in _MISSING else text),
        name,
    )


def _categories(values: pd.Series, name: str) -> pd.DataFrame:
    levels = sorted(set(values))
    return pd.DataFrame(
        {f"{name}[{level}]": (values == level).to_numpy(dtype=float) for level in levels[1:]},
        index=values.index,
    )


def _add(design: Design, name: str, columns: pd.DataFrame) -> None:
    shown = "the blocking by group" if name == "group" else f"covariate '{name}'"
    if not len(columns.columns):
        design.notes.append(f"{shown} left out: it has one value only")
        return
    wider = pd.concat([design.matrix, columns], axis=1)
    if np.linalg.matrix_rank(wider.to_numpy()) < wider.shape[1]:
        why = "the class, or what was added before, already determines it or a part of it"
    elif len(wider) - wider.shape[1] < 1:
        why = f"{len(wider)} units cannot carry {wider.shape[1]} coefficients"
    else:
        design.matrix = wider
        design.terms.append(name)
        return
    design.notes.append(f"{shown} left out: {why}")
