"""Early stopping: a fifth of the training groups is held back, and training ends when the loss on
them no longer falls.

The groups held back are training groups: the held-out fold plays no part. The vocabulary and the
reference were fitted on all training samples, those held back here included, so the inner loss is a
little too good; it decides when to stop and is never reported as a score.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from epigpt import files
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.errors import InputError
from epigpt.training.batches import Examples

SHARE = 0.2


def split(store: TokenDataset, examples: Examples, seed: int) -> tuple[Examples, Examples]:
    """Hold back a fifth of the groups of each class, at least one and never all.

    Returns
    -------
    Examples to train on, and those held back.

    Raises
    ------
    InputError
        A class with a single training group.
    """
    groups = store.index["group"].to_numpy(dtype=str)[examples.rows]
    held: set[str] = set()
    for number, name in enumerate(store.classes):
        own = np.unique(groups[examples.labels == number])
        if len(own) == 1:
            raise InputError(
                f"a single training group of class '{name}'",
                "key early_stopping",
                "no group of it can be held back",
                "set early_stopping: 0",
            )
        chosen = np.random.default_rng([seed, number]).permutation(own)
        held |= set(chosen[: max(1, math.floor(SHARE * len(own)))].tolist())
    inside = np.isin(groups, sorted(held))
    if len(np.unique(examples.labels[~inside])) < len(np.unique(examples.labels)):
        raise InputError(
            "groups that hold several classes",
            "key early_stopping",
            "holding back a fifth of each class's groups leaves a class without any",
            "set early_stopping: 0",
        )
    return part(examples, ~inside), part(examples, inside)


def part(examples: Examples, chosen: np.ndarray) -> Examples:
    """Return the examples where `chosen` (bool, shape (examples,)) is true."""
    return replace(examples, **{name: values[chosen] for name, values in vars(examples).items()})


class EarlyStopping:
    """Keeps the weights of the best epoch and says when to stop.

    Parameters
    ----------
    epochs
        Epochs without a better loss after which training stops.
    path
        File for the best weights.
    remembered
        `memory` of an earlier part of the same training.
    """

    def __init__(self, epochs: int, path: Path, remembered: dict[str, Any] | None = None) -> None:
        self._epochs, self._path = epochs, path
        self.memory: dict[str, Any] = {"best": None, "since": 0, **(remembered or {})}

    def after_epoch(
        self, loss: float, weights: Callable[[], dict[str, torch.Tensor]], writes: bool
    ) -> bool:
        """Take in the loss after an epoch; called by all processes, of which the first one
        `writes`. True: stop."""
        best = self.memory["best"]
        if best is not None and loss >= best:
            self.memory["since"] += 1
            return bool(self.memory["since"] >= self._epochs)
        self.memory = {"best": loss, "since": 0}
        held = weights()
        if writes:
            with files.path(self._path) as temporary:
                save_file({name: tensor.contiguous() for name, tensor in held.items()}, temporary)
        return False

    def best_weights(self) -> dict[str, torch.Tensor]:
        """Read the weights of the best epoch."""
        return load_file(self._path)
