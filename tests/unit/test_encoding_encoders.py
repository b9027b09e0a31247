"""Encoders: order, ties, padding, independence of everything but the row."""

import numpy as np
import pytest
import scipy.sparse

from epigpt.encoding import bpe, encoders, gene_ranking
from epigpt.encoding.gene_statistics import CLIP, GeneStatistics
from epigpt.encoding.programs import COMPONENT, GENE, PAIR, Programs
from epigpt.encoding.vocabulary import END, PAD, SPECIAL, Vocabulary
from epigpt.errors import InputError

FIRST = len(SPECIAL)


def _reference(centre: list[float], scale: list[float] | None = None) -> GeneStatistics:
    genes = len(centre)
    return GeneStatistics(
        centre=np.array(centre, dtype=np.float32),
        scale=np.array(scale or [1.0] * genes, dtype=np.float32),
        detected=np.full(genes, 3),
        target=1e6,
        axes=np.zeros((0, genes), dtype=np.float32),
        programs=_programs(genes),
    )


def _programs(genes: int) -> Programs:
    """A component, a gene and a pair."""
    loadings = np.zeros((3, genes), dtype=np.float32)
    loadings[0] = np.random.default_rng(0).normal(size=genes) / genes
    loadings[1, 0], loadings[2, :2] = 1.0, (1.0, -1.0)
    return Programs(
        loadings=loadings,
        offsets=np.array([0, 0, 0.5], dtype=np.float32),
        kinds=np.array([COMPONENT, GENE, PAIR], dtype=np.int8),
        weights=np.zeros((3, 2), dtype=np.float32),
        bias=np.zeros(2, dtype=np.float32),
    )


def _vocabulary(genes: int) -> Vocabulary:
    names = tuple(f"Gene{number:03d}" for number in range(genes))
    return Vocabulary(names, names)


def _rows(*rows: list[float]) -> scipy.sparse.csr_matrix:
    return scipy.sparse.csr_matrix(np.array(rows, dtype=np.float32))


def test_gene_tokens_rank_detected_genes_by_their_deviation() -> None:
    encoded = encoders.find("gene-tokens").encode(
        _rows([5, 0, 2, 9]), _vocabulary(4), _reference([5, 0, 0, 8]), max_genes=4
    )
    assert encoded.tokens.tolist() == [[FIRST + 2, FIRST + 3, FIRST + 0, END, PAD]]
    assert encoded.lengths.tolist() == [4]
    assert encoded.values is None


def test_gene_tokens_break_ties_by_canonical_id() -> None:
    encoded = encoders.find("gene-tokens").encode(
        _rows([1, 1, 1, 1]), _vocabulary(4), _reference([0, 0, 0, 0]), max_genes=3
    )
    assert encoded.tokens.tolist() == [[FIRST, FIRST + 1, FIRST + 2, END]]


def test_gene_values_take_the_largest_deviations_of_either_sign_ties_by_id() -> None:
    encoded = encoders.find("gene-values").encode(
        _rows([1, 0, 4, 3]), _vocabulary(4), _reference([0, 3, 4, 0], [1, 1, 1, 1]), max_genes=3
    )
    assert encoded.tokens.tolist() == [[FIRST + 1, FIRST + 3, FIRST + 0]]
    assert encoded.values is not None
    assert encoded.values.tolist() == [[-3.0, 3.0, 1.0]]


def test_gene_values_clip_and_pad_where_the_vocabulary_is_small() -> None:
    encoded = encoders.find("gene-values").encode(
        _rows([1000, 1]), _vocabulary(2), _reference([0, 0]), max_genes=4
    )
    assert encoded.tokens.tolist() == [[FIRST, FIRST + 1, PAD, PAD]]
    assert encoded.lengths.tolist() == [2]
    assert encoded.values is not None
    assert encoded.values.tolist() == [[CLIP, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize("name", ["gene-tokens", "gene-values"])
def test_tokens_name_the_gene_they_speak_of_and_the_others_none(name: str) -> None:
    encoder = encoders.find(name)
    tokens = encoder.encode(
        _rows([5, 0, 2, 9], [0, 1, 0, 0]), _vocabulary(4), _reference([5, 0, 0, 8]), max_genes=6
    ).tokens
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
    reference = _reference(
        generator.normal(size=300).tolist(), (1 + generator.random(300)).tolist()
    )
    encoder, vocabulary = encoders.find(name), _vocabulary(300)
    whole = encoder.encode(rows, vocabulary, reference, 32)
    for number in (0, 17, 39):
        alone = encoder.encode(rows[[number]], vocabulary, reference, 32)
        assert np.array_equal(alone.tokens[0], whole.tokens[number])
        assert alone.lengths[0] == whole.lengths[number]
        if whole.values is not None and alone.values is not None:
            assert np.array_equal(alone.values[0], whole.values[number])


def test_a_row_without_counts_is_an_end_token() -> None:
    encoded = encoders.find("gene-tokens").encode(
        _rows([0, 0], [1, 0]), _vocabulary(2), _reference([0, 0]), max_genes=2
    )
    assert encoded.tokens.tolist() == [[END, PAD, PAD], [FIRST, END, PAD]]


def test_unknown_encoding_names_the_nearest() -> None:
    with pytest.raises(InputError, match="gene-values"):
        encoders.find("gene-value")


SYMBOLS = ("Gfap", "GFAP", "Sst", "gria1a", "MT-CO1")


def _sentence(text: str) -> list[int]:
    return bpe.tokenizer().encode(text, add_special_tokens=False).ids


def test_a_gene_sentence_is_the_ranked_symbols_in_gpt2s_pieces_never_case_folded() -> None:
    vocabulary = Vocabulary(("ENS1", "ENS2", "ENS3", "ENS4", "ENS5"), SYMBOLS)
    encoder = encoders.find("gene-sentence")
    encoded = encoder.encode(
        _rows([1, 5, 0, 2, 9], [3, 3, 3, 3, 3]), vocabulary, _reference([0] * 5), max_genes=4
    )
    for row, text in enumerate([" MT-CO1 GFAP gria1a Gfap", " Gfap GFAP Sst gria1a"]):
        pieces = _sentence(text)
        assert encoded.tokens[row, : encoded.lengths[row]].tolist() == pieces
        assert set(encoded.tokens[row, encoded.lengths[row] :].tolist()) <= {encoder.pad}
    expected = (
        [4] * len(_sentence(" MT-CO1"))
        + [1] * len(_sentence(" GFAP"))
        + [3] * len(_sentence(" gria1a"))
    )
    assert encoder.genes_of(encoded.tokens, vocabulary)[0, : len(expected)].tolist() == expected
    assert encoder.size(vocabulary) == 50257


def test_a_gene_sentence_ends_with_the_last_gene_that_fits_whole() -> None:
    vocabulary = _vocabulary(999)
    encoder = encoders.find("gene-sentence")
    encoded = encoder.encode(_rows([1.0] * 999), vocabulary, _reference([0] * 999), max_genes=999)
    assert encoded.tokens.shape == (1, 1024)
    whole = bpe.tokenizer().decode(encoded.tokens[0, : encoded.lengths[0]].tolist()).split()
    assert whole == list(vocabulary.genes[: len(whole)])
    following = len(_sentence(f" {vocabulary.genes[len(whole)]}"))
    assert 1024 - following < encoded.lengths[0] <= 1024


def test_genes_with_one_symbol_and_symbols_with_spaces_stay_apart() -> None:
    assert bpe.words(("E1", "E2", "E3", "E4"), ("MATR3", "MATR3", "a b", "")) == (
        "E1",
        "E2",
        "a_b",
        "E4",
    )


def test_a_sentence_without_genes_is_one_separator() -> None:
    encoded = encoders.find("gene-sentence").encode(
        _rows([0, 0]), _vocabulary(2), _reference([0, 0]), max_genes=2
    )
    assert encoded.lengths.tolist() == [1]
    assert set(encoded.tokens[0].tolist()) == {bpe.END_OF_TEXT}


@pytest.mark.parametrize("name", sorted(encoders.ENCODERS))
def test_hidden_genes_are_not_shown_and_the_others_keep_their_order(name: str) -> None:
    generator = np.random.default_rng(1)
    rows = scipy.sparse.random(6, 80, density=0.5, rng=generator, format="csr", dtype=np.float32)
    rows.sort_indices()
    reference, vocabulary, encoder = (
        _reference(generator.random(80).tolist()),
        _vocabulary(80),
        encoders.find(name),
    )
    hidden = generator.random((6, 80)) < 0.4
    shown, whole = (
        encoder.encode(rows, vocabulary, reference, 80, mask) for mask in (hidden, None)
    )
    for row in range(6):
        seen, before = (
            list(dict.fromkeys(encoder.genes_of(part.tokens[[row]], vocabulary)[0].tolist()))
            for part in (shown, whole)
        )
        assert [gene for gene in seen if gene >= 0] == [
            gene for gene in before if gene >= 0 and not hidden[row, gene]
        ]


@pytest.mark.parametrize("wanted", [1, 7, 200, 300])
def test_the_largest_scores_are_those_of_a_plain_stable_sort(wanted: int) -> None:
    generator = np.random.default_rng(3)
    scores = generator.integers(-3, 3, (150, 200)).astype(
        np.float32
    )  # many ties, both signs, zeros
    scores[scores == 0] *= np.where(generator.random((scores == 0).sum()) < 0.5, -1, 1)
    scores[5] = -np.inf
    genes = np.broadcast_to(np.arange(200), scores.shape)
    best = gene_ranking.smallest(gene_ranking.keys(scores, genes), wanted)
    assert np.array_equal(
        gene_ranking.genes_of(best), np.argsort(-scores, axis=1, kind="stable")[:, :wanted]
    )
    best = gene_ranking.smallest(gene_ranking.keys_by_size(scores, genes), wanted)
    order = np.argsort(-np.abs(scores), axis=1, kind="stable")[:, :wanted]
    assert np.array_equal(gene_ranking.genes_of(best), order)
    assert np.array_equal(gene_ranking.scores_of(best), np.take_along_axis(scores, order, axis=1))


@pytest.mark.parametrize("density", [0.02, 0.5, 1.0])
@pytest.mark.parametrize("hides", [False, True])
def test_gene_values_are_those_of_a_plain_sort_of_all_deviations(
    density: float, hides: bool
) -> None:
    generator = np.random.default_rng(4)
    counts = generator.integers(1, 4, (150, 400)) * (
        generator.random((150, 400)) < density
    )  # ties between genes, absent ones too
    rows = scipy.sparse.csr_matrix(counts.astype(np.float32))
    # Genes that lie far from zero deviate most where they are absent, and some of those are held by
    # every row.
    reference = _reference(
        generator.integers(0, 4, 400).tolist(), generator.choice([0.125, 1.0, 2.0], 400).tolist()
    )
    hidden = generator.random(counts.shape) < 0.3 if hides else None
    encoded = encoders.find("gene-values").encode(rows, _vocabulary(400), reference, 64, hidden)
    deviations = reference.deviations(rows)
    size = np.abs(deviations) if hidden is None else np.where(hidden, -1, np.abs(deviations))
    order = np.argsort(-size, axis=1, kind="stable")[:, :64]
    assert np.array_equal(encoded.tokens - FIRST, order)
    assert encoded.values is not None
    assert np.array_equal(encoded.values, np.take_along_axis(deviations, order, axis=1))
