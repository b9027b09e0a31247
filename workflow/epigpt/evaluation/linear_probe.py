"""What GPT-2 gives before it is fine-tuned: its embedding of each sample, held against the classes
by logistic regression."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from epigpt.dataset.expression_data import ExpressionData
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.evaluation import baselines
from epigpt.training import ablations, batches, untrained

MODEL = "frozen_logistic"
_BATCH = 32


def predictions(
    store: TokenDataset, name: str, preset: str, settings: dict[str, Any]
) -> pd.DataFrame:
    """Fit logistic regression (L2, penalty chosen in nested folds) on the frozen
    embeddings of a fold's training rows.

    Parameters
    ----------
    store
        Tokens of the fold.
    name
        "repeat0/fold2".

    Returns
    -------
    `epigpt.evaluation.baselines.COLUMNS` of the held-out samples.
    """
    model = untrained.build(preset, store, settings, ablations.FINETUNED)
    embedded = embeddings(model, store)
    index = store.index
    held = (index["set"] == "test").to_numpy()
    known = [index[column].to_numpy(dtype=str) for column in ("sample", "label", "group")]
    training, test = (
        ExpressionData(embedded[rows], *(values[rows] for values in known))
        for rows in (~held, held)
    )
    repeat, fold = (int("".join(filter(str.isdigit, part))) for part in name.split("/"))
    scored = baselines.predict(baselines.fit("logistic_l2", training, settings["seed"]), test)
    return scored.assign(model=MODEL, repeat=repeat, fold=fold)[list(baselines.COLUMNS)]


def embeddings(model: torch.nn.Module, store: TokenDataset) -> np.ndarray:
    """Return what the classification head would see of each observation, averaged over its views;
    float64, shape (observations, width)."""
    seen: list[torch.Tensor] = []
    rows, views = len(store.index), store.recipe.views
    which, view = np.repeat(np.arange(rows), views), np.tile(np.arange(views), rows)
    pooled = []
    handle = model.score.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))  # type: ignore[union-attr]
    try:
        with torch.inference_mode():
            for start in range(0, len(which), _BATCH):
                batch = batches.collate(
                    store, which[start : start + _BATCH], view[start : start + _BATCH]
                )
                model.eval()(**batch)
                hidden = seen.pop()
                if (
                    hidden.ndim == 3
                ):  # the stock class scores every position and picks one afterwards
                    mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
                    hidden = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
                pooled.append(hidden.double().cpu().numpy())
    finally:
        handle.remove()
    return np.concatenate(pooled).reshape(rows, views, -1).mean(axis=1)
