"""Views: thinning keeps what it must, and depends on seed and sample id alone."""

import numpy as np
import scipy.sparse

from epigpt.dataset import normalization
from epigpt.encoding import augmentation


def _counts(rows: int = 6, genes: int = 400, seed: int = 0) -> scipy.sparse.csr_matrix:
    return scipy.sparse.csr_matrix(
        np.random.default_rng(seed).poisson(3, (rows, genes)).astype(np.int32)
    )


NAMES = np.array([f"S{number}" for number in range(6)])


def test_view_0_is_the_untouched_sample() -> None:
    counts = _counts()
    assert (augmentation.thinned(counts, NAMES, 0, seed=1) != counts).nnz == 0


def test_thinned_counts_never_exceed_the_sample_and_have_the_drawn_share() -> None:
    counts = _counts(genes=20_000)
    drawn = augmentation.thinned(counts, NAMES, 1, seed=1)
    assert (drawn > counts).nnz == 0
    shares = np.asarray(drawn.sum(axis=1) / counts.sum(axis=1)).ravel()
    assert np.all(
        (shares > augmentation.SHARES[0] - 0.02) & (shares < augmentation.SHARES[1] + 0.02)
    )
    assert len(np.unique(shares.round(3))) == len(NAMES)
    assert np.all(drawn.data > 0)


def test_a_view_does_not_depend_on_order_of_samples_or_on_other_samples() -> None:
    counts = _counts()
    whole = augmentation.thinned(counts, NAMES, 2, seed=1).toarray()
    order = np.array([4, 0, 5])
    assert np.array_equal(
        augmentation.thinned(counts[order], NAMES[order], 2, seed=1).toarray(), whole[order]
    )


def test_seed_view_and_name_each_change_the_draw() -> None:
    counts = _counts()
    base = augmentation.thinned(counts, NAMES, 1, seed=1).toarray()
    for other in (
        augmentation.thinned(counts, NAMES, 1, seed=2),
        augmentation.thinned(counts, NAMES, 2, seed=1),
        augmentation.thinned(counts, NAMES[::-1], 1, seed=1),
    ):
        assert not np.array_equal(other.toarray(), base)


def test_the_draw_of_a_gene_without_counts_costs_nothing() -> None:
    counts = _counts()
    widened = scipy.sparse.hstack(
        [counts, scipy.sparse.csr_matrix((6, 50), dtype=np.int32)], format="csr"
    )
    assert np.array_equal(
        augmentation.thinned(widened, NAMES, 1, 1).toarray()[:, :400],
        augmentation.thinned(counts, NAMES, 1, 1).toarray(),
    )


def test_lognormalised_is_log1p_of_the_scaled_counts_and_leaves_empty_rows_empty() -> None:
    counts = scipy.sparse.csr_matrix(np.array([[1, 3, 0], [0, 0, 0]]))
    expression = normalization.lognorm(counts, 100.0).toarray()
    np.testing.assert_allclose(expression, [[np.log1p(25), np.log1p(75), 0], [0, 0, 0]], rtol=1e-6)


def test_hidden_genes_depend_on_seed_view_sample_and_gene_alone() -> None:
    genes = [f"Gene{number}" for number in range(4000)]
    hidden = augmentation.hidden(genes, NAMES, 1, seed=1, share=0.3)
    assert hidden is not None
    np.testing.assert_allclose(hidden.mean(axis=1), 0.3, atol=0.03)
    fewer = augmentation.hidden(genes[::-7], NAMES[[4, 1]], 1, seed=1, share=0.3)
    assert np.array_equal(fewer, hidden[[4, 1]][:, ::-7])
    for view, seed in ((2, 1), (1, 2)):
        assert not np.array_equal(augmentation.hidden(genes, NAMES, view, seed, 0.3), hidden)
    assert augmentation.hidden(genes, NAMES, 0, 1, 0.3) is None
    assert augmentation.hidden(genes, NAMES, 1, 1, 0.0) is None
