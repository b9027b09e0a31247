"""The baselines as scikit-learn pipelines: every step that is fitted is fitted on the rows it is
given, which are training rows."""

from inspect import signature
from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.class_weight import compute_sample_weight

from epigpt.encoding.balanced_logistic import BalancedLogistic
from epigpt.evaluation.gene_filters import (
    N_VARIABLE,
    DiscriminatingGenes,
    GeneRanking,
    MostVariableGenes,
)
from epigpt.evaluation.shrunken_centroids import ShrunkenCentroids
from epigpt.evaluation.top_scoring_pairs import TopScoringPairs

N_COMPONENTS = 20
N_TREES = 200
# Ascending: where two penalties do equally well the stronger one is met first and kept.
L1_STRENGTHS = (0.03, 0.1, 0.3, 1.0, 10.0)
L2_STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
SCREENED_GENES = (10, 30, 100, 300)
SCREENED_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
# Genes whose pairs are scored, and pairs that vote (odd, so that they cannot be divided).
TOP_SCORING_PAIRS = ((50, 5), (150, 9), (150, 25))
# The genes of a pair need not differ themselves. Affordable for samples, not for many cells.
MANY_GENES_PAIRS = (1000, 9)
MOST_ROWS_FOR_MANY_PAIRS = 200
# Descending: the threshold that leaves fewest genes is met first.
SHRINK_THRESHOLDS = (4.0, 3.0, 2.0, 1.0, 0.5, None)
TEMPERATURES = (100.0, 10.0, 1.0)
# Parameters that only scoring reads: candidates that differ in nothing else share one fit.
OF_SCORING = frozenset({"temperature"})

# scikit-learn asks for the signature of an estimator whenever it copies one, in a forest of every
# tree, which takes longer than to grow the tree; where it is noted, Python does not work it out.
for _copied in (
    Pipeline,
    StandardScaler,
    PCA,
    LogisticRegression,
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    DiscriminatingGenes,
    MostVariableGenes,
    ShrunkenCentroids,
    TopScoringPairs,
):
    _copied.__init__.__dict__.setdefault("__signature__", signature(_copied.__init__))


class BalancedBoosting(GradientBoostingClassifier):
    """Gradient boosting that weighs the classes alike, as the other baselines do through
    `class_weight`."""

    def fit(self, X: Any, y: Any) -> "BalancedBoosting":
        """Fit on `X` (observations × genes) and `y`, each class with the same total weight."""
        super().fit(X, y, sample_weight=compute_sample_weight("balanced", y))
        return self


def build(
    model: str, shape: tuple[int, int], n_classes: int, seed: int
) -> tuple[Pipeline, list[dict[str, Any]]]:
    """Make the unfitted pipeline of a baseline and the candidates that nested folds choose from.

    Parameters
    ----------
    model
        One of `epigpt.model_names.BASELINES`.
    shape
        Training observations × genes.
    n_classes
        Classes among them.
    seed
        For the models that draw.

    Returns
    -------
    The pipeline, and its candidates as parameter settings (one empty setting where nothing is
    tuned).
    """
    few = shape[0] <= min(N_VARIABLE, shape[1])
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
            forest = RandomForestClassifier(N_TREES, class_weight="balanced", random_state=seed)
            built, candidates = Pipeline([select, ("classify", forest)]), [{}]
        case "gradient_boosting":
            boosted = BalancedBoosting(
                n_estimators=100, max_depth=2, max_features="sqrt", random_state=seed
            )
            built, candidates = Pipeline([select, ("classify", boosted)]), [{}]
        case "screened_logistic":
            built, candidates = _screened(scale, shape[0] <= max(SCREENED_GENES))
        case "ktsp":
            built, candidates = _top_scoring_pairs(shape[0], n_classes)
        case "nearest_centroid":
            built, candidates = _shrunken_centroids(select)
        case _:
            raise ValueError(f"no baseline is called {model!r}")
    return built, candidates


def _screened(
    scale: tuple[str, StandardScaler], few: bool
) -> tuple[Pipeline, list[dict[str, Any]]]:
    screen = ("screen", DiscriminatingGenes(SCREENED_GENES[0], GeneRanking()))
    rotate = [("rotate", PCA(svd_solver="full"))] if few else []
    return Pipeline([screen, scale, *rotate, ("classify", _ridge(True))]), [
        {"screen__n_genes": number, "classify__C": C}
        for number in SCREENED_GENES
        for C in SCREENED_STRENGTHS
    ]


def _top_scoring_pairs(n_rows: int, n_classes: int) -> tuple[Pipeline, list[dict[str, Any]]]:
    voting = TopScoringPairs(ranking=GeneRanking())
    own = "classify__" if n_classes == 2 else "classify__estimator__"
    classify = voting if n_classes == 2 else OneVsRestClassifier(voting)
    sizes = list(TOP_SCORING_PAIRS)
    if n_rows <= MOST_ROWS_FOR_MANY_PAIRS:
        sizes.append(MANY_GENES_PAIRS)
    return Pipeline([("classify", classify)]), [
        {f"{own}n_genes": genes, f"{own}n_pairs": pairs} for genes, pairs in sizes
    ]


def _shrunken_centroids(
    select: tuple[str, MostVariableGenes],
) -> tuple[Pipeline, list[dict[str, Any]]]:
    return Pipeline([select, ("classify", ShrunkenCentroids())]), [
        {"classify__shrink_threshold": threshold, "classify__temperature": temperature}
        for threshold in SHRINK_THRESHOLDS
        for temperature in TEMPERATURES
    ]


def _ridge(few: bool) -> BalancedLogistic:
    # An L2 penalty does not change under rotation, so the principal axes of few samples, all kept,
    # carry the very same problem in few dimensions (Hastie & Tibshirani 2004, Biostatistics 5:329),
    # where Newton's method converges in a handful of steps.
    if few:
        return BalancedLogistic(solver="newton-cholesky", max_iter=200, tol=1e-6)
    return BalancedLogistic(solver="lbfgs", max_iter=5000)


def _lasso(n_classes: int, seed: int) -> tuple[ClassifierMixin, str]:
    lasso = BalancedLogistic(
        l1_ratio=1.0,
        solver="liblinear",
        max_iter=5000,
        tol=1e-3,
        random_state=seed,
    )
    return (
        (lasso, "classify__C")
        if n_classes == 2
        else (OneVsRestClassifier(lasso), "classify__estimator__C")
    )
