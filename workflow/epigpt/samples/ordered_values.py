"""Characteristics whose values have an order (dates, run numbers, ages, RNA quality), and how well
a threshold on them separates the classes."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_DATE = re.compile(r"\b(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{8})\b")
_FEWEST_VALUES = 3


@dataclass(frozen=True)
class Separation:
    """How well an order separates two classes of groups.

    Attributes
    ----------
    groups
        Groups with a value and one class.
    off
        Groups on the wrong side of the best threshold.
    by_chance
        Share of random labellings of the groups that are separated as well.
    """

    groups: int
    off: int
    by_chance: float


def parsed(values: pd.Series) -> pd.Series | None:
    """Return the values as numbers, days for dates; None where they have no order.

    A value is a date, or a text with one number in it ("RIN 8.2", "P21", "day 4"); the words around
    the number must be the same in all values. Empty texts become NaN.
    """
    texts = values.fillna("").astype(str).str.strip()
    filled = texts[texts != ""]
    if filled.nunique() < _FEWEST_VALUES:
        return None
    dates = filled.map(lambda text: _DATE.fullmatch(text) is not None)
    if dates.all():
        read = pd.to_datetime(filled, errors="coerce", format="mixed")
        if read.notna().all():
            days = (read - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
            return days.reindex(values.index)
    numbers = filled.map(_NUMBER.findall)
    words = filled.map(lambda text: _NUMBER.sub("#", text).lower())
    if not (numbers.map(len) == 1).all() or words.nunique() > 1:
        return None
    return numbers.map(lambda one: float(one[0].replace(",", "."))).reindex(values.index)


def separation(
    values: pd.Series, label: pd.Series, group: pd.Series, draws: int = 2000
) -> Separation | None:
    """Return how well a threshold on the values separates two classes; None where groups hold both
    classes or fewer than three have a value.

    Parameters
    ----------
    values
        Numbers, NaN where missing; the mean of a group's samples counts.
    label, group
        Of each sample.
    draws
        Random labellings.
    """
    table = pd.DataFrame({"value": values, "label": label, "group": group}).dropna()
    if table.groupby("group")["label"].nunique().max() != 1 or table["label"].nunique() != 2:
        return None
    each = table.groupby("group", sort=True).agg({"value": "mean", "label": "first"})
    if len(each) < _FEWEST_VALUES or each["value"].nunique() < 2:
        return None
    case = (each["label"] == each["label"].max()).to_numpy()
    order = np.argsort(each["value"].to_numpy(), kind="stable")
    ranked = each["value"].to_numpy()[order]
    cuts = np.flatnonzero(np.diff(ranked) > 0) + 1
    random = np.random.default_rng(0)
    drawn = np.array([case[order], *(random.permutation(case) for _ in range(draws))])
    off = _fewest_off(drawn, cuts)
    return Separation(len(each), int(off[0]), float((off[1:] <= off[0]).mean()))


def _fewest_off(case: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return the fewest groups on the wrong side of any of the cuts, (labellings,)."""
    below = np.concatenate([np.zeros((len(case), 1)), np.cumsum(case, axis=1)], axis=1)
    total = below[:, -1:]
    cases_below = below[:, cuts]
    controls_below = cuts[None, :] - cases_below
    wrong = cases_below + (case.shape[1] - total - controls_below)  # controls above, cases below
    other = case.shape[1] - wrong
    return np.minimum(wrong, other).min(axis=1)
