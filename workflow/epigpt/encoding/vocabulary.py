"""Tokens and their numbers: a few special ones, then the genes in the order of their canonical
ids."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epigpt import files

PAD, END = 0, 1
SPECIAL = ("<pad>", "<end>")
# Organism of a vocabulary in which species meet: its ids are human symbols.
HUMAN = "human genes"


@dataclass(frozen=True)
class Vocabulary:
    """Genes that a model knows. Token of gene i: `len(SPECIAL) + i`.

    Attributes
    ----------
    genes
        Canonical ids, sorted; kept exactly as written, since upper-casing would make two genes of
        some species one.
    symbols
        Symbol of each gene.
    organism
        Species of the ids, or "unknown".
    """

    genes: tuple[str, ...]
    symbols: tuple[str, ...]
    organism: str = "unknown"

    def __len__(self) -> int:
        return len(SPECIAL) + len(self.genes)

    def columns(self, genes: np.ndarray) -> np.ndarray:
        """Find the vocabulary's genes in a table with the sorted ids `genes`.

        Returns
        -------
        Column of each gene, -1 where the table lacks it; int64, shape (len(self.genes),).
        """
        known = np.asarray(self.genes, dtype=str)
        if len(genes) == 0 or len(known) == 0:
            return np.full(len(known), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(genes, known), len(genes) - 1)
        return np.where(genes[at] == known, at, -1)

    def save(self, path: Path) -> None:
        """Write vocabulary.json."""
        content = {
            "special": list(SPECIAL),
            "genes": list(self.genes),
            "symbols": list(self.symbols),
            "organism": self.organism,
        }
        files.write_json(path, content)


def load_vocabulary(path: Path) -> Vocabulary:
    """Read vocabulary.json as written by `Vocabulary.save`."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Vocabulary(
        genes=tuple(content["genes"]),
        symbols=tuple(content["symbols"]),
        organism=content["organism"],
    )
