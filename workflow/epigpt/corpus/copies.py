"""Samples that are the same as others, whatever they are called: the correlation of their counts.

Each sample leaves its log-normalised expression over a fixed share of all human genes, chosen by
their names alone, so that any two series can be compared without their counts.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse

from epigpt import files
from epigpt.dataset import normalization

# One gene in this many takes part.
SHARE = 8
# Two libraries of one tissue come near this, two of the same reads pass it; what passes it by
# chance is merely left out of the corpus.
COPY = 0.999
FEWEST_GENES = 50
_BLOCK = 1024


@dataclass(frozen=True)
class Panel:
    """Expression of samples over the genes that take part.

    Attributes
    ----------
    samples
        Ids.
    genes
        Human symbols, sorted.
    expression
        float32, shape (samples, genes): log(1 + counts per million of the whole library).
    """

    samples: np.ndarray
    genes: np.ndarray
    expression: np.ndarray

    def save(self, path: Path) -> None:
        """Write an .npz file."""
        with files.path(path) as temporary:
            np.savez(temporary, **vars(self))


def load(path: Path) -> Panel:
    """Read what `Panel.save` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return Panel(stored["samples"], stored["genes"], stored["expression"])


def panel(counts: scipy.sparse.csr_matrix, genes: np.ndarray, sample: np.ndarray) -> Panel:
    """Take the panel of a series; cells of a sample are added up.

    Parameters
    ----------
    counts
        Observations × human genes.
    genes
        Symbols of the columns, sorted.
    sample
        Sample of each row.
    """
    names, member = np.unique(sample, return_inverse=True)
    pooled = scipy.sparse.csr_matrix(
        (np.ones(len(member)), (member, np.arange(len(member)))), shape=(len(names), len(member))
    ) @ counts.astype(np.float64)
    taken = np.flatnonzero([zlib.crc32(gene.encode()) % SHARE == 0 for gene in genes.tolist()])
    expression = normalization.lognorm(pooled, normalization.SCALE["bulk"])[:, taken]
    return Panel(names, genes[taken], np.asarray(expression.todense(), dtype=np.float32))


def copies(one: Panel, other: Panel) -> list[tuple[str, str, float]]:
    """List pairs of samples, one of each panel, whose correlation says that they are the same.

    Returns
    -------
    Sample, sample and Pearson correlation over the genes that both series have; none where these
    are fewer than `FEWEST_GENES`.
    """
    _, here, there = np.intersect1d(one.genes, other.genes, return_indices=True)
    if len(here) < FEWEST_GENES:
        return []
    first, second = _standard(one.expression[:, here]), _standard(other.expression[:, there])
    found = []
    for start in range(0, len(first), _BLOCK):
        correlation = first[start : start + _BLOCK] @ second.T
        for row, column in np.argwhere(correlation >= COPY):
            pair = str(one.samples[start + row]), str(other.samples[column])
            found.append((*pair, float(correlation[row, column])))
    return found


def _standard(expression: np.ndarray) -> np.ndarray:
    """Rows of mean 0 and length 1; constant rows become 0 and are like nothing."""
    centred = expression - expression.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-6)
