"""PCA and UMAP for the eye: any number of samples, the same picture each time."""

import anndata
import numpy as np
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from epigpt.dataset import normalization
from epigpt.expression import embedding


def series(n: int, genes: int = 300, seed: int = 0) -> anndata.AnnData:
    """Two kinds of samples, the second half with 30 genes five times as high."""
    random = np.random.default_rng(seed)
    rates = np.tile(random.gamma(2, 20, genes), (n, 1))
    rates[n // 2 :, :30] *= 5
    data = anndata.AnnData(
        sp.csr_matrix(random.poisson(rates).astype(np.int32)), uns={"assay": "bulk"}
    )
    return normalization.normalise(data, np.ones(n, dtype=bool))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 24])
def test_any_number_of_samples_is_laid_out(n: int) -> None:
    data = series(n)
    embedding.embed(data, 1)
    assert data.obsm["X_umap"].shape == (n, 2)
    assert data.obsm["X_pca"].shape == (n, max(1, min(30, n - 1)))
    assert np.isfinite(data.obsm["X_umap"]).all()
    assert np.isfinite(data.obsm["X_pca"]).all()
    assert {"mean", "dispersion", "highly_variable"} <= set(data.var)


def test_kinds_of_samples_lie_apart() -> None:
    data = series(24)
    embedding.embed(data, 1)
    for name in ("X_pca", "X_umap"):
        points = data.obsm[name][:, :2]
        centres = points[:12].mean(axis=0), points[12:].mean(axis=0)
        spread = max(points[:12].std(axis=0).max(), points[12:].std(axis=0).max())
        assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread, name


def test_the_seed_decides_and_threads_do_not() -> None:
    made = []
    for threads, seed in ((1, 3), (2, 3), (1, 4)):
        data = series(30)
        with threadpool_limits(threads):
            embedding.embed(data, seed)
        made.append((data.obsm["X_pca"].copy(), data.obsm["X_umap"].copy()))
    np.testing.assert_array_equal(made[0][0], made[1][0])
    np.testing.assert_array_equal(made[0][1], made[1][1])
    assert not np.array_equal(made[0][1], made[2][1])


def test_samples_that_do_not_differ_are_no_failure() -> None:
    counts = np.tile(np.random.default_rng(0).poisson(5, 2_500), (6, 1)).astype(np.int32)
    data = normalization.normalise(
        anndata.AnnData(sp.csr_matrix(counts), uns={"assay": "bulk"}), np.ones(6, dtype=bool)
    )
    embedding.embed(data, 1)
    np.testing.assert_allclose(data.obsm["X_umap"], 0, atol=1e-3)


def test_variable_genes_are_those_that_vary() -> None:
    data = series(12, genes=4_000)
    embedding.embed(data, 1)
    assert data.var["highly_variable"].sum() == 2_000
    assert data.var["highly_variable"].iloc[:30].mean() > 0.8
    assert data.n_vars == 4_000


@pytest.mark.slow
def test_many_observations_get_umaps_own_graph() -> None:
    data = series(220, genes=60)
    embedding.embed(data, 1)
    assert data.uns["embedding"]["graph"] == "umap"
    assert np.isfinite(data.obsm["X_umap"]).all()


def test_the_result_can_be_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = series(5)
    embedding.embed(data, 1)
    path = tmp_path_factory.mktemp("h5ad") / "expression.h5ad"
    data.write_h5ad(path)
    back = anndata.read_h5ad(path)
    np.testing.assert_array_equal(back.obsm["X_umap"], data.obsm["X_umap"])
    assert back.uns["embedding"]["seed"] == 1


@pytest.mark.slow
def test_more_observations_than_an_exact_search_is_usual_for() -> None:
    """From 8,192 on, scanpy's own choice is an approximate search."""
    data = series(8_200, genes=60)
    embedding.embed(data, 1)
    assert np.isfinite(data.obsm["X_umap"]).all()
