"""Programmes of genes that move together in many series, as a corpus knows them, over the genes of
one data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from epigpt import files
from epigpt.errors import InputError
from epigpt.genes import orthologs
from epigpt.genes.annotation import ORGANISMS

FILE = "shared_programs.npz"
# Genes of a programme that count: the others hold what chance left of single series.
MOST_GENES = 100


@dataclass(frozen=True)
class SharedPrograms:
    """What a corpus' series share.

    Attributes
    ----------
    genes
        Human symbols.
    loadings
        float32, shape (programmes, genes): weight of each gene's deviation in a programme's
        activity.
    """

    genes: np.ndarray
    loadings: np.ndarray

    def save(self, path: Path) -> None:
        """Write an .npz file."""
        with files.path(path) as temporary:
            np.savez(temporary, genes=self.genes, loadings=self.loadings)

    def over(
        self, genes: Sequence[str], symbols: Sequence[str], organism: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the programmes' genes among those of a data set.

        Parameters
        ----------
        genes, symbols, organism
            Ids, symbols and species of the data set; of another species than the four there is
            nothing to be found.

        Returns
        -------
        Columns in `genes`, ascending, and the loadings of each, shape (programmes, columns): the
        `MOST_GENES` largest of every programme, less what the next one has (Donoho's soft
        threshold). Genes that share a human gene share its weight.
        """
        if organism not in ORGANISMS:
            return np.zeros(0, dtype=np.int64), self.loadings[:, :0]
        human = orthologs.to_human(genes, symbols, organism)[0]["human"]
        place = pd.Index(self.genes).get_indexer(human)
        columns = np.flatnonzero(place >= 0)
        alike = np.bincount(place[columns], minlength=len(self.genes))[place[columns]]
        found = _largest(self.loadings)[:, place[columns]] / alike.astype(np.float32)
        used = found.any(axis=0)
        return columns[used], found[:, used]


def load(path: Path) -> SharedPrograms:
    """Read what `SharedPrograms.save` wrote.

    Raises
    ------
    InputError
        A file that is missing or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return SharedPrograms(stored["genes"], stored["loadings"])
    except (OSError, ValueError, KeyError, BadZipFile):
        raise InputError(
            f"no {path.name} that can be read",
            str(path.parent),
            "tokens are made with the programmes that the corpus' series share",
            "delete the folder and run again, or copy the pretrained model's folder anew",
        ) from None


def _largest(loadings: np.ndarray) -> np.ndarray:
    size = np.abs(loadings)
    if size.shape[1] <= MOST_GENES:
        return loadings
    least = -np.partition(-size, MOST_GENES, axis=1)[:, MOST_GENES, None]
    kept: np.ndarray = np.sign(loadings) * np.maximum(size - least, 0.0)
    return kept
