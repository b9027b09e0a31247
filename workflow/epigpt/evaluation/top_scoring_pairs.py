"""k top scoring pairs: which of two genes is expressed more, asked of a few pairs that vote.

Geman et al. (Stat Appl Genet Mol Biol 2004; 3: 19) and Tan et al. (Bioinformatics 2005; 21: 3896).
The answer depends on the order of two genes in one sample alone, so that no normalisation of the
samples can change it.
"""

from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, ClassifierMixin

from epigpt.evaluation.gene_filters import DiscriminatingGenes


class TopScoringPairs(ClassifierMixin, BaseEstimator):
    """Classify two classes by the votes of the pairs of genes whose order tells them apart best.

    The score of genes i and j is the difference between the classes in how often i lies below j; a
    tie counts half on either side, both when pairs are chosen and when they vote. Of pairs with the
    same score the one whose mean difference i - j changes most between the classes comes first, and
    no gene is in two pairs.

    Parameters
    ----------
    n_genes
        Genes whose pairs are scored: those with the largest F between the classes.
    n_pairs
        Pairs that vote; fewer where the genes do not suffice.

    Attributes
    ----------
    classes_
        Both classes, sorted.
    pairs_
        Columns of X, shape (pairs, 2): the first lies below the second more often in `classes_[1]`.
    """

    def __init__(self, n_genes: int = 150, n_pairs: int = 9) -> None:
        self.n_genes = n_genes
        self.n_pairs = n_pairs

    def fit(self, X: Any, y: Any) -> "TopScoringPairs":
        """Choose the pairs on `X` (observations × genes, dense or CSR) and the classes `y`."""
        self.classes_ = np.unique(y)
        screen = DiscriminatingGenes(self.n_genes).fit(X, y)
        kept, second = screen.transform(X), np.asarray(y) == self.classes_[-1]
        score, change = _pair_scores(kept, second)
        self.pairs_ = screen.columns_[_disjoint_best(score, change, self.n_pairs)]
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


def _pair_scores(X: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Difference between the classes in how often i lies below j, and in the mean of j - i; both
    (genes, genes)."""
    # Ranks compare faster than expression, and in the same way.
    ranks = rankdata(X, method="dense", axis=1).astype(np.int32)
    order = np.zeros((X.shape[1], X.shape[1]))
    for rows, sign in ((ranks[second], 0.5), (ranks[~second], -0.5)):
        below = np.zeros(order.shape, dtype=np.int32)
        for row in rows:
            below += row[:, None] < row[None, :]
        order += sign * (below - below.T) / len(rows)
    shift = X[second].mean(axis=0) - X[~second].mean(axis=0)
    return order, shift[None, :] - shift[:, None]


def _disjoint_best(score: np.ndarray, change: np.ndarray, number: int) -> np.ndarray:
    """Rows and columns of the best scores, no gene twice: (pairs, 2)."""
    # Each pair stands in the table twice, with opposite signs. Rounded: equal shares of unequal
    # classes must be equal numbers.
    left = np.where(np.tri(len(score), dtype=bool), -1.0, np.round(np.abs(score), 9))
    pairs: list[tuple[int, int]] = []
    while len(pairs) < number and (best := left.max()) >= 0:
        first, second = np.nonzero(left == best)
        at = int(np.argmax(np.abs(change[first, second])))
        i, j = int(first[at]), int(second[at])
        left[[i, j]] = left[:, [i, j]] = -1.0
        rises = score[i, j] > 0 or (score[i, j] == 0 and change[i, j] >= 0)
        pairs.append((i, j) if rises else (j, i))
    return np.array(pairs or [(0, 0)])


def _dense(X: Any) -> np.ndarray:
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)
