"""Which training views each optimiser step sees: decided by seed and step alone, never by the number of devices."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from epigpt.encoding.store import Store
from epigpt.training.plan import Plan


@dataclass(frozen=True)
class Examples:
    """Training views of a store.

    Attributes
    ----------
    rows, views
        Row and view in the store, int64, shape (examples,).
    labels
        Class numbers, int64, shape (examples,).
    weights
        Loss weight of each example, float32, shape (examples,): the same total for every class, mean 1.
    """

    rows: np.ndarray
    views: np.ndarray
    labels: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def training_examples(store: Store) -> Examples:
    """List every view of the store's training rows."""
    training = np.flatnonzero((store.index["set"] == "train").to_numpy())
    numbers = {name: number for number, name in enumerate(store.classes)}
    labels = store.index["label"].map(numbers).to_numpy()[training].astype(np.int64)
    counts = np.bincount(labels, minlength=len(store.classes))
    weights = (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)
    views = store.recipe.views
    return Examples(
        np.repeat(training, views), np.tile(np.arange(views), len(training)), np.repeat(labels, views), np.repeat(weights, views)
    )


def in_step(examples: int, batch: int, step: int, seed: int) -> np.ndarray:
    """Give the examples of one step, int64, shape (batch,).

    The steps cut an endless row of permutations, a new one each epoch, so that every step has a whole batch and none is left over.
    """
    positions = np.arange(step * batch, (step + 1) * batch)
    chosen = np.empty(batch, dtype=np.int64)
    for epoch in np.unique(positions // examples):
        order = np.random.default_rng([seed, int(epoch)]).permutation(examples)
        inside = positions // examples == epoch
        chosen[inside] = order[positions[inside] % examples]
    return chosen


def micro_batches(store: Store, examples: Examples, plan: Plan, chosen: np.ndarray, rank: int) -> Iterator[dict[str, torch.Tensor]]:
    """Cut one process's share of a step's examples `chosen` into micro-batches.

    Each holds input_ids, attention_mask, values (some encodings), labels and weights.
    """
    share = chosen.reshape(plan.accumulation, plan.world_size, plan.micro_batch_size)[:, rank]
    for part in share:
        batch = collate(store, examples.rows[part], examples.views[part])
        batch["labels"] = torch.from_numpy(examples.labels[part])
        batch["weights"] = torch.from_numpy(examples.weights[part])
        yield batch


def collate(store: Store, rows: np.ndarray, views: np.ndarray) -> dict[str, torch.Tensor]:
    """Read views from the store, cut to the longest: input_ids and attention_mask int64, values float32, shape (views, length)."""
    lengths = store.lengths[rows, views]
    longest = max(int(lengths.max()), 1)
    batch = {
        "input_ids": torch.from_numpy(store.tokens[rows, views, :longest].astype(np.int64)),
        "attention_mask": torch.from_numpy((np.arange(longest) < lengths[:, None]).astype(np.int64)),
    }
    if store.values is not None:
        batch["values"] = torch.from_numpy(np.ascontiguousarray(store.values[rows, views, :longest]))
    return batch
