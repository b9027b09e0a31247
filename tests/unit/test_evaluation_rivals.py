"""Top scoring pairs, screened logistic regression, shrunken centroids: what each must find, and
what must not disturb it."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone

from epigpt.dataset.expression_data import ExpressionData
from epigpt.evaluation import baselines
from epigpt.evaluation.gene_filters import DiscriminatingGenes, GeneRanking
from epigpt.evaluation.shrunken_centroids import ShrunkenCentroids
from epigpt.evaluation.top_scoring_pairs import TopScoringPairs


def series(n, genes, *, effect=2.5, per_group=1, classes=2, planted=20):
    """Noise with an effect on some genes; groups hold one class each."""
    random = np.random.default_rng(0)
    label = np.array([f"class{at * classes // (n * per_group)}" for at in range(n * per_group)])
    X = random.normal(3, 1, (len(label), genes))
    for k in range(1, classes):
        X[label == f"class{k}", (k - 1) * planted : k * planted] += effect
    names = np.array([f"S{at:03d}" for at in range(len(label))])
    return ExpressionData(np.maximum(X, 0), names, label, np.repeat(names[:n], per_group))


def pairs_table(n=40, genes=30, seed=0):
    """Noise that the samples share hides genes 4 and 7; their difference tells the class."""
    random = np.random.default_rng(seed)
    label = np.array(["a", "b"] * (n // 2))
    X = random.normal(0, 1, (n, genes)) + 5
    X[:, 4] = X[:, 7] + np.where(label == "b", 0.4, -0.4)
    return X, label


def test_the_pair_that_tells_is_found_and_its_order_decides():
    X, label = pairs_table()
    fitted = TopScoringPairs(n_genes=30, n_pairs=1).fit(X, label)
    assert fitted.pairs_.tolist() == [[7, 4]]
    assert fitted.classes_.tolist() == ["a", "b"]
    assert (fitted.predict(X) == label).all()
    assert np.allclose(fitted.predict_proba(X)[label == "b"], [1 / 3, 2 / 3])


def test_only_the_order_within_a_sample_counts():
    X, label = pairs_table()
    fitted = TopScoringPairs(n_genes=30, n_pairs=5).fit(X, label)
    scale = np.random.default_rng(1).uniform(0.1, 9, (len(X), 1))
    assert np.array_equal(fitted.predict_proba(X), fitted.predict_proba(np.exp(X) * scale))


def test_no_gene_votes_twice_and_fewer_genes_give_fewer_pairs():
    X, label = pairs_table()
    pairs = TopScoringPairs(n_genes=30, n_pairs=9).fit(X, label).pairs_
    assert len(pairs) == 9
    assert len(set(pairs.ravel().tolist())) == 18
    assert len(TopScoringPairs(n_genes=5, n_pairs=9).fit(X, label).pairs_) == 2


def test_tied_expression_is_half_a_vote_either_way():
    X = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    fitted = TopScoringPairs(n_genes=2, n_pairs=1).fit(X, np.array(["a", "a", "b", "b"]))
    assert fitted.pairs_.tolist() == [[0, 1]]
    assert fitted.predict_proba(X)[:, 1].tolist() == [0.5, 0.5, 2 / 3, 2 / 3]


def test_equal_scores_go_to_the_pair_that_changes_most_then_to_the_first():
    label = np.array(["a", "b"] * 4)
    turn = np.where(label == "b", 1.0, -1.0)
    small, large = np.zeros((8, 2)), np.zeros((8, 2))
    small[:, 1], large[:, 1] = turn, 3 * turn
    assert TopScoringPairs(4, 1).fit(np.c_[small, large + 50], label).pairs_.tolist() == [[2, 3]]
    assert TopScoringPairs(4, 1).fit(np.c_[small, small + 50], label).pairs_.tolist() == [[0, 1]]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["ktsp", "screened_logistic"])
@pytest.mark.parametrize("classes", [2, 3])
def test_sparse_cells_give_what_dense_cells_give(model, classes):
    data = series(12, 80, per_group=2, classes=classes)
    thinned = data.lognorm * (data.lognorm > 2.5)
    probabilities = []
    for matrix in (thinned, scipy.sparse.csr_matrix(thinned)):
        part = ExpressionData(matrix, data.sample, data.label, data.group)
        probabilities.append(baselines.fit(model, part, 1).pipeline.predict_proba(matrix))
    assert np.allclose(*probabilities)
    assert probabilities[0].shape == (24, classes)


def test_a_few_deciding_genes_among_twenty_thousand_are_found():
    """What the most variable genes miss: twelve genes of little variance beside many of much."""
    random = np.random.default_rng(3)
    label = np.array(["a", "b"] * 16)
    X = random.normal(6, 1.5, (32, 20_000))
    X[:, :12] = random.normal(6, 0.3, (32, 12))
    # Up and down: the order of two genes that rise alike says nothing.
    X[:, :12] += np.where(label == "b", 0.4, -0.4)[:, None] * np.repeat([1, -1], 6)
    names = np.array([f"S{at:02d}" for at in range(32)])
    train, test = np.arange(24), np.arange(24, 32)
    data = ExpressionData(X, names, label, names)
    for model in ("ktsp", "screened_logistic"):
        fitted = baselines.fit(model, baselines.subset(data, train), 1)
        called = fitted.pipeline.predict_proba(X[test])[:, 1] > 0.5
        assert ((label[test] == "b") == called).mean() >= 7 / 8, model


def test_the_screen_takes_the_largest_f_and_leaves_constants_for_last():
    label = np.array(["a", "a", "b", "b"])
    X = np.array([[0, 1, 5, 0], [0, 2, 5, 1], [0, 1, 5, 2], [0, 2, 5, 3]], dtype=float)
    X[:, 2] = [5, 5, 6, 6]  # constant in each class: an infinite F
    for matrix in (X, scipy.sparse.csr_matrix(X)):
        assert DiscriminatingGenes(1).fit(matrix, label).columns_.tolist() == [2]
        assert DiscriminatingGenes(2).fit(matrix, label).columns_.tolist() == [2, 3]
        assert DiscriminatingGenes(9).fit(matrix, label).columns_.tolist() == [0, 1, 2, 3]


def test_shrunken_centroids_rank_samples_and_bear_genes_without_spread():
    data = series(20, 300, effect=1.5)
    X = np.c_[data.lognorm, np.where(data.label == "class1", 1.0, 0.0)]
    fitted = ShrunkenCentroids(1.0, temperature=100.0).fit(X, data.label)
    probability = fitted.predict_proba(X)
    assert np.allclose(probability.sum(axis=1), 1)
    assert len(np.unique(probability[:, 1])) == 20
    assert (fitted.classes_[probability.argmax(axis=1)] == data.label).all()
    chosen = baselines.fit("nearest_centroid", data, 1).chosen
    assert set(chosen) == {"classify__shrink_threshold", "classify__temperature"}


def test_what_nested_folds_choose_is_what_is_fitted():
    data = series(20, 400, effect=2.0, planted=5)
    fitted = baselines.fit("screened_logistic", data, 1)
    assert len(fitted.pipeline["screen"].columns_) == fitted.chosen["screen__n_genes"]
    assert fitted.chosen["classify__C"] == fitted.pipeline["classify"].C


def test_a_ranking_is_that_of_the_matrix_it_is_asked_for():
    data = series(24, 40)
    ranking = GeneRanking()
    label = data.label
    for matrix in (data.lognorm, data.lognorm[:, ::-1].copy(), data.lognorm):
        own = DiscriminatingGenes(5).fit(matrix, label).columns_
        shared = DiscriminatingGenes(5, ranking).fit(matrix, label).columns_
        assert shared.tolist() == own.tolist()
    assert clone(DiscriminatingGenes(5, ranking)).ranking is ranking
