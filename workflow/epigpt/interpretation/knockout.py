"""What a model's output loses when a gene is taken out of the sequences."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from epigpt.encoding.token_dataset import TokenDataset
from epigpt.interpretation.contributions import (
    Contributions,
    directions,
    genes_at,
    margin_weights,
    parts,
)
from epigpt.training.batches import collate


def knock_out(
    model: Any,
    store: TokenDataset,
    rows: np.ndarray,
    views: int,
    genes: np.ndarray,
    *,
    device: torch.device,
) -> Contributions:
    """Return the output of each sequence minus that without a gene: its tokens are taken out and
    those behind them move up.

    Parameters
    ----------
    genes
        Columns of the vocabulary that are removed, one at a time.

    Returns
    -------
    Contributions; columns beside `genes` stay 0.
    """
    total = np.zeros((len(rows), len(store.vocabulary.genes)))
    weights = margin_weights(store, rows)
    whole = [_outputs(model, _intact(store, rows, view), weights, device) for view in range(views)]
    for view in range(views):
        held = genes_at(store, rows, view)
        # Only what a sequence holds can be taken out of it.
        pairs = np.array(
            [(at, gene) for at in range(len(rows)) for gene in np.intersect1d(genes, held[at])],
            dtype=np.int64,
        ).reshape(-1, 2)
        without = _without(store, rows, view, pairs, model.config.pad_token_id)
        scored = _outputs(model, without, weights[pairs[:, 0]], device)
        total[pairs[:, 0], pairs[:, 1]] += (whole[view][pairs[:, 0]] - scored) * directions(
            store, rows, view
        )[pairs[:, 0], pairs[:, 1]]
    return Contributions(total / views)


def _outputs(
    model: Any,
    batches: Iterator[dict[str, torch.Tensor]],
    weights: np.ndarray,
    device: torch.device,
) -> np.ndarray:
    scored = [np.zeros(0)]
    done = 0
    with torch.inference_mode():
        for batch in batches:
            logits = (
                model(**{name: tensor.to(device) for name, tensor in batch.items()})
                .logits.double()
                .cpu()
                .numpy()
            )
            scored.append((logits * weights[done : done + len(logits)]).sum(axis=1))
            done += len(logits)
    return np.concatenate(scored)


def _intact(store: TokenDataset, rows: np.ndarray, view: int) -> Iterator[dict[str, torch.Tensor]]:
    for part in parts(store, len(rows)):
        yield collate(store, rows[part], np.full(len(rows[part]), view))


def _without(
    store: TokenDataset, rows: np.ndarray, view: int, pairs: np.ndarray, pad: int
) -> Iterator[dict[str, torch.Tensor]]:
    held = genes_at(store, rows, view)
    for part in parts(store, len(pairs)):
        at, gene = pairs[part, 0], pairs[part, 1]
        batch = collate(store, rows[at], np.full(len(at), view))
        width = batch["input_ids"].shape[1]
        inside = batch["attention_mask"].numpy().astype(bool)
        kept = (held[at][:, :width] != gene[:, None]) & inside
        order = np.argsort(~kept, axis=1, kind="stable")  # what is kept moves up, in its order
        left = np.take_along_axis(kept, order, axis=1)
        longest = max(int(left.sum(axis=1).max()), 1)
        yield {
            name: _moved(tensor, order, left, pad if name == "input_ids" else 0)[:, :longest]
            for name, tensor in batch.items()
        }


def _moved(tensor: torch.Tensor, order: np.ndarray, left: np.ndarray, empty: int) -> torch.Tensor:
    moved = np.where(left, np.take_along_axis(tensor.numpy(), order, axis=1), empty)
    return torch.from_numpy(moved.astype(tensor.numpy().dtype))
