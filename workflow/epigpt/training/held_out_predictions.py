"""Score the held-out samples of a fit with its weights as they are saved, so that whoever loads
them gets the same figures."""

import numpy as np
import pandas as pd
import torch

from epigpt.encoding.token_dataset import TokenDataset
from epigpt.models import scoring
from epigpt.training import batches

PREDICTION_COLUMNS = ["model", "repeat", "fold", "sample", "group", "truth", "class", "probability"]
SCORING_BATCH = 32


def predictions(
    model: torch.nn.Module, fit: str, variant: str, store: TokenDataset, device: torch.device
) -> pd.DataFrame:
    """Return `PREDICTION_COLUMNS` of a fit's held-out samples, a row per class.

    Parameters
    ----------
    model
        The finished one, in fp32 on `device`.
    fit
        "repeat0/fold2".
    """
    rows = np.flatnonzero((store.index["set"] == "test").to_numpy())
    scored = probabilities_of_rows(model, store, rows, device)
    samples, means = scoring.by_sample(store.index.iloc[rows], scored)
    repeat, fold = (int("".join(filter(str.isdigit, part))) for part in fit.split("/"))
    return pd.DataFrame(
        [
            (
                variant,
                repeat,
                fold,
                row.sample,
                row.group,
                row.label,
                name,
                means[number, column],
            )
            for number, row in enumerate(
                samples[["sample", "group", "label"]].itertuples(index=False)
            )
            for column, name in enumerate(store.classes)
        ],
        columns=PREDICTION_COLUMNS,
    )


def probabilities_of_rows(
    model: torch.nn.Module, store: TokenDataset, rows: np.ndarray, device: torch.device
) -> np.ndarray:
    """Class probabilities of every view of the store's `rows`, float64, shape (rows, views,
    classes)."""
    views = store.recipe.views
    which, view = np.repeat(rows, views), np.tile(np.arange(views), len(rows))
    parts = (slice(start, start + SCORING_BATCH) for start in range(0, len(which), SCORING_BATCH))
    scored = scoring.probabilities(
        model, (batches.collate(store, which[part], view[part]) for part in parts), device
    )
    return scored.reshape(len(rows), views, -1)
