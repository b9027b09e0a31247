"""Encodings of a sample as a token sequence, behind one small interface."""

from typing import Protocol

import numpy as np
import scipy.sparse

from epigpt.encoding import bpe, gene_selection
from epigpt.encoding.encoded import Encoded
from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.program_tokens import ProgramTokens
from epigpt.encoding.vocabulary import END, PAD, SPECIAL, Vocabulary
from epigpt.errors import InputError, nearest_name

# Positions of every published GPT-2: a sentence is cut after the last gene that fits whole.
POSITIONS = 1024


class Encoder(Protocol):
    """An encoding. Equal rows give equal sequences, whatever the other rows are; ties are broken by
    canonical gene id.

    Attributes
    ----------
    pad, end
        Tokens of the padding and of a sequence's end (for models that write on).
    """

    name: str
    has_values: bool
    pad: int
    end: int

    def size(self, vocabulary: Vocabulary) -> int:
        """Return the number of tokens that a model of this encoding knows."""
        ...

    def gene_tokens(self, vocabulary: Vocabulary) -> np.ndarray:
        """List the tokens of which genes are made, ascending; int32."""
        ...

    def width(self, vocabulary: Vocabulary, max_genes: int) -> int:
        """Length of the longest sequence."""
        ...

    def encode(
        self,
        expression: scipy.sparse.csr_matrix,
        vocabulary: Vocabulary,
        reference: GeneStatistics,
        max_genes: int,
        hidden: np.ndarray | None = None,
    ) -> Encoded:
        """Encode a block of rows.

        Parameters
        ----------
        expression
            Log-normalised, shape (rows, genes of the vocabulary), columns sorted by canonical id,
            no stored zeros.
        hidden
            bool, same shape: genes that the sequence must not show (gene dropout).
        """
        ...

    def genes_of(self, tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
        """Return which gene of the vocabulary each token speaks of, -1 for none; int64, shape of
        `tokens` (rows, width).

        Attribution sums what the tokens of a gene contribute, and knock-out removes them all.
        """
        ...


class GeneTokens:
    """One token per detected gene, the most raised against the reference first, then the end token.

    A plain descending rank would list the same housekeeping genes for every bulk sample; the order
    of Geneformer divides by a corpus median for the same reason. Here the reference is the training
    samples' own.
    """

    name = "gene-tokens"
    has_values = False
    pad, end = PAD, END

    def size(self, vocabulary: Vocabulary) -> int:
        """Genes and special tokens."""
        return len(vocabulary)

    def gene_tokens(self, vocabulary: Vocabulary) -> np.ndarray:
        """All but the special ones."""
        return np.arange(len(SPECIAL), len(vocabulary), dtype=np.int32)

    def width(self, vocabulary: Vocabulary, max_genes: int) -> int:
        """`max_genes` and the end token."""
        return max_genes + 1

    def encode(
        self,
        expression: scipy.sparse.csr_matrix,
        vocabulary: Vocabulary,
        reference: GeneStatistics,
        max_genes: int,
        hidden: np.ndarray | None = None,
    ) -> Encoded:
        """Rank the detected genes of each row by their deviation from the reference, descending."""
        hidden = gene_selection.beside_chosen(
            expression, reference, max_genes, hidden, gene_selection.ranked
        )
        ranked, lengths = gene_selection.ranked(expression, reference, max_genes, hidden)
        rows = len(lengths)
        tokens = np.full((rows, max_genes + 1), PAD, dtype=np.int32)
        shown = np.arange(ranked.shape[1]) < lengths[:, None]
        tokens[:, : ranked.shape[1]][shown] = ranked[shown] + len(SPECIAL)
        tokens[np.arange(rows), lengths] = END
        return Encoded(tokens, (lengths + 1).astype(np.int32), None)

    def genes_of(self, tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
        """Return each gene's token: its number after the special ones."""
        return _numbered_genes(tokens)


class GeneSentence:
    """The genes in the order of `GeneTokens`, written as text in GPT-2's own byte pairs: one space,
    then the symbol, for each.

    The idea of Cell2Sentence (Levine et al., 2024) with GPT-2's vocabulary, for weights that have
    read text; symbols are never case-folded, and the order is fitted to the training samples. There
    is no end token: the last piece is the one that is read off.
    """

    name = "gene-sentence"
    has_values = False
    pad = end = bpe.END_OF_TEXT

    def size(self, vocabulary: Vocabulary) -> int:
        """GPT-2's own tokens, whatever the genes are."""
        return bpe.SIZE

    def gene_tokens(self, vocabulary: Vocabulary) -> np.ndarray:
        """Return the pieces of all symbols."""
        return np.unique(self._pieces(vocabulary).tokens)

    def width(self, vocabulary: Vocabulary, max_genes: int) -> int:
        """Pieces of the `max_genes` genes with the longest names, at most GPT-2's positions."""
        return self._width(self._pieces(vocabulary), max_genes)

    def encode(
        self,
        expression: scipy.sparse.csr_matrix,
        vocabulary: Vocabulary,
        reference: GeneStatistics,
        max_genes: int,
        hidden: np.ndarray | None = None,
    ) -> Encoded:
        """Write each row's genes one after the other while they fit whole."""
        hidden = gene_selection.beside_chosen(
            expression, reference, max_genes, hidden, gene_selection.ranked
        )
        ranked, lengths = gene_selection.ranked(expression, reference, max_genes, hidden)
        pieces = self._pieces(vocabulary)
        width = self._width(pieces, max_genes)
        tokens = np.full((len(lengths), width), self.pad, dtype=np.int32)
        written = np.zeros(len(lengths), dtype=np.int32)
        for part in gene_selection.parts(len(lengths)):
            shown = np.arange(ranked.shape[1]) < lengths[part, None]
            ends = np.cumsum(np.where(shown, pieces.counts[ranked[part]], 0), axis=1)
            shown &= ends <= width
            written[part] = np.where(shown, ends, 0).max(axis=1, initial=0)
            tokens[part][np.arange(width) < written[part, None]] = pieces.laid_out(
                ranked[part][shown]
            )
        # A sample in which nothing is detected still has to be read: one separator stands for it.
        return Encoded(tokens, np.maximum(written, 1), None)

    def genes_of(self, tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
        """Read the words back."""
        pieces = self._pieces(vocabulary)
        rows = [pieces.words_at(row) for row in np.asarray(tokens).tolist()]
        return np.array(rows, dtype=np.int64).reshape(np.shape(tokens))

    @staticmethod
    def _width(pieces: bpe.Pieces, max_genes: int) -> int:
        return max(1, min(POSITIONS, int(pieces.longest[:max_genes].sum())))

    @staticmethod
    def _pieces(vocabulary: Vocabulary) -> bpe.Pieces:
        return bpe.pieces(bpe.words(vocabulary.genes, vocabulary.symbols))


class GeneValues:
    """The genes that deviate most from the reference, in either direction, each with its deviation
    as a value.

    Ranks drop the size and the downward direction of a change; in small bulk series the values
    carry most of the signal.
    """

    name = "gene-values"
    has_values = True
    pad, end = PAD, END

    def size(self, vocabulary: Vocabulary) -> int:
        """Genes and special tokens."""
        return len(vocabulary)

    def gene_tokens(self, vocabulary: Vocabulary) -> np.ndarray:
        """All but the special ones."""
        return np.arange(len(SPECIAL), len(vocabulary), dtype=np.int32)

    def width(self, vocabulary: Vocabulary, max_genes: int) -> int:
        """`max_genes`."""
        return max_genes

    def encode(
        self,
        expression: scipy.sparse.csr_matrix,
        vocabulary: Vocabulary,
        reference: GeneStatistics,
        max_genes: int,
        hidden: np.ndarray | None = None,
    ) -> Encoded:
        """Take the `max_genes` genes of each row with the largest absolute deviation,
        descending."""
        hidden = gene_selection.beside_chosen(
            expression, reference, max_genes, hidden, gene_selection.most_deviating
        )
        columns, deviations, lengths = gene_selection.most_deviating(
            expression, reference, max_genes, hidden
        )
        shown = np.arange(max_genes) < lengths[:, None]
        tokens = np.where(shown, columns + len(SPECIAL), PAD).astype(np.int32)
        return Encoded(tokens, lengths.astype(np.int32), deviations)

    def genes_of(self, tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
        """Return each gene's token: its number after the special ones."""
        return _numbered_genes(tokens)


def _numbered_genes(tokens: np.ndarray) -> np.ndarray:
    return np.maximum(np.asarray(tokens, dtype=np.int64) - len(SPECIAL), -1)


ENCODERS: dict[str, Encoder] = {
    encoder.name: encoder
    for encoder in (GeneTokens(), GeneSentence(), GeneValues(), ProgramTokens())
}


def find(name: str) -> Encoder:
    """Return the encoder called `name`; an unknown name is refused with the nearest one."""
    if name not in ENCODERS:
        close = nearest_name(name, list(ENCODERS)) or next(iter(ENCODERS))
        raise InputError(
            f"encoding {name!r}",
            "key encoding",
            f"known are: {', '.join(ENCODERS)}",
            f"write encoding: {close}",
        )
    return ENCODERS[name]
