"""Held-out predictions of all models, collected and checked against the folds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from epigpt.errors import InputError
from epigpt.evaluation.metrics import THRESHOLD, HeldOut, held_out

COLUMNS = ["model", "repeat", "fold", "sample", "group", "truth", "class", "probability"]
WRITTEN = [*COLUMNS, "threshold"]
_TEXTS = ("model", "sample", "group", "truth", "class")
_KEYS = ["repeat", "fold", "sample", "group"]


def collect(paths: Sequence[Path]) -> pd.DataFrame:
    """Read prediction tables, in the order given; `COLUMNS`."""
    read = [
        pd.read_csv(path, sep="\t", dtype=dict.fromkeys(_TEXTS, str), keep_default_na=False)
        for path in paths
    ]
    filled = [table for table in read if len(table)]
    if not filled:
        return pd.DataFrame(columns=COLUMNS)
    joined = pd.concat(filled, ignore_index=True).reindex(columns=COLUMNS)
    for column, kind in (("repeat", int), ("fold", int), ("probability", float)):
        joined[column] = joined[column].astype(kind)
    return joined


def with_threshold(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return the table as it is written: of two classes, the probability from which on a class is
    called; of several, where the most probable one is called, blank."""
    value = THRESHOLD if len(classes) == 2 else np.nan
    return predictions.assign(threshold=value)[WRITTEN]


def ordered(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Sort by repeat, fold, sample and class within each model, so that the table does not depend
    on the order of files."""
    position = {name: number for number, name in enumerate(classes)}
    rank = {
        model: number for number, model in enumerate(sorted(set(predictions["model"]), key=_place))
    }
    keyed = predictions.assign(
        _model=predictions["model"].map(rank), _class=predictions["class"].map(position)
    )
    return keyed.sort_values(["_model", "repeat", "fold", "sample", "_class"], ignore_index=True)[
        list(predictions.columns)
    ]


def _place(model: str) -> tuple[bool, bool, str]:
    return (not model.startswith("finetuned"), not model.startswith("frozen"), model)


def by_model(
    predictions: pd.DataFrame, folds: pd.DataFrame, classes: list[str]
) -> dict[str, HeldOut]:
    """Arrange the predictions of each model.

    Raises
    ------
    InputError
        A model whose predictions are not exactly those of the folds: scores on other samples cannot
        be compared.
    """
    expected = folds[_KEYS].astype(str).sort_values(_KEYS, ignore_index=True)
    arranged = {}
    for model, part in predictions.groupby("model", sort=False):
        own = (
            part[[*_KEYS, "truth"]]
            .drop_duplicates()[_KEYS]
            .astype(str)
            .sort_values(_KEYS, ignore_index=True)
        )
        if (
            not own.equals(expected)
            or len(part) != len(expected) * len(classes)
            or set(part["class"]) != set(classes)
        ):
            raise InputError(
                f"predictions of '{model}' that are not those of the folds",
                "the tables that evaluate reads",
                "models are compared on the same held-out samples, every one once per repeat",
                f"delete the predictions of '{model}' and run again",
            )
        arranged[str(model)] = held_out(part, classes)
    return arranged
