"""The baselines as scikit-learn pipelines: every step that is fitted is fitted on the rows it is given, which are training rows."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
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
        variance = mean_variance_axis(X, axis=0)[1] if scipy.sparse.issparse(X) else np.var(X, axis=0, dtype=np.float64)
        ranked = np.argsort(-np.asarray(variance, dtype=np.float64), kind="stable")[: self.n_genes]
        varying = ranked[variance[ranked] > 0]
        self.columns_ = np.sort(varying if len(varying) else ranked[:1])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Give the kept columns of `X`, dense, float64."""
        kept = X[:, self.columns_]
        return np.asarray(kept.toarray() if scipy.sparse.issparse(kept) else kept, dtype=np.float64)


def build(model: str, shape: tuple[int, int], n_classes: int, seed: int, n_trees: int = N_TREES) -> tuple[Pipeline, list[dict[str, float]]]:
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
    The pipeline, and its candidates as parameter settings (one empty setting where nothing is tuned).
    """
    n_genes = min(N_GENES, shape[1])
    select = ("select", MostVariableGenes(N_GENES))
    scale = ("scale", StandardScaler())
    # An L2 penalty does not change under rotation, so the principal axes of few samples, all kept, carry the very same problem in few
    # dimensions (Hastie & Tibshirani 2004, Biostatistics 5:329), where Newton's method converges in a handful of steps.
    few = shape[0] <= n_genes
    ridge = LogisticRegression(
        solver="newton-cholesky" if few else "lbfgs", class_weight="balanced", max_iter=200 if few else 5000, tol=1e-6 if few else 1e-4
    )
    if model == "majority":
        return Pipeline([("classify", DummyClassifier(strategy="prior"))]), [{}]
    if model == "logistic_l2":
        rotate = [("rotate", PCA(svd_solver="full"))] if few else []
        return Pipeline([select, scale, *rotate, ("classify", ridge)]), [{"classify__C": C} for C in L2_STRENGTHS]
    if model == "pca_logistic":
        reduce = PCA(n_components=min(N_COMPONENTS, shape[0] - 1, n_genes), svd_solver="full" if few else "covariance_eigh")
        return Pipeline([select, scale, ("reduce", reduce), ("classify", ridge)]), [{"classify__C": C} for C in L2_STRENGTHS]
    if model == "logistic_l1":
        lasso = LogisticRegression(l1_ratio=1.0, solver="liblinear", class_weight="balanced", max_iter=5000, tol=1e-3, random_state=seed)
        if n_classes == 2:
            return Pipeline([select, scale, ("classify", lasso)]), [{"classify__C": C} for C in L1_STRENGTHS]
        return Pipeline([select, scale, ("classify", OneVsRestClassifier(lasso))]), [{"classify__estimator__C": C} for C in L1_STRENGTHS]
    if model == "random_forest":
        return Pipeline([select, ("classify", RandomForestClassifier(n_trees, class_weight="balanced", random_state=seed))]), [{}]
    if model == "gradient_boosting":
        boosted = GradientBoostingClassifier(n_estimators=100, max_depth=2, max_features="sqrt", random_state=seed)
        return Pipeline([select, ("classify", boosted)]), [{}]
    raise ValueError(f"no baseline is called {model!r}")
