"""Normalisation: each observation by its own total."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from epigpt.dataset import normalization


def series(counts: np.ndarray, assay: str) -> anndata.AnnData:
    names = [f"g{number}" for number in range(counts.shape[1])]
    return anndata.AnnData(
        sp.csr_array(counts.astype(np.int32)),
        obs=pd.DataFrame(
            {"sample": [f"s{number}" for number in range(len(counts))]},
            index=[f"o{number}" for number in range(len(counts))],
        ),
        var=pd.DataFrame({"symbol": names}, index=names),
        uns={"assay": assay, "organism": "human"},
    )


@pytest.mark.parametrize(("assay", "total"), [("bulk", 1e6), ("single_cell", 1e4)])
def test_observations_reach_one_total(assay: str, total: float) -> None:
    counts = np.random.default_rng(0).poisson(2, (6, 40))
    made = normalization.normalise(series(counts, assay), np.ones(6, dtype=bool))
    np.testing.assert_allclose(
        np.expm1(made.layers["lognorm"].toarray().astype(float)).sum(axis=1), total, rtol=1e-5
    )
    assert made.uns["normalisation"]["scale"] == total
    assert made.uns["organism"] == "human"


def test_the_formula_is_log_one_plus_counts_per_total() -> None:
    made = normalization.lognorm(np.array([[1, 3, 0], [0, 0, 0]]), 10_000)
    np.testing.assert_allclose(
        made.toarray(), [[np.log1p(2_500), np.log1p(7_500), 0], [0, 0, 0]], rtol=1e-6
    )


def test_many_rows_are_normalised_as_each_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(0).poisson(0.7, (11, 30))
    counts[4] = 0
    whole = normalization.lognorm(counts, 10_000).toarray()
    monkeypatch.setattr(normalization, "_ROWS_AT_A_TIME", 3)
    np.testing.assert_array_equal(normalization.lognorm(counts, 10_000).toarray(), whole)
    alone = [normalization.lognorm(row[None], 10_000).toarray()[0] for row in counts]
    np.testing.assert_array_equal(whole, np.array(alone))


def test_matrices_stay_sparse_and_counts_stay_counts() -> None:
    counts = np.random.default_rng(0).poisson(0.2, (6, 400))
    made = normalization.normalise(series(counts, "single_cell"), np.ones(6, dtype=bool))
    for matrix in (made.X, made.layers["counts"], made.layers["lognorm"]):
        assert sp.issparse(matrix)
        assert matrix.format == "csr"
    assert made.layers["counts"].dtype == np.int32
    assert made.layers["lognorm"].dtype == np.float32
    assert made.layers["counts"].nnz == made.layers["lognorm"].nnz == (counts > 0).sum()
    np.testing.assert_array_equal(made.X.toarray(), made.layers["lognorm"].toarray())


def test_kept_observations_and_seen_genes_remain() -> None:
    counts = np.array([[5, 0, 1, 0], [9, 9, 9, 0], [0, 0, 4, 0]])
    made = normalization.normalise(series(counts, "bulk"), np.array([True, False, True]))
    assert made.obs_names.tolist() == ["o0", "o2"]
    assert made.var_names.tolist() == ["g0", "g2"]
    np.testing.assert_array_equal(made.layers["counts"].toarray(), [[5, 1], [0, 4]])


def test_an_observation_does_not_depend_on_the_others() -> None:
    counts = np.random.default_rng(0).poisson(5, (4, 30)) + 1
    whole = normalization.normalise(series(counts, "bulk"), np.ones(4, dtype=bool)).X.toarray()
    for number in range(4):
        alone = normalization.normalise(
            series(counts[[number]], "bulk"), np.ones(1, dtype=bool)
        ).X.toarray()
        np.testing.assert_array_equal(alone[0], whole[number])
