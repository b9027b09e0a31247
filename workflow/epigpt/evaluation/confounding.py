"""Which other characteristics of the samples go with the label, and from which of them it
follows."""

import re
from collections.abc import Collection

import numpy as np
import pandas as pd

from epigpt.samples.association import cramers_v

COLUMNS = ["characteristic", "values", "groups", "association", "kind", "accepted"]
KINDS = (
    "states the label",
    "constant",
    "unique to each group",
    "label follows",
    "balanced or partly associated",
)
_RESERVED = ("sample", "label", "group")
_DRAWS = 2000
_RARE = 0.01
_WORD = re.compile(r"[^\W_]+")


def table(samples: pd.DataFrame, accepted: Collection[str] = ()) -> pd.DataFrame:
    """Hold every characteristic against the label.

    The label *follows from* a characteristic when each of its values occurs in one class only:
    whoever knows the value knows the label. The reverse is not asked, so that in a series of days
    0, 4 and 8 the time decides the infection, but not the infection the time. Four kinds say
    nothing: the label's own source or another wording of it, a constant, a characteristic whose
    every value belongs to one group (a name, an id), and one so finely divided that the label would
    follow from it by chance (more values than half the groups, and more than one in a hundred
    random labellings of the groups follow too: a weight, a quality score).

    Parameters
    ----------
    samples
        Columns sample, label, group, then the characteristics, as text; an empty text counts as a
        value of its own.
    accepted
        Characteristics from which the label may follow.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: values and groups are numbers of distinct ones, association is Cramér's V over
        samples (0 to 1), kind one of `KINDS`, accepted whether the user accepts it.
    """
    label = samples["label"].astype(str)
    group = samples["group"].astype(str)
    rows = []
    for name in samples.columns.drop(list(_RESERVED)):
        values = samples[name].fillna("").astype(str)
        told = (
            name,
            values.nunique(),
            group.nunique(),
            cramers_v(values, label),
            _kind(values, label, group),
            name in accepted,
        )
        rows.append(told)
    return pd.DataFrame(rows, columns=COLUMNS)


def confounders(judged: pd.DataFrame) -> list[str]:
    """List the characteristics from which the label follows and which were not accepted."""
    return judged.loc[
        (judged["kind"] == "label follows") & ~judged["accepted"].astype(bool), "characteristic"
    ].tolist()


def _kind(values: pd.Series, label: pd.Series, group: pd.Series) -> str:
    if _states_label(values, label):
        return "states the label"
    if values.nunique() < 2:
        return "constant"
    if group.groupby(values).nunique().max() == 1:
        return "unique to each group"
    if label.groupby(values).nunique().max() > 1:
        return "balanced or partly associated"
    if values.nunique() > group.nunique() / 2 and _by_chance(values, label, group) > _RARE:
        return "unique to each group"
    return "label follows"


def _states_label(values: pd.Series, label: pd.Series) -> bool:
    """Tell the characteristic that the label was read from, and others that state it in each of
    their values.

    The first holds the same texts, or one of those that the label joins or excludes; the second
    hold the name of their class, and of no other, among their words ('conflict.trained' for
    'trained'). Names of fewer than two letters could be anything and are not looked for.
    """
    words = {
        name: f" {' '.join(_WORD.findall(name.lower()))} "
        for name in sorted(set(label) | set(values))
    }
    names = sorted(set(label))
    if all(sum(map(str.isalpha, name)) >= 2 for name in names) and all(
        [other for other in names if words[other] in words[value]] == [name]
        for value, name in zip(values, label, strict=True)
    ):
        return True
    return all(
        value == name
        or value in name.split("|")
        or (name.startswith("not ") and value not in name.removeprefix("not ").split("|"))
        for value, name in zip(values, label, strict=True)
    )


def _by_chance(values: pd.Series, label: pd.Series, group: pd.Series) -> float:
    """Share of random labellings of the groups that follow from the values too."""
    pairs = pd.DataFrame({"group": group, "value": values}).drop_duplicates()
    groups, of_pair = np.unique(pairs["group"].to_numpy(dtype=str), return_inverse=True)
    levels, level = np.unique(pairs["value"].to_numpy(dtype=str), return_inverse=True)
    first = label.groupby(group).first().reindex(groups)
    codes = pd.factorize(first)[0]
    random = np.random.default_rng(0)
    follows = 0
    for _ in range(_DRAWS):
        drawn = random.permutation(codes)[of_pair]
        low, high = np.full(len(levels), codes.max() + 1), np.full(len(levels), -1)
        np.minimum.at(low, level, drawn)
        np.maximum.at(high, level, drawn)
        follows += bool((low == high).all())
    return follows / _DRAWS
