"""The design of a comparison: class, donor as blocking factor, covariates; each term that the units
cannot carry is left out and named."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from anndata import AnnData

from epigpt.errors import InputError, nearest_name
from epigpt.samples.label_sources import output_name

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


def characteristic(name: str, expression: AnnData, column: str) -> str:
    """Return the column of obs that a cell of the table means; an `InputError` if there is none."""
    known = [
        str(column)
        for column in expression.obs.columns
        if column not in ("sample", "label", "group")
    ]
    # A characteristic called label, say, or genotype/variation is stored under another name.
    for stored in known:
        if stored.casefold() in (name.casefold(), output_name(name).casefold()):
            return stored
    near = nearest_name(name, known)
    raise InputError(
        found=f"{column} = '{name}'",
        where=f"table of data sets, row '{expression.uns.get('dataset', '')}', column '{column}'",
        why="no characteristic of the samples has this name",
        remedy=f"one of: {', '.join(known) or 'none at hand, empty the cell'}"
        + (f"; did you mean '{near}'?" if near else ""),
    )


def is_paired(table: pd.DataFrame, classes: Sequence[str]) -> bool:
    """Return whether every donor holds every class, so that each can be compared with itself."""
    classes_of_group = table.groupby("group")["label"].agg(set)
    return len(classes_of_group) > 1 and bool((classes_of_group.map(len) == len(classes)).all())


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


def is_missing(value: object) -> bool:
    """Return whether a characteristic's text says that there is no value."""
    return str(value).strip().lower() in _MISSING


def as_numbers(values: pd.Series) -> pd.Series:
    """Return a characteristic as numbers where it holds more than two of them, else as texts."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all() and np.isfinite(numbers).all() and numbers.nunique() > 2:
        return numbers.astype(float)
    return values.astype(str).str.strip()


def with_blocks(matrix: pd.DataFrame, group: pd.Series) -> pd.DataFrame | None:
    """Return the matrix with a column for each donor that it can tell apart; None where every donor
    is one unit, or the units cannot carry the blocks."""
    if group.nunique() == len(group):
        return None
    wider = matrix
    for name, column in _categories(group, "group").items():
        tried = wider.assign(**{str(name): column})
        if np.linalg.matrix_rank(tried.to_numpy()) == tried.shape[1]:
            wider = tried
    return wider if wider.shape[1] > matrix.shape[1] and len(wider) > wider.shape[1] else None


def is_within(
    weights: np.ndarray, matrix: pd.DataFrame, group: pd.Series, blocked: pd.DataFrame | None
) -> bool:
    """Return whether a contrast is answered within donors: whatever the donors' own levels are, it
    is the same."""
    if blocked is None:
        return False
    donors = pd.get_dummies(group).to_numpy(dtype=float)
    everything = np.hstack([matrix.to_numpy(), donors])
    asked = np.r_[weights, np.zeros(donors.shape[1])]
    rank = np.linalg.matrix_rank(everything)
    return bool(np.linalg.matrix_rank(np.vstack([everything, asked])) == rank)


def _columns(values: pd.Series, name: str) -> pd.DataFrame:
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all() and np.isfinite(numbers).all() and numbers.nunique() > 2:
        return pd.DataFrame({name: (numbers - numbers.mean()) / numbers.std(ddof=0)})
    # A missing value is a level of its own: guessing it would be worse, dropping the unit would
    # change the comparison.
    return _categories(
        values.astype(str).str.strip().map(lambda text: "missing" if is_missing(text) else text),
        name,
    )


def _categories(values: pd.Series, name: str) -> pd.DataFrame:
    levels = sorted(set(values))
    return pd.DataFrame(
        {f"{name}[{level}]": (values == level).to_numpy(dtype=float) for level in levels[1:]},
        index=values.index,
    )


def _add(design: Design, name: str, columns: pd.DataFrame) -> None:
    term = "the blocking by group" if name == "group" else f"covariate '{name}'"
    if not len(columns.columns):
        design.notes.append(f"{term} left out: it has one value only")
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
    design.notes.append(f"{term} left out: {why}")
