"""Encoders: order, ties, padding, independence of everything but the row."""

import numpy as np
import pytest
import scipy.sparse

from epigpt.encoding import encoders
from epigpt.encoding.reference import CLIP, Reference
from epigpt.encoding.vocabulary import END, PAD, SPECIAL, Vocabulary
from epigpt.refusal import Refusal

FIRST = len(SPECIAL)


def _reference(centre: list[float], scale: list[float] | None = None) -> Reference:
    genes = len(centre)
    return Reference(
        centre=np.array(centre, dtype=np.float32),
        scale=np.array(scale or [1.0] * genes, dtype=np.float32),
        detected=np.full(genes, 3),
        target=1e6,
        axes=np.zeros((0, genes), dtype=np.float32),
    )


def _rows(*rows: list[float]) -> scipy.sparse.csr_matrix:
    return scipy.sparse.csr_matrix(np.array(rows, dtype=np.float32))


def test_gene_tokens_rank_detected_genes_by_their_deviation() -> None:
    encoded = encoders.find("gene-tokens").encode(_rows([5, 0, 2, 9]), _reference([5, 0, 0, 8]), max_genes=4)
    assert encoded.tokens.tolist() == [[FIRST + 2, FIRST + 3, FIRST + 0, END, PAD]]
    assert encoded.lengths.tolist() == [4]
    assert encoded.values is None


def test_gene_tokens_break_ties_by_canonical_id() -> None:
    encoded = encoders.find("gene-tokens").encode(_rows([1, 1, 1, 1]), _reference([0, 0, 0, 0]), max_genes=3)
    assert encoded.tokens.tolist() == [[FIRST, FIRST + 1, FIRST + 2, END]]


def test_gene_values_take_the_largest_deviations_of_either_sign_ties_by_id() -> None:
    encoded = encoders.find("gene-values").encode(_rows([1, 0, 4, 3]), _reference([0, 3, 4, 0], [1, 1, 1, 1]), max_genes=3)
    assert encoded.tokens.tolist() == [[FIRST + 1, FIRST + 3, FIRST + 0]]
    assert encoded.values is not None
    assert encoded.values.tolist() == [[-3.0, 3.0, 1.0]]


def test_gene_values_clip_and_pad_where_the_vocabulary_is_small() -> None:
    encoded = encoders.find("gene-values").encode(_rows([1000, 1]), _reference([0, 0]), max_genes=4)
    assert encoded.tokens.tolist() == [[FIRST, FIRST + 1, PAD, PAD]]
    assert encoded.lengths.tolist() == [2]
    assert encoded.values is not None
    assert encoded.values.tolist() == [[CLIP, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize("name", ["gene-tokens", "gene-values"])
def test_tokens_name_the_gene_they_speak_of_and_the_others_none(name: str) -> None:
    encoder = encoders.find(name)
    tokens = encoder.encode(_rows([5, 0, 2, 9], [0, 1, 0, 0]), _reference([5, 0, 0, 8]), max_genes=6).tokens
    genes = encoder.genes_of(tokens, Vocabulary(("a", "b", "c", "d"), ("A", "B", "C", "D")))
    assert genes.shape == tokens.shape
    assert (genes[(tokens == PAD) | (tokens == END)] == -1).all()
    assert set(genes[0]) >= {0, 2, 3}
    assert (genes[tokens >= FIRST] == tokens[tokens >= FIRST] - FIRST).all()


@pytest.mark.parametrize("name", sorted(encoders.ENCODERS))
def test_a_row_is_encoded_alike_whatever_stands_around_it(name: str) -> None:
    generator = np.random.default_rng(0)
    rows = scipy.sparse.random(40, 300, density=0.3, rng=generator, format="csr", dtype=np.float32)
    rows.sort_indices()
    reference = _reference(generator.normal(size=300).tolist(), (1 + generator.random(300)).tolist())
    encoder = encoders.find(name)
    whole = encoder.encode(rows, reference, 32)
    for number in (0, 17, 39):
        alone = encoder.encode(rows[[number]], reference, 32)
        assert np.array_equal(alone.tokens[0], whole.tokens[number])
        assert alone.lengths[0] == whole.lengths[number]
        if whole.values is not None and alone.values is not None:
            assert np.array_equal(alone.values[0], whole.values[number])


def test_packed_sort_equals_a_plain_stable_sort() -> None:
    generator = np.random.default_rng(3)
    rows = np.repeat(np.arange(50), 200)
    columns = np.tile(np.arange(200), 50)
    numbers = generator.integers(-3, 3, len(rows)).astype(np.float32)  # many ties, both signs, zeros
    numbers[numbers == 0] *= np.where(generator.random((numbers == 0).sum()) < 0.5, -1, 1)
    expected = columns[np.lexsort((columns, numbers, rows))]
    assert np.array_equal(encoders._sorted_columns(rows, numbers, columns), expected)
    large = columns + 2**31  # too wide to pack beside the rows
    assert np.array_equal(encoders._sorted_columns(rows, numbers, large), expected + 2**31)


def test_a_row_without_counts_is_an_end_token() -> None:
    encoded = encoders.find("gene-tokens").encode(_rows([0, 0], [1, 0]), _reference([0, 0]), max_genes=2)
    assert encoded.tokens.tolist() == [[END, PAD, PAD], [FIRST, END, PAD]]


def test_unknown_encoding_names_the_nearest() -> None:
    with pytest.raises(Refusal, match="gene-values"):
        encoders.find("gene-value")
