"""PCA and UMAP of a data set, for the eye alone: no model reads them, so they may look at all
observations."""

import warnings
from typing import Any

import numpy as np
import scanpy
from anndata import AnnData
from threadpoolctl import threadpool_limits

_VARIABLE_GENES = 2_000
_COMPONENTS = 30
_NEIGHBOURS = 15
# Up to here the full decomposition costs nothing; above it, an iterative solver that keeps the
# matrix sparse.
_FULL_DECOMPOSITION = 1_000
# Compiling UMAP's own graph takes 7 s in every process and pays off for cells only; the Gaussian
# kernel needs no compiler.
_GAUSSIAN_GRAPH = 200
# Observations that do not differ still differ by the last digits of their single precision.
_ROUNDING = 1e-4


def embed(expression: AnnData, seed: int) -> None:
    """Add highly variable genes, PCA and UMAP to `expression`, in place.

    The same seed gives the same coordinates, whatever the number of threads. Any number of
    observations is accepted: components and neighbours are clipped to what there is, and below
    three observations UMAP, which needs neighbours, repeats the principal components.

    Parameters
    ----------
    expression
        `X` is log-normalised expression, observations × genes.
    seed
        Decides the layout of UMAP.

    Notes
    -----
    Adds `var`: `mean`, `dispersion`, `highly_variable`; `obsm`: `X_pca` (n × up to 30), `X_umap` (n
    × 2), both float32; `varm["PCs"]` (genes × components, 0 outside the variable genes);
    `uns["pca"]`: `variance`, `variance_ratio`; `uns["embedding"]`: what was done. Of single cells
    also `obsp["distances"]`, `obsp["connectivities"]` and `uns["neighbors"]`, as scanpy's own
    functions look for them. PCA and UMAP by scanpy (Wolf et al. 2018); UMAP (McInnes et al. 2018)
    starts from the first two principal components, which keeps the large-scale arrangement (Kobak &
    Linderman 2021). The neighbour graph is UMAP's own from 200 observations on, a Gaussian kernel
    below.
    """
    # BLAS sums in an order that depends on its threads, and UMAP magnifies a difference in the last
    # digit.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # Tiny series leave bins of mean expression with one gene or without variance; scanpy then
        # divides by zero and goes on.
        warnings.filterwarnings(
            "ignore", category=RuntimeWarning, module=r"(scanpy|numpy|sklearn)\b"
        )
        # scanpy calls interfaces of pandas and anndata that are on their way out.
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        # Fewer genes than wanted vary at all: those that do are taken.
        warnings.filterwarnings(
            "ignore", message=".*number of normalized dispersions", category=UserWarning
        )
        # umap says that a fixed seed keeps it to one thread, which is what we ask for.
        warnings.filterwarnings(
            "ignore", message=r".*random_state|.*n_jobs value", category=UserWarning
        )
        _variable_genes(expression)
        components = _pca(expression, seed)
        neighbours = _umap(expression, seed)
    expression.uns["embedding"] = {
        "variable_genes": int(expression.var["highly_variable"].sum()),
        "components": components,
        "neighbours": neighbours,
        "graph": (
            "none" if not neighbours else "gauss" if expression.n_obs < _GAUSSIAN_GRAPH else "umap"
        ),
        "seed": seed,
    }


def projected(laid_out: AnnData, expression: Any) -> np.ndarray:
    """Return the principal components of other observations, float32.

    Parameters
    ----------
    laid_out
        Embedded.
    expression
        Log-normalised expression of the others over the same genes, CSR.
    """
    genes = np.flatnonzero(laid_out.var["highly_variable"].to_numpy())
    loadings = laid_out.varm["PCs"][genes]
    centre = laid_out.var["mean"].to_numpy()[genes]
    found: np.ndarray = (expression[:, genes] @ loadings - centre @ loadings).astype(np.float32)
    return found


def _variable_genes(expression: AnnData) -> None:
    """Mark the genes whose dispersion stands out among genes of like mean; all of them when there
    are few."""
    values = expression.X
    mean = np.asarray(values.mean(axis=0)).ravel()
    square = values.multiply(values) if hasattr(values, "multiply") else np.square(values)
    variance = np.maximum(np.asarray(square.mean(axis=0)).ravel() - mean**2, 0.0)
    expression.var["mean"] = mean
    expression.var["dispersion"] = np.divide(
        variance, mean, out=np.zeros_like(mean), where=mean > 0
    )
    expression.var["highly_variable"] = True
    # scanpy cannot rank genes when too few of them vary at all.
    if (expression.var["dispersion"] > _ROUNDING).sum() <= _VARIABLE_GENES or expression.n_obs < 3:
        return
    variable = scanpy.pp.highly_variable_genes(
        expression, n_top_genes=_VARIABLE_GENES, inplace=False
    )
    chosen = variable["highly_variable"].to_numpy(dtype=bool)
    if chosen.sum() >= 2:
        expression.var["highly_variable"] = chosen


def _pca(expression: AnnData, seed: int) -> int:
    """Add `X_pca`; gives the number of components, 0 where observations do not differ."""
    genes = np.flatnonzero(expression.var["highly_variable"].to_numpy())
    wanted = min(_COMPONENTS, expression.n_obs - 1, len(genes) - 1)
    if wanted < 1:
        expression.obsm["X_pca"] = np.zeros((expression.n_obs, 1), dtype=np.float32)
        expression.varm["PCs"] = np.zeros((expression.n_vars, 1), dtype=np.float32)
        expression.uns["pca"] = {"variance": np.zeros(1), "variance_ratio": np.zeros(1)}
        return 0
    selected = expression.X[:, genes]
    small = expression.n_obs <= _FULL_DECOMPOSITION
    if small:
        selected = selected.toarray() if hasattr(selected, "toarray") else np.asarray(selected)
    part = AnnData(selected)
    scanpy.pp.pca(part, n_comps=wanted, svd_solver="full" if small else "arpack", random_state=seed)
    expression.obsm["X_pca"] = np.nan_to_num(part.obsm["X_pca"]).astype(np.float32)
    loadings = np.zeros((expression.n_vars, wanted), dtype=np.float32)
    loadings[genes] = np.nan_to_num(part.varm["PCs"])
    expression.varm["PCs"] = loadings
    expression.uns["pca"] = {
        name: np.nan_to_num(np.asarray(part.uns["pca"][name], dtype=float))
        for name in ("variance", "variance_ratio")
    }
    return wanted


def _umap(expression: AnnData, seed: int) -> int:
    """Add `X_umap`; gives the number of neighbours, 0 where there is nothing to lay out."""
    components = expression.obsm["X_pca"]
    start = np.zeros((expression.n_obs, 2), dtype=np.float32)
    start[:, : min(2, components.shape[1])] = components[:, :2]
    # With everyone everyone's neighbour there would be no structure to show.
    neighbours = min(_NEIGHBOURS, max(2, expression.n_obs // 2))
    if expression.n_obs < 3 or np.ptp(components) < _ROUNDING:
        expression.obsm["X_umap"] = start
        return 0
    # A graph of its own object, since samples need no table of neighbours in their file.
    graph = AnnData(np.zeros((expression.n_obs, 0), dtype=np.float32), obsm={"X_pca": components})
    small = expression.n_obs < _GAUSSIAN_GRAPH
    verbosity = scanpy.settings.verbosity
    scanpy.settings.verbosity = 0  # it would log that the graph is not UMAP's own
    try:
        scanpy.pp.neighbors(
            graph,
            n_neighbors=neighbours,
            use_rep="X_pca",
            method="gauss" if small else "umap",
            # Exact; of many observations scanpy would take one that compiles for a minute.
            transformer="sklearn",
            random_state=seed,
        )
        scanpy.tl.umap(graph, init_pos=start, random_state=seed)
    finally:
        scanpy.settings.verbosity = verbosity
    expression.obsm["X_umap"] = np.asarray(graph.obsm["X_umap"], dtype=np.float32)
    if expression.uns.get("assay") == "single_cell":
        for name in ("distances", "connectivities"):
            expression.obsp[name] = graph.obsp[name].astype(np.float32)
        expression.uns["neighbors"] = graph.uns["neighbors"]
    return neighbours
