"""All series of a corpus as one token data set: shards stay on disk, tokens are translated into one
vocabulary as they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from epigpt.corpus.shards import Shard, gene_tokens
from epigpt.encoding import encoders
from epigpt.encoding.token_dataset import EncodingConfig
from epigpt.encoding.vocabulary import HUMAN, Vocabulary
from epigpt.errors import InputError
from epigpt.training.batches import Examples

# Samples that `blocks` hands over at a time.
BLOCK = 4096


class Column:
    """An array over the rows of all shards.

    Parameters
    ----------
    parts
        Memory-mapped arrays, one per shard.
    offsets
        First row of each, and the end.
    tables
        Translation of the values of each part; None: they stay as they are.
    """

    def __init__(
        self,
        parts: Sequence[np.ndarray],
        offsets: np.ndarray,
        kind: type,
        tables: Sequence[np.ndarray] | None = None,
    ) -> None:
        self._parts, self._offsets, self._kind, self._tables = parts, offsets, kind, tables
        # One row per view, which numpy gathers several times faster than with two indices.
        self._flat = [np.asarray(part).reshape(-1, *part.shape[2:]) for part in parts]
        widest = max((part.shape[2] for part in parts if part.ndim > 2), default=0)
        head = (int(offsets[-1]), parts[0].shape[1])
        self.shape: tuple[int, ...] = (*head, widest) if widest else head
        self.dtype = np.dtype(kind)

    def __getitem__(self, place: Any) -> np.ndarray:
        """Return the views at (rows, views) or (rows, views, positions), the latter from the first
        on."""
        rows, views = np.asarray(place[0]), np.asarray(place[1])
        width = () if len(self.shape) < 3 else (len(range(*place[2].indices(self.shape[2]))),)
        found = np.zeros((len(rows), *width), dtype=self._kind)
        if not len(rows):
            return found
        owner = np.searchsorted(self._offsets, rows, side="right") - 1
        # Rows of a shard together: each is touched once, in the order of the disk.
        order = np.lexsort((rows, owner))
        ends = np.flatnonzero(np.diff(owner[order], append=-1)) + 1
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            own = order[start:end]
            number = int(owner[own[0]])
            at = (rows[own] - self._offsets[number]) * self.shape[1] + views[own]
            read = self._flat[number][at]
            if width:
                read = read[:, : width[0]]
                found[own, : read.shape[1]] = self._translated(number, read)
            else:
                found[own] = read
        return found

    def _translated(self, number: int, read: np.ndarray) -> np.ndarray:
        return read if self._tables is None else np.take(self._tables[number], read)

    def block(self, number: int, rows: slice, view: int) -> np.ndarray:
        """Return one view of neighbouring rows of a shard."""
        read = self._parts[number][rows, view]
        return self._translated(number, read).astype(self._kind, copy=False)


@dataclass(frozen=True)
class CorpusStore:
    """Encoded series, as far as training reads them like a data set's tokens.

    Attributes
    ----------
    shards
        In the order of their rows.
    tokens, lengths, values
        As of `epigpt.encoding.token_dataset.TokenDataset`.
    offsets
        First row of each shard, and the end.
    """

    shards: list[Shard]
    tokens: Column
    lengths: Column
    values: Column | None
    vocabulary: Vocabulary
    recipe: EncodingConfig
    offsets: np.ndarray
    classes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of tokens that a model of this store knows."""
        return encoders.find(self.recipe.encoding).size(self.vocabulary)

    def examples(self, series: Sequence[int]) -> Examples:
        """List every view of the shards with these numbers."""
        chosen = [np.arange(self.offsets[one], self.offsets[one + 1]) for one in series]
        rows = np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)
        views = self.recipe.views
        every, view = np.repeat(rows, views), np.tile(np.arange(views), len(rows))
        return Examples(
            rows=every,
            views=view,
            labels=np.zeros(len(every), dtype=np.int64),
            weights=np.ones(len(every), dtype=np.float32),
            lengths=self.lengths[every, view].astype(np.int32),
        )


def vocabulary(shards: Sequence[Shard]) -> Vocabulary:
    """Unite the genes of all shards."""
    genes = tuple(sorted({gene for shard in shards for gene in shard.genes}))
    return Vocabulary(genes, genes, HUMAN)


def open_store(folder: Path, shards: Sequence[Shard]) -> CorpusStore:
    """Open the shards below `folder` as one token data set.

    Raises
    ------
    InputError
        No shard, or shards of several recipes.
    """
    if not shards or len({str(sorted(shard.encoding.items())) for shard in shards}) > 1:
        raise InputError(
            "no shard" if not shards else "shards of several encodings",
            str(folder),
            "a model reads one encoding",
            "run again: the shards are written anew",
        )
    recipe = EncodingConfig(**shards[0].encoding)
    known = vocabulary(shards)
    numbers = {gene: number for number, gene in enumerate(known.genes)}
    offsets = np.cumsum([0, *(shard.observations for shard in shards)])

    def column(name: str, kind: type, translated: bool = False) -> Column:
        parts = [np.load(folder / one.identity / f"{name}.npy", mmap_mode="r") for one in shards]
        tables = [gene_tokens(shard, numbers) for shard in shards] if translated else None
        return Column(parts, offsets, kind, tables)

    has_values = encoders.find(recipe.encoding).has_values
    return CorpusStore(
        shards=list(shards),
        tokens=column("tokens", np.int32, translated=True),
        lengths=column("lengths", np.int32),
        values=column("values", np.float32) if has_values else None,
        vocabulary=known,
        recipe=recipe,
        offsets=offsets,
    )
