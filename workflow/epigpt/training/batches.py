"""Which training views each optimiser step sees: decided by seed and step alone, never by the
number of devices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from epigpt.encoding.token_dataset import EncodingConfig, TokenDataset
from epigpt.training.plan import Plan

BUCKETED_BATCHES = 50


class Column(Protocol):
    """An array over rows and views, in memory, mapped, or put together as it is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, views), of tokens and values also positions."""
        ...

    def __getitem__(self, place: Any, /) -> np.ndarray:
        """Return what is at (rows, views) or (rows, views, positions)."""
        ...


class Store(Protocol):
    """Encoded sequences, as far as a training reads them: a data set's, or a corpus'."""

    @property
    def tokens(self) -> Column:
        """Numbers of tokens."""
        ...

    @property
    def lengths(self) -> Column:
        """Tokens before the padding."""
        ...

    @property
    def values(self) -> Column | None:
        """What embeddings are multiplied by; None of encodings without values."""
        ...

    @property
    def recipe(self) -> EncodingConfig:
        """How they were encoded."""
        ...

    @property
    def classes(self) -> Sequence[str]:
        """Names in the order of the model's outputs; none without labels."""
        ...

    @property
    def size(self) -> int:
        """Number of tokens that a model of them knows."""
        ...


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
        Loss weight of each example, float32, shape (examples,): the same total for every class,
        mean 1.
    lengths
        Tokens of each example, int32, shape (examples,).
    """

    rows: np.ndarray
    views: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def training_examples(store: TokenDataset) -> Examples:
    """List every view of the store's training rows."""
    training = np.flatnonzero((store.index["set"] == "train").to_numpy())
    numbers = {name: number for number, name in enumerate(store.classes)}
    labels = store.index["label"].map(numbers).to_numpy()[training].astype(np.int64)
    counts = np.bincount(labels, minlength=len(store.classes))
    weights = (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)
    views = store.recipe.views
    return Examples(
        np.repeat(training, views),
        np.tile(np.arange(views), len(training)),
        np.repeat(labels, views),
        np.repeat(weights, views),
        np.ascontiguousarray(store.lengths[training]).reshape(-1),
    )


class Order:
    """Which examples each step sees.

    The steps cut an endless row of permutations, a new one each epoch, so that every step has a
    whole batch and none is left over. Where lengths differ, neighbouring batches of an epoch
    exchange examples until each holds similar lengths, and then change places: less padding, while
    an epoch still holds every example once.

    Parameters
    ----------
    lengths
        Tokens of each example, shape (examples,).
    batch
        Examples a step.
    """

    def __init__(self, lengths: np.ndarray, batch: int, seed: int) -> None:
        self._lengths, self._batch, self._seed = lengths, batch, seed
        self._varied = len(lengths) > 0 and lengths.min() != lengths.max()
        self._orders: dict[int, np.ndarray] = {}

    def step(self, step: int) -> np.ndarray:
        """Return the examples of a step, int64, shape (batch,); sorted by length where lengths
        differ."""
        positions = np.arange(step * self._batch, (step + 1) * self._batch)
        epochs = positions // len(self._lengths)
        chosen = np.empty(self._batch, dtype=np.int64)
        for epoch in np.unique(epochs):
            inside = epochs == epoch
            chosen[inside] = self._epoch(int(epoch))[positions[inside] % len(self._lengths)]
        return chosen[np.argsort(self._lengths[chosen], kind="stable")] if self._varied else chosen

    def _epoch(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            generator = np.random.default_rng([self._seed, epoch])
            order = generator.permutation(len(self._lengths))
            self._orders = {
                number: kept for number, kept in self._orders.items() if number == epoch - 1
            }
            self._orders[epoch] = self._bucketed(order, epoch, generator) if self._varied else order
        return self._orders[epoch]

    def _bucketed(
        self, order: np.ndarray, epoch: int, generator: np.random.Generator
    ) -> np.ndarray:
        batch, count = self._batch, len(order)
        first = -epoch * count % batch  # where the epoch's first whole batch begins
        whole = max(0, (count - first) // batch)
        together = int(np.clip(whole // 4, 1, BUCKETED_BATCHES))
        blocks = order[first : first + whole * batch].reshape(whole, batch)
        for start in range(0, whole, together):
            part = blocks[start : start + together].reshape(-1)
            part = part[np.argsort(self._lengths[part], kind="stable")]
            blocks[start : start + together] = part.reshape(-1, batch)
        blocks[:] = blocks[generator.permutation(whole)]
        return order


def micro_batches(
    store: Store, examples: Examples, plan: Plan, chosen: np.ndarray, rank: int
) -> Iterator[dict[str, torch.Tensor]]:
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
    """Read views from the store, cut to the longest: input_ids and attention_mask int64, values
    float32, shape (views, length)."""
    lengths = store.lengths[rows, views]
    longest = max(int(lengths.max()), 1)
    batch = {
        "input_ids": torch.from_numpy(store.tokens[rows, views, :longest].astype(np.int64)),
        "attention_mask": torch.from_numpy(
            (np.arange(longest) < lengths[:, None]).astype(np.int64)
        ),
    }
    if store.values is not None:
        batch["values"] = torch.from_numpy(
            np.ascontiguousarray(store.values[rows, views, :longest])
        )
    return batch
