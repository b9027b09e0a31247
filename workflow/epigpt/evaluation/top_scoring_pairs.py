"""k top scoring pairs: which of two genes is expressed more, asked of a few pairs that vote.

The answer depends on the order of two genes in one sample alone, so that no normalisation of the
samples can change it.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from epigpt.encoding import gene_pairs
from epigpt.evaluation.gene_filters import DiscriminatingGenes, GeneRanking


class TopScoringPairs(ClassifierMixin, BaseEstimator):
    """Classify two classes by the votes of the pairs of genes whose order tells them apart best.

    Pairs are chosen by `epigpt.encoding.gene_pairs.top_pairs`; a tie is half a vote either way.

    Parameters
    ----------
    n_genes
        Genes whose pairs are scored: those with the largest F between the classes.
    n_pairs
        Pairs that vote; fewer where the genes do not suffice.
    ranking
        As of `DiscriminatingGenes`.

    Attributes
    ----------
    classes_
        Both classes, sorted.
    pairs_
        Columns of X, shape (pairs, 2): the first lies below the second more often in `classes_[1]`.
    """

    def __init__(
        self, n_genes: int = 150, n_pairs: int = 9, ranking: GeneRanking | None = None
    ) -> None:
        self.n_genes = n_genes
        self.n_pairs = n_pairs
        self.ranking = ranking

    def fit(self, X: Any, y: Any) -> "TopScoringPairs":
        """Choose the pairs on `X` (observations × genes, dense or CSR) and the classes `y`."""
        self.classes_ = np.unique(y)
        screen = DiscriminatingGenes(self.n_genes, self.ranking).fit(X, y)
        pairs = gene_pairs.top_pairs(screen.transform(X), np.asarray(y), self.n_pairs)
        # Of a single gene: with itself, a vote for neither.
        self.pairs_ = screen.columns_[pairs[:, ::-1] if len(pairs) else np.zeros((1, 2), dtype=int)]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the share of votes for each class, shape (observations, 2).

        One vote for either class is added, so that few pairs that agree are not taken for
        certainty.
        """
        first, second = (_dense(X[:, self.pairs_[:, side]]) for side in (0, 1))
        votes = (np.sign(second - first).sum(axis=1) + len(self.pairs_)) / 2
        share = (votes + 1) / (len(self.pairs_) + 2)
        return np.column_stack([1 - share, share])

    def predict(self, X: Any) -> np.ndarray:
        """Return the class with more votes; `classes_[0]` where they are equal."""
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]


def _dense(X: Any) -> np.ndarray:
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)
