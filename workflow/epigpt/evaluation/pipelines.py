"""The baselines as scikit-learn pipelines: every step that is fitted is fitted on the rows it is
given, which are training rows."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.sparsefuncs import mean_variance_axis

N_GENES = 2000
N_COMPONENTS = 20
N_TREES = 200
# Nested folds choose only the forest's threshold, for which fewer trees do.
N_NESTED_TREES = 50
# Ascending: where two penalties do equally well the stronger one is met first and kept.
L1_STRENGTHS = (0.03, 0.1, 0.3, 1.0, 10.0)
L2_STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


class MostVariableGenes(TransformerMixin, BaseEstimator):
    """Keep the genes that vary most among the rows it is fitted on; ties go to the first column.

    Parameters
    ----------
    n_genes
        Genes kept at most; constant genes never are, unless all are.
    """

    def __init__(self, n_genes: int = N_GENES) -> None:
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

    def transform(self, X: Any) -> np.ndarray:
        """Give the kept columns of `X`, dense, float64."""
        kept = X[:, self.columns_]
        return np.asarray(kept.toarray() if scipy.sparse.issparse(kept) else kept, dtype=np.float64)


class BalancedBoosting(GradientBoostingClassifier):
    """Gradient boosting that weighs the classes alike, as the other baselines do through
    `class_weight`."""

    def fit(self, X: Any, y: Any) -> "BalancedBoosting":
        """Fit on `X` (observations × genes) and `y`, each class with the same total weight."""
        super().fit(X, y, sample_weight=compute_sample_weight("balanced", y))
        return self


def build(
    model: str, shape: tuple[int, int], n_classes: int, seed: int, n_trees: int = N_TREES
) -> tuple[Pipeline, list[dict[str, float]]]:
    """Make the unfitted pipeline of a baseline and the candidates that nested folds choose from.

    Parameters
    ----------
    model
        One of `epigpt.evaluation.baselines.BASELINES`.
    shape
        Training observations × genes.
    n_classes
        Classes among them.
    seed
        For the models that draw.
    n_trees
        Trees of the random forest.

    Returns
    -------
    The pipeline, and its candidates as parameter settings (one empty setting where nothing is
    tuned).
    """
    few = shape[0] <= min(N_GENES, shape[1])
    select, scale = ("select", MostVariableGenes()), ("scale", StandardScaler())
    penalties = [{"classify__C": C} for C in L2_STRENGTHS]
    match model:
        case "majority":
            return Pipeline([("classify", DummyClassifier(strategy="prior"))]), [{}]
        case "logistic_l1":
            lasso, name = _lasso(n_classes, seed)
            built, candidates = (
                Pipeline([select, scale, ("classify", lasso)]),
                [{name: C} for C in L1_STRENGTHS],
            )
        case "logistic_l2":
            rotate = [("rotate", PCA(svd_solver="full"))] if few else []
            built, candidates = (
                Pipeline([select, scale, *rotate, ("classify", _ridge(few))]),
                penalties,
            )
        case "pca_logistic":
            n_components = min(N_COMPONENTS, shape[0] - 1, shape[1])
            reduce = PCA(n_components=n_components, svd_solver="full" if few else "covariance_eigh")
            built, candidates = (
                Pipeline([select, scale, ("reduce", reduce), ("classify", _ridge(few))]),
                penalties,
            )
        case "random_forest":
            forest = RandomForestClassifier(n_trees, class_weight="balanced", random_state=seed)
            built, candidates = Pipeline([select, ("classify", forest)]), [{}]
        case "gradient_boosting":
            boosted = BalancedBoosting(
                n_estimators=100, max_depth=2, max_features="sqrt", random_state=seed
            )
            built, candidates = Pipeline([select, ("classify", boosted)]), [{}]
        case _:
            raise ValueError(f"no baseline is called {model!r}")
    return built, candidates


def _ridge(few: bool) -> LogisticRegression:
    # An L2 penalty does not change under rotation, so the principal axes of few samples, all kept,
    # carry the very same problem in few dimensions (Hastie & Tibshirani 2004, Biostatistics 5:329),
    # where Newton's method converges in a handful of steps.
    if few:
        return LogisticRegression(
            solver="newton-cholesky", class_weight="balanced", max_iter=200, tol=1e-6
        )
    return LogisticRegression(solver="lbfgs", class_weight="balanced", max_iter=5000)


def _lasso(n_classes: int, seed: int) -> tuple[ClassifierMixin, str]:
    lasso = LogisticRegression(
        l1_ratio=1.0,
        solver="liblinear",
        class_weight="balanced",
        max_iter=5000,
        tol=1e-3,
        random_state=seed,
    )
    return (
        (lasso, "classify__C")
        if n_classes == 2
        else (OneVsRestClassifier(lasso), "classify__estimator__C")
    )
