"""Axes along which genes move together over all series, from each series' own axes.

The covariance of a series is its axes weighed by their strengths, so the covariance over series
follows from the shards without reading a sample again: axes are stacked, a few series at a time,
and the strongest directions of the stack are kept (Levy and Lindenbaum, IEEE Trans Image Process
2000; 9: 1371). A rotation towards few genes each (varimax: Kaiser, Psychometrika 1958; 23: 187)
turns directions, which mix what varies alike, into programmes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from epigpt.corpus.shards import AXES, Shard

COMPONENTS = 64
# Directions that are carried along while series are added.
_CARRIED = 4 * COMPONENTS
_MOST_SAMPLES = 256
_ROTATIONS = 60
# Directions of chance alone lie close together; one that series share stands out against their
# middle by this factor.
_STANDS_OUT = 1.5


def over_series(
    shards: Sequence[Shard], folder: Path, numbers: Mapping[str, int], number: int = COMPONENTS
) -> np.ndarray:
    """Return the strongest common axes, rotated; float32, shape (at most `number`, genes), rows of
    unit length, strongest first.

    Parameters
    ----------
    shards
        Series that are trained on.
    numbers
        Column of each gene.
    """
    stack = np.zeros((0, len(numbers)), dtype=np.float32)
    for shard in shards:
        with np.load(folder / shard.identity / AXES, allow_pickle=False) as stored:
            axes, strength = stored["axes"].astype(np.float32), stored["strength"]
        # Many samples tell axes better than few; beyond some number they tell no more.
        weight = min(shard.observations, _MOST_SAMPLES) ** 0.5
        own = np.zeros((len(axes), len(numbers)), dtype=np.float32)
        own[:, [numbers[gene] for gene in shard.genes]] = axes * (weight * strength)[:, None]
        stack = np.concatenate([stack, own])
        if len(stack) > 2 * _CARRIED:
            stack = _strongest(stack, _CARRIED)
    stack = _strongest(stack, _CARRIED)
    strength = np.linalg.norm(stack, axis=1)
    kept = strength > _STANDS_OUT * np.median(strength) if len(stack) else strength > 0
    return rotated(stack[kept][:number])


def _strongest(stack: np.ndarray, number: int) -> np.ndarray:
    """Return at most `number` orthogonal directions, each as long as it is strong."""
    values, vectors = np.linalg.eigh((stack @ stack.T).astype(np.float64))
    kept = np.argsort(-values, kind="stable")[:number]
    kept = kept[values[kept] > max(values.max(initial=0.0), 1e-12) * 1e-6]
    return (vectors[:, kept].T @ stack).astype(np.float32)


def rotated(axes: np.ndarray) -> np.ndarray:
    """Rotate axes by varimax; unit length, the largest entry of each positive, strongest first."""
    if len(axes) == 0:
        return axes
    loadings = axes.T.astype(np.float64)
    rotation, before = np.eye(loadings.shape[1]), 0.0
    for _ in range(_ROTATIONS):
        turned = loadings @ rotation
        target = turned**3 - turned * (turned**2).mean(axis=0)
        left, values, right = np.linalg.svd(loadings.T @ target)
        rotation = left @ right
        if values.sum() < before * (1 + 1e-6):
            break
        before = values.sum()
    found = (loadings @ rotation).T
    length = np.linalg.norm(found, axis=1)
    order = np.argsort(-length, kind="stable")
    found = found[order] / np.maximum(length[order], 1e-12)[:, None]
    signs = np.sign(found[np.arange(len(found)), np.abs(found).argmax(axis=1)])
    turned_up: np.ndarray = (found * signs[:, None]).astype(np.float32)
    return turned_up
