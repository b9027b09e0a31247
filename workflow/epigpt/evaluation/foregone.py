"""What an answer owes to the design alone, known before any model is trained: characteristics that
tell the classes apart, and whether so few groups could show anything."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt.evaluation import confounding, evidence, intervals, permutation_test
from epigpt.evaluation.metrics import HeldOut, held_out
from epigpt.evaluation.small_sample_intervals import smallest_auc


def summary(judged: pd.DataFrame, folds: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Return the content of foregone.json.

    Parameters
    ----------
    judged
        As `judge` gives it, nothing accepted.
    folds
        folds.tsv with the column label: a row per repeat, sample and class; without rows where
        there is nothing to test.
    classes
        In their order.

    Returns
    -------
    dict
        confounders: names of the characteristics that tell the classes apart; enough_groups:
        whether a perfect score could be told from chance.
    """
    return {
        "confounders": [one.name for one in confounding.confounders(judged)],
        "enough_groups": bool(len(folds)) and _enough_groups(folds, classes),
    }


def _enough_groups(folds: pd.DataFrame, classes: Sequence[str]) -> bool:
    chance = pd.DataFrame({"class": list(classes), "probability": 1 / len(classes)})
    first = folds[folds["repeat"] == 0].rename(columns={"label": "truth"})
    undecided = held_out(first.merge(chance, how="cross"), list(classes))
    return not evidence.is_too_few(*reach(undecided))


def reach(held: HeldOut) -> tuple[float, float]:
    """Return the smallest AUC that this many groups could show to be above chance, infinite where
    none could, and the smallest p that they allow, whatever a model says of them."""
    pairs = intervals.groups_of_each(held)
    return max(smallest_auc(*pair) for pair in pairs), permutation_test.smallest_p(held, 0)


def judge(
    quality: Path,
    reading: Mapping[str, Any],
    samples: pd.DataFrame,
    folds: pd.DataFrame,
    accepted: Collection[str] = (),
) -> pd.DataFrame:
    """Hold the characteristics of the tested samples against their label.

    Parameters
    ----------
    quality
        quality.tsv.
    reading
        Content of reading.json.
    samples
        samples.tsv, as text.
    folds
        folds.tsv; where it has no rows, all samples are judged.
    accepted
        Characteristics that may tell the classes apart.

    Returns
    -------
    As `epigpt.evaluation.confounding.table` gives it.
    """
    measured = {}
    table = pd.read_csv(quality, sep="\t", dtype={"sample": str})
    # Cells have a depth of their own; that of a sample is read from its library alone.
    if "sample" in table.columns and table["sample"].is_unique:
        measured[confounding.DEPTH] = table.set_index("sample")["total_counts"].astype(float)
    label = reading.get("label") or {}
    source = str(label.get("column") or "") if isinstance(label, dict) else ""
    return confounding.table(as_tested(samples, folds), accepted, measured, source)


def as_tested(samples: pd.DataFrame, folds: pd.DataFrame) -> pd.DataFrame:
    """Return the samples that were tested, with the groups that they were tested in; all of them
    where there are no folds."""
    if folds.empty:
        return samples
    group = folds.drop_duplicates("sample").set_index("sample")["group"]
    tested = samples[samples["sample"].isin(group.index)]
    return tested.assign(group=tested["sample"].map(group))
