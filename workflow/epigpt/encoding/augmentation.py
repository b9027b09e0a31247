"""Views of a sample: the sample itself, then versions of it with a part of its counts drawn and a
part of its genes hidden."""

import hashlib
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset import normalization

SHARES = (0.4, 0.9)


class Observations(Protocol):
    """Counts of observations, as `epigpt.dataset.count_blocks.CountBlocks` holds them."""

    @property
    def index(self) -> pd.DataFrame:
        """One row per observation, with the column observation."""
        ...

    def remembered(
        self, key: Hashable, make: Callable[[], scipy.sparse.csr_matrix]
    ) -> scipy.sparse.csr_matrix:
        """Return what `make` gives, made once where there is room."""
        ...


def view(
    observations: Observations,
    positions: np.ndarray,
    counts: scipy.sparse.csr_matrix,
    number: int,
    *,
    seed: int,
    target: float,
) -> scipy.sparse.csr_matrix:
    """Draw a view of the observations at `positions`, whose counts are given, log-normalised.

    No fit decides anything of it, so that whoever makes many fits draws it once, where the counts
    are in memory.
    """
    names = observations.index["observation"].to_numpy()[positions]

    def made() -> scipy.sparse.csr_matrix:
        return normalization.lognorm(thinned(counts, names, number, seed), target)

    return observations.remembered((number, seed, target, positions.tobytes()), made)


def thinned(
    counts: scipy.sparse.csr_matrix, observations: np.ndarray, view: int, seed: int
) -> scipy.sparse.csr_matrix:
    """Draw each count of an observation with the same probability (binomial thinning).

    A thinned library is what the same sample would have given at a lower sequencing depth, so a
    view differs from its sample by technical noise alone. Each view draws its own share of the
    counts, uniform in `SHARES`.

    Parameters
    ----------
    counts
        Integer counts, shape (observations, genes), genes in canonical order, no stored zeros.
    observations
        Ids of the rows; with `seed` and `view` they decide the draws, so neither the order of the
        rows nor the other rows matter.
    view
        0 gives `counts` unchanged.

    Returns
    -------
    csr_matrix of the same shape, without stored zeros.
    """
    if view == 0:
        return counts
    data = np.empty(len(counts.data), dtype=np.int64)
    for row, observation in enumerate(observations):
        generator = _generator(seed, str(observation), view)
        share = generator.uniform(*SHARES)
        kept = slice(counts.indptr[row], counts.indptr[row + 1])
        data[kept] = generator.binomial(counts.data[kept].astype(np.int64), share)
    drawn = scipy.sparse.csr_matrix(
        (data, counts.indices.copy(), counts.indptr.copy()), shape=counts.shape
    )
    drawn.eliminate_zeros()
    return drawn


def _generator(seed: int, observation: str, view: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}\x1f{view}\x1f{observation}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def hidden(
    genes: Sequence[str], observations: np.ndarray, view: int, seed: int, share: float
) -> np.ndarray | None:
    """Choose the genes that a view does not show (gene dropout), so that a model cannot lean on a
    few of them.

    Each draw is a hash of seed, view, observation and gene id, and of nothing else: another table
    of the same sample, with more genes or fewer, hides the same ones.

    Parameters
    ----------
    genes
        Canonical ids of a vocabulary.
    share
        Probability of each gene; view 0 hides none.

    Returns
    -------
    bool, shape (observations, genes); None where nothing is hidden.
    """
    if view == 0 or share == 0:
        return None
    of_rows = np.array(
        [_digest(f"{seed}\x1f{view}\x1f{name}\x1fgenes") for name in observations], dtype=np.uint64
    )
    mixed = of_rows[:, None] + _digests(tuple(genes))[None, :]
    # The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): every bit of the sum reaches
    # every bit of the draw.
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed < np.uint64(int(share * 2**64))


@lru_cache(maxsize=4)
def _digests(genes: tuple[str, ...]) -> np.ndarray:
    return np.array([_digest(gene) for gene in genes], dtype=np.uint64)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
