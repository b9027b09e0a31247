"""Class probabilities of observations and samples from a classifier."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import torch

Batch = dict[str, torch.Tensor]


def probabilities(
    model: Callable[..., object], batches: Iterable[Batch], device: torch.device
) -> np.ndarray:
    """Softmax of the logits of each sequence, float64, shape (sequences, classes)."""
    scored = []
    with torch.inference_mode():
        for batch in batches:
            logits = model(**{name: tensor.to(device) for name, tensor in batch.items()}).logits  # type: ignore[attr-defined]
            scored.append(torch.softmax(logits.double(), dim=-1).cpu().numpy())
    return np.concatenate(scored) if scored else np.zeros((0, 0))


def by_sample(index: pd.DataFrame, scored: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Average probabilities over the views of each observation, then over the observations of each
    sample.

    Parameters
    ----------
    index
        sample, and whatever else is constant in a sample; one row per observation.
    scored
        float64, shape (observations, views, classes).

    Returns
    -------
    The first row of `index` per sample, in order of first appearance, and the means, shape
    (samples, classes).
    """
    observed = scored.mean(axis=1)
    samples, first, member = np.unique(
        index["sample"].to_numpy(dtype=str), return_index=True, return_inverse=True
    )
    sums = np.zeros((len(samples), observed.shape[1]))
    np.add.at(sums, member, observed)
    means = sums / np.bincount(member)[:, None]
    order = np.argsort(first, kind="stable")
    return index.iloc[first[order]].reset_index(drop=True), means[order]
