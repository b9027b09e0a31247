"""expression.h5ad as other programs of its kind expect it."""

import json
import sys
import warnings
from pathlib import Path

import anndata
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from epigpt.stages import expression as stage


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, assay: str, n: int) -> anndata.AnnData:
    """Run the stage on two kinds of observations and read what it wrote."""
    random = np.random.default_rng(0)
    rates = np.tile(random.gamma(2, 20, 300), (n, 1))
    rates[n // 2 :, :30] *= 6
    names = [f"S{at:03d}" for at in range(n)]
    sample = names if assay == "bulk" else [f"D{at % 8}" for at in range(n)]
    data = anndata.AnnData(
        sp.csr_matrix(random.poisson(rates).astype(np.int32)),
        obs=pd.DataFrame(
            {
                "sample": sample,
                "label": np.where(np.arange(n) < n // 2, "control", "epilepsy"),
                "group": sample,
                "sex": np.where(np.arange(n) % 2, "Male", "female"),
            },
            index=names,
        ),
        var=pd.DataFrame(
            {"symbol": [f"Gene{at}" if at else "" for at in range(300)]},
            index=[f"ENSMUSG{at:011d}" for at in range(300)],
        ),
        uns={"assay": assay, "organism": "mouse", "dataset": "made"},
    )
    data.write_h5ad(folder / "counts.h5ad")
    limits = ("min_counts", "min_genes", "max_mitochondrial_percent")
    settings = json.dumps(
        {
            "seed": 1,
            "exclude_genes": [],
            "cells_per_donor": "auto",
            **{f"quality.{name}": "auto" for name in limits},
        }
    )
    arguments = ["stage", "--settings", settings, "--counts", "counts.h5ad"]
    arguments += ["--expression", "expression.h5ad", "--quality", "quality.tsv"]
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", arguments)
    stage.main()
    return anndata.read_h5ad(folder / "expression.h5ad")


@pytest.mark.slow
@pytest.mark.parametrize(("assay", "n"), [("bulk", 16), ("single_cell", 240)])
def test_scanpys_functions_run_on_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assay: str, n: int
) -> None:
    data = written(tmp_path, monkeypatch, assay, n)
    mpl.use("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scanpy

        draw = {"show": False}
        scanpy.pl.pca(data, color=["label", "total_counts"], **draw)
        scanpy.pl.pca_variance_ratio(data, n_pcs=5, **draw)
        scanpy.pl.pca_loadings(data, components="1,2", **draw)
        scanpy.pl.umap(data, color="Gene3", gene_symbols="feature_name", **draw)
        scanpy.pl.violin(data, ["n_genes_by_counts", "total_counts"], groupby="label", **draw)
        scanpy.tl.rank_genes_groups(data, "label", method="t-test")
        scanpy.pl.rank_genes_groups(data, n_genes=5, gene_symbols="feature_name", **draw)
        if assay == "single_cell":
            scanpy.pl.umap(data, color="cluster", **draw)
            scanpy.tl.diffmap(data, n_comps=5)
    best = data.uns["rank_genes_groups"]["names"]["epilepsy"][:30]
    assert {int(name[-3:]) for name in best} == set(range(30))


def test_names_that_other_programs_look_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = written(tmp_path, monkeypatch, "single_cell", 120)
    assert data.varm["PCs"].shape == (data.n_vars, data.obsm["X_pca"].shape[1])
    projected = (data.X - data.X.mean(axis=0)) @ data.varm["PCs"]
    assert np.allclose(np.abs(projected[:, :2]), np.abs(data.obsm["X_pca"][:, :2]), atol=0.05)
    assert data.obsp["connectivities"].shape == (120, 120)
    assert data.uns["neighbors"]["connectivities_key"] == "connectivities"
    assert set(data.obs["sex_ontology_term_id"]) == {"PATO:0000383", "PATO:0000384"}
    assert data.uns["organism_ontology_term_id"] == "NCBITaxon:10090"
    assert data.var["feature_name"].iloc[0] == "ENSMUSG00000000000"  # no symbol: its id
    assert data.var["feature_name"].iloc[1] == "Gene1"
    # Two kinds of cells, no cluster that mixes them.
    crossed = pd.crosstab(data.obs["cluster"], data.obs["label"])
    assert (crossed.max(axis=1) / crossed.sum(axis=1)).min() > 0.9


def test_samples_have_no_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(tmp_path, monkeypatch, "bulk", 16)
    assert "cluster" not in data.obs
    assert not data.obsp
    quality = pd.read_csv(tmp_path / "quality.tsv", sep="\t", index_col=0)
    assert data.obs["n_genes_by_counts"].tolist() == quality["n_genes"].tolist()
