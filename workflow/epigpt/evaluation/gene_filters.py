"""Which genes a baseline looks at: chosen on the rows it is fitted on, which are training rows."""

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_selection import f_classif
from sklearn.utils.sparsefuncs import mean_variance_axis

N_VARIABLE = 2000


class _KeptColumns(TransformerMixin, BaseEstimator):
    """A filter that keeps the columns `columns_`."""

    columns_: np.ndarray

    def transform(self, X: Any) -> np.ndarray:
        """Return the kept columns of `X`, dense, float64."""
        kept = X[:, self.columns_]
        return np.asarray(kept.toarray() if scipy.sparse.issparse(kept) else kept, dtype=np.float64)


class MostVariableGenes(_KeptColumns):
    """Keep the genes that vary most among the rows it is fitted on; ties go to the first column.

    Parameters
    ----------
    n_genes
        Genes kept at most; constant genes never are, unless all are.
    """

    def __init__(self, n_genes: int = N_VARIABLE) -> None:
        self.n_genes = n_genes

    def fit(self, X: Any, y: object = None) -> "MostVariableGenes":
        """Rank the columns of `X` (observations × genes, dense or CSR) by variance."""
        variance = (
            mean_variance_axis(X, axis=0)[1]
            if scipy.sparse.issparse(X)
            else np.var(X, axis=0, dtype=np.float64)
        )
        ranked = np.argsort(-np.asarray(variance, dtype=np.float64), kind="stable")[: self.n_genes]
        varying = ranked[variance[ranked] > 0]
        self.columns_ = np.sort(varying if len(varying) else ranked[:1])
        return self


class DiscriminatingGenes(_KeptColumns):
    """Keep the genes with the largest F statistic between the classes of the rows it is fitted on.

    Parameters
    ----------
    n_genes
        Genes kept at most; ties go to the first column, and constant genes come last.
    ranking
        Shared with its clones, so that candidates of one set of rows rank it once; None: its own.
    """

    def __init__(self, n_genes: int, ranking: "GeneRanking | None" = None) -> None:
        self.n_genes = n_genes
        self.ranking = ranking

    def fit(self, X: Any, y: Any) -> "DiscriminatingGenes":
        """Rank the columns of `X` (observations × genes, dense or CSR) by F between the classes
        `y`."""
        ranking = self.ranking or GeneRanking()
        self.columns_ = np.sort(ranking.of(X, y)[: self.n_genes])
        return self


class GeneRanking:
    """Genes by their F statistic, remembered for the matrix that was ranked last."""

    def __init__(self) -> None:
        self._matrix: Any = None
        self._known: dict[tuple[str, ...], np.ndarray] = {}

    def __sklearn_clone__(self) -> "GeneRanking":
        return self

    def of(self, X: Any, y: Any) -> np.ndarray:
        """Return the columns of `X`, which nobody may change in place, by F between the classes
        `y`, the largest first."""
        if self._matrix is not X:
            self._matrix, self._known = X, {}
        labels = tuple(map(str, y))
        if labels not in self._known:
            self._known[labels] = _by_f_statistic(X, y)
        return self._known[labels]


def _by_f_statistic(X: Any, y: Any) -> np.ndarray:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Constant genes have no F, and genes that are constant in each class an infinite one.
        warnings.simplefilter("ignore")
        statistic = np.asarray(f_classif(X, y)[0], dtype=np.float64)
    statistic[np.isnan(statistic)] = -1.0
    ranked: np.ndarray = np.argsort(-statistic, kind="stable")
    return ranked
