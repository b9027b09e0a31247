"""The encoding of a sample as the scores of programs."""

import numpy as np
import scipy.sparse

from epigpt.encoding.encoded import Encoded
from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.programs import MOST
from epigpt.encoding.vocabulary import END, PAD, SPECIAL, Vocabulary


class ProgramTokens:
    """One token per program of the fit (`epigpt.encoding.programs`), always in the same order, each
    with its score as a value.

    A gene that a view hides, or that a table lacks, counts as being at the reference.
    """

    name = "program-tokens"
    has_values = True
    pad, end = PAD, END

    def size(self, vocabulary: Vocabulary) -> int:
        """As many programs as a fit can have, and special tokens."""
        return len(SPECIAL) + MOST

    def gene_tokens(self, vocabulary: Vocabulary) -> np.ndarray:
        """All but the special ones: what stands for genes here are programs."""
        return np.arange(len(SPECIAL), self.size(vocabulary), dtype=np.int32)

    def width(self, vocabulary: Vocabulary, max_genes: int) -> int:
        """As many programs as a sequence can have."""
        return min(MOST, max_genes)

    def encode(
        self,
        expression: scipy.sparse.csr_matrix,
        vocabulary: Vocabulary,
        reference: GeneStatistics,
        max_genes: int,
        hidden: np.ndarray | None = None,
    ) -> Encoded:
        """Score the programs of each row."""
        if reference.programs is None:
            raise ValueError("a reference without programs")
        deviations = reference.deviations(expression)
        if hidden is not None:
            deviations[np.broadcast_to(hidden, deviations.shape)] = 0.0
        scores = reference.programs.scores(deviations)
        rows, count = scores.shape
        width = self.width(vocabulary, max_genes)
        tokens = np.full((rows, width), PAD, dtype=np.int32)
        tokens[:, :count] = np.arange(count) + len(SPECIAL)
        values = np.zeros((rows, width), dtype=np.float32)
        values[:, :count] = scores
        return Encoded(tokens, np.full(rows, count, dtype=np.int32), values, deviations)

    def genes_of(self, tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
        """No token speaks of one gene alone: `epigpt.encoding.programs.gene_attribution` divides
        what a program contributes."""
        return np.full(np.shape(tokens), -1, dtype=np.int64)
