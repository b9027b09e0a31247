"""Encodings of a sample as a token sequence, behind one small interface."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse

from epigpt.encoding.reference import Reference
from epigpt.encoding.vocabulary import END, PAD, SPECIAL, Vocabulary
from epigpt.refusal import Refusal, nearest_name


@dataclass(frozen=True)
class Encoded:
    """Token sequences of a block of observations.

    Attributes
    ----------
    tokens
        int32, shape (rows, width), padded on the right with `PAD`.
    lengths
        int32, shape (rows,): tokens before the padding.
    values
        float32, shape (rows, width), 0 where padded; None for encodings without values.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    values: np.ndarray | None


class Encoder(Protocol):
    """An encoding. Equal rows give equal sequences, whatever the other rows are; ties are broken by canonical gene id."""

    name: str
    has_values: bool

    def width(self, max_genes: int) -> int:
        """Length of the longest sequence."""
        ...

    def encode(self, expression: scipy.sparse.csr_matrix, reference: Reference, max_genes: int) -> Encoded:
        """Encode log-normalised `expression`, shape (rows, vocabulary genes), columns sorted by canonical id."""
        ...

    def genes_of(self, tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
        """Tell which gene of the vocabulary each token speaks of, -1 for none; int64, shape of `tokens` (rows, width).

        Attribution sums what the tokens of a gene contribute, and knock-out removes them all.
        """
        ...


class GeneTokens:
    """One token per detected gene, the most raised against the reference first, then the end token.

    A plain descending rank would list the same housekeeping genes for every bulk sample; the order of Geneformer divides by a
    corpus median for the same reason. Here the reference is the training samples' own.
    """

    name = "gene-tokens"
    has_values = False

    def width(self, max_genes: int) -> int:
        """`max_genes` and the end token."""
        return max_genes + 1

    def encode(self, expression: scipy.sparse.csr_matrix, reference: Reference, max_genes: int) -> Encoded:
        """Rank the detected genes of each row by their deviation from the reference, descending."""
        rows = expression.shape[0]
        columns = expression.indices
        deviation = (expression.data - reference.centre[columns]) / reference.scale[columns]
        held = np.diff(expression.indptr)
        starts = expression.indptr[:-1]
        ranked = _sorted_columns(np.repeat(np.arange(rows), held), -deviation, columns)
        lengths = np.minimum(held, max_genes)
        tokens = np.full((rows, max_genes + 1), PAD, dtype=np.int32)
        filled = np.arange(max_genes)[None, :] < lengths[:, None]
        source = starts[:, None] + np.arange(max_genes)[None, :]
        tokens[:, :max_genes][filled] = ranked[source[filled]] + len(SPECIAL)
        tokens[np.arange(rows), lengths] = END
        return Encoded(tokens, (lengths + 1).astype(np.int32), None)

    def genes_of(self, tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
        """One token, one gene."""
        return _gene_of_token(tokens)


class GeneValues:
    """The genes that deviate most from the reference, in either direction, each with its deviation as a value.

    Ranks drop the size and the downward direction of a change; in small bulk series the values carry most of the signal.
    """

    name = "gene-values"
    has_values = True

    def width(self, max_genes: int) -> int:
        """`max_genes`."""
        return max_genes

    def encode(self, expression: scipy.sparse.csr_matrix, reference: Reference, max_genes: int) -> Encoded:
        """Take the `max_genes` genes of each row with the largest absolute deviation, descending."""
        deviations = reference.deviations(expression)
        rows, genes = deviations.shape
        kept = min(max_genes, genes)
        key = _ascending(-np.abs(deviations)).astype(np.uint64) << np.uint64(32)
        key |= np.arange(genes, dtype=np.uint64)
        if kept < genes:
            key = np.partition(key, kept - 1, axis=1)[:, :kept]
        key.sort(axis=1)
        columns = (key & np.uint64(0xFFFFFFFF)).astype(np.int64)
        tokens = np.full((rows, max_genes), PAD, dtype=np.int32)
        values = np.zeros((rows, max_genes), dtype=np.float32)
        tokens[:, :kept] = columns + len(SPECIAL)
        values[:, :kept] = np.take_along_axis(deviations, columns, axis=1)
        return Encoded(tokens, np.full(rows, kept, dtype=np.int32), values)

    def genes_of(self, tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
        """One token, one gene."""
        return _gene_of_token(tokens)


def _gene_of_token(tokens: np.ndarray) -> np.ndarray:
    return np.where(tokens >= len(SPECIAL), tokens.astype(np.int64) - len(SPECIAL), -1)


def _ascending(numbers: np.ndarray) -> np.ndarray:
    """Map float32 to uint32 so that the order is kept: sorting integers is several times faster, and ties can be packed below."""
    bits = (numbers.astype(np.float32) + np.float32(0)).view(np.uint32)  # adding 0 turns -0.0 into 0.0
    return np.where(bits & np.uint32(0x80000000), ~bits, bits | np.uint32(0x80000000))


def _sorted_columns(rows: np.ndarray, numbers: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Columns sorted by row, then number ascending, then column; int64, same length."""
    if len(rows) == 0:
        return np.zeros(0, dtype=np.int64)
    column_bits = int(columns.max()).bit_length()
    if int(rows.max()).bit_length() + 32 + column_bits > 64:
        order = np.lexsort((columns, _ascending(numbers), rows))
        return columns[order].astype(np.int64)
    key = rows.astype(np.uint64) << np.uint64(32 + column_bits)
    key |= _ascending(numbers).astype(np.uint64) << np.uint64(column_bits)
    key |= columns.astype(np.uint64)
    key.sort()
    return (key & np.uint64((1 << column_bits) - 1)).astype(np.int64)


ENCODERS: dict[str, Encoder] = {encoder.name: encoder for encoder in (GeneTokens(), GeneValues())}


def find(name: str) -> Encoder:
    """Give the encoder called `name`; an unknown name is refused with the nearest one."""
    if name not in ENCODERS:
        close = nearest_name(name, list(ENCODERS)) or next(iter(ENCODERS))
        raise Refusal(f"encoding {name!r}", "key encoding", f"known are: {', '.join(ENCODERS)}", f"write encoding: {close}")
    return ENCODERS[name]
