"""Folds for cross-validation: whole donors, every class in every test fold, drawn anew for each
repeat.

scikit-learn's `StratifiedGroupKFold` balances classes but does not promise them: where donors hold
several classes it leaves test folds without one. Scores of such folds are undefined, and a fold
that lacks a class biases pooled scores. Hence an algorithm of our own.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from epigpt.dataset import donors_apart
from epigpt.errors import InputError
from epigpt.evaluation import fold_drawing
from epigpt.samples.classes import FEWEST_GROUPS, refuse_measurement

COLUMNS = ("sample", "group", "repeat", "fold")


@dataclass(frozen=True)
class Assessment:
    """Whether a classifier of these samples can be tested, and with how many folds.

    Attributes
    ----------
    folds
        Effective number of folds; 0 where not assessable.
    reason
        Why there are no folds, or why fewer than asked for; empty otherwise.
    groups_per_class
        Donors that hold each class.
    """

    folds: int
    reason: str
    groups_per_class: dict[str, int] = field(default_factory=dict)

    @property
    def assessable(self) -> bool:
        """Return whether there are folds."""
        return self.folds > 0


def folds(samples: pd.DataFrame, k: int, repeats: int, seed: int) -> pd.DataFrame:
    """Assign every sample to the fold in which it is tested, once per repeat.

    Each test fold holds at least one group of every class. A group that holds several classes (a
    donor before and after a treatment) counts for each of them. In every repeat, groups in random
    order first take the places that this demands, those that serve most missing classes and then
    the largest before others; the rest follow, the largest first, each into the fold where the
    share of its classes is smallest.

    Parameters
    ----------
    samples
        Columns sample, group, label; one row per sample, or several where a sample's cells have
        several labels.
    k
        Folds wanted; `assess` says how many there are.
    repeats
        How often the folds are drawn.
    seed
        Decides the draw, together with the names of the groups alone: the order of the rows does
        not matter.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`, sorted by repeat and sample; repeat and fold count from 0. A header only
        where not assessable.

    Raises
    ------
    InputError
        A label that is a measurement, or a sample that belongs to several groups.
    """
    assessment = assess(samples, k)
    if not assessment.assessable:
        return pd.DataFrame(
            {
                name: pd.Series(dtype=int if name in ("repeat", "fold") else object)
                for name in COLUMNS
            }
        )
    held = fold_drawing.held_classes(samples)
    group_of = (
        samples.astype({"sample": str, "group": str})
        .drop_duplicates("sample")
        .set_index("sample")["group"]
        .sort_index()
    )
    drawn = []
    for repeat in range(repeats):
        # Where most groups hold several classes there are few solutions; assess() has found one,
        # from seed 0.
        draws = (
            fold_drawing.draw(held, assessment.folds, np.random.default_rng(source))
            for source in ([seed, repeat], 0)
        )
        fold_of = next(draw for draw in draws if draw is not None)
        table = pd.DataFrame(
            {"sample": group_of.index, "group": group_of.to_numpy(), "repeat": repeat}
        )
        drawn.append(
            table.assign(
                fold=table["group"].map(dict(zip(held.index, fold_of, strict=True))).astype(int)
            )
        )
    result = pd.concat(drawn, ignore_index=True)
    assert_no_group_crosses(result)
    return result


def assess(samples: pd.DataFrame, k: int) -> Assessment:
    """Return how many folds the samples allow: at most `k`, at most the groups of the smallest
    class, none below three groups.

    Parameters
    ----------
    samples, k
        As for `folds`.

    Raises
    ------
    InputError
        As for `folds`.
    """
    _refuse_several_groups(samples)
    refuse_measurement(samples)
    held = fold_drawing.held_classes(samples)
    per_class = {str(name): int((held[name] > 0).sum()) for name in held}
    if not any(per_class):
        return Assessment(0, "no sample has a label: name a characteristic in the cell `label`", {})
    if len(per_class) < 2:
        return Assessment(
            0,
            f"only one class ({next(iter(per_class), 'none')}) is left: there is nothing to tell"
            " apart",
            per_class,
        )
    smallest = min(per_class, key=lambda name: (per_class[name], name))
    fewest = per_class[smallest]
    if fewest < FEWEST_GROUPS:
        unit = "donor" if fewest == 1 else "donors"
        return Assessment(
            0,
            f"class '{smallest}' has {fewest} {unit}; a classifier cannot be tested with fewer than"
            f" {FEWEST_GROUPS} in a class",
            per_class,
        )
    size = min(k, fewest)
    reason = (
        f"class '{smallest}' has {fewest} donors, so there are {fewest} folds instead of {k}"
        if size < k
        else ""
    )
    while size >= 2 and fold_drawing.draw(held, size, np.random.default_rng(0)) is None:
        size -= 1
        reason = (
            f"donors hold several classes, and no more than {size} folds can each test every class"
        )
    if size < 2:
        return Assessment(
            0,
            "donors hold several classes in a way that no two folds can each test every class",
            per_class,
        )
    return Assessment(size, reason, per_class)


def _refuse_several_groups(samples: pd.DataFrame) -> None:
    per_sample = samples[["sample", "group"]].astype(str).drop_duplicates()["sample"].value_counts()
    shared = sorted(per_sample.index[per_sample > 1])
    if shared:
        raise InputError(
            found=f"sample '{shared[0]}' with cells of {per_sample[shared[0]]} groups"
            + (f" (and {len(shared) - 1} more such samples)" if len(shared) > 1 else ""),
            where="column 'group' of the observations",
            why="a fold tests whole samples, and this one would stand on both sides",
            remedy=(
                "give each donor's cells a sample id of their own, or name a 'group' in the row"
                " that is constant per sample"
            ),
        )


def assert_no_group_crosses(table: pd.DataFrame) -> None:
    """Check that in each repeat every sample and every group has one fold; every stage that uses
    folds calls this.

    Raises
    ------
    InputError
        A group that crosses, or a sample that stands twice: no result of such folds would mean
        anything.
    """
    for repeat, part in table.groupby("repeat", sort=True):
        where = f"folds.tsv, repeat {repeat}"
        donors_apart.check(part["group"], "fold " + part["fold"].astype(str), where)
        twice = sorted(part.loc[part["sample"].duplicated(), "sample"].astype(str))
        if twice:
            raise InputError(
                found=f"sample '{twice[0]}' more than once",
                where=where,
                why="what a model was trained on must not test it",
                remedy=donors_apart.REMEDY,
            )


def read(path: Path) -> pd.DataFrame:
    """Read folds.tsv and check it: names as text, repeat and fold as integers."""
    table = pd.read_csv(path, sep="\t", dtype={"sample": str, "group": str}, keep_default_na=False)
    table = table.astype({"repeat": int, "fold": int})
    assert_no_group_crosses(table)
    return table


def checksum(table: pd.DataFrame) -> str:
    """Return the SHA-256 of folds.tsv with this table, as `sha256sum` prints it."""
    text = table[list(COLUMNS)].to_csv(sep="\t", index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


def summary(
    table: pd.DataFrame, assessment: Assessment, classes: Sequence[str], samples: pd.DataFrame
) -> dict[str, Any]:
    """Return the content of folds.json.

    Parameters
    ----------
    table, assessment
        What `folds` and `assess` gave.
    classes
        In their order.
    samples
        What the folds were drawn from.
    """
    counted = samples[["sample", "label"]].astype(str).drop_duplicates()["label"].value_counts()
    return {
        "assessable": assessment.assessable,
        "reason": assessment.reason,
        "folds": assessment.folds,
        "repeats": int(table["repeat"].nunique()),
        "checksum": checksum(table),
        "classes": list(classes),
        "groups_per_class": assessment.groups_per_class,
        "samples_per_class": {name: int(counted.get(name, 0)) for name in classes},
    }
