"""Single cells of deeply sequenced samples: the models see the sums, as baselines do."""

from pathlib import Path
from types import SimpleNamespace

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from epigpt.dataset import cell_sample, csr_rows, normalization, storage
from epigpt.dataset.count_blocks import open_observations
from epigpt.prediction.new_samples import NewSamples
from epigpt.report.matrix import Expression
from epigpt.report.sections import data as data_section
from epigpt.transfer import paired_dataset
from simulated_cells import CELLS, DONORS, cells, run_stage


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(csr_rows, "AT_ONCE", 50)
    monkeypatch.setattr(cell_sample, "DEEP_COUNTS", 1000)
    cells().write_h5ad(tmp_path / "counts.h5ad")
    return run_stage(tmp_path, monkeypatch, cells_per_donor="auto")


def test_models_see_the_sums_of_deep_samples(written: Path) -> None:
    data = anndata.read_h5ad(written)
    dense = pd.DataFrame(data.layers["counts"].toarray(), columns=data.var_names)
    sums = dense.groupby(data.obs["sample"].astype(str).to_numpy()).sum().sort_index(axis=1)
    opened = open_observations(written)
    assert list(opened.index["sample"]) == list(sums.index) == list(opened.index["observation"])
    assert list(opened.index["label"]) == ["control", "case"] * (DONORS // 2)
    assert list(opened.index["group"]) == list(sums.index)
    assert (opened.assay, opened.target) == ("bulk", 1e6)
    every = np.arange(DONORS)
    ((_, counts),) = opened.blocks(every)
    np.testing.assert_array_equal(counts.toarray(), sums)
    ((_, expression),) = opened.expression(every)
    np.testing.assert_allclose(expression.toarray(), normalization.lognorm(counts, 1e6).toarray())
    assert data.obs["modelled"].all()
    said = cell_sample.in_words(data.obs, data.uns)
    assert said == f"models see the sums of {data.n_obs} cells over their {DONORS} samples"


@pytest.mark.slow
def test_the_report_says_what_models_see(written: Path) -> None:
    read = Expression(written)
    assert storage.SUMS not in read.uns
    said = data_section._cells(SimpleNamespace(expression=read))  # type: ignore[arg-type]
    assert said.startswith("models see the sums of 240 cells over their 6 samples, as contrasts")
    read.uns[cell_sample.OBSERVED] = cell_sample.CELLS
    said = data_section._cells(SimpleNamespace(expression=read))  # type: ignore[arg-type]
    assert said.startswith("240 of 240 cells stand for their donors in the models, drawn by")
    bulk = SimpleNamespace(obs=read.obs.drop(columns="modelled"), uns={})
    assert data_section._cells(SimpleNamespace(expression=bulk)) == ""  # type: ignore[arg-type]


def test_what_is_asked_or_shallow_stays_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    obs, counts = cells().obs, np.full(CELLS, 200)
    monkeypatch.setattr(cell_sample, "DEEP_COUNTS", 1000)
    assert cell_sample.observed(obs, counts, "auto") == cell_sample.SUMS
    assert cell_sample.observed(obs, counts, 20) == cell_sample.CELLS
    one_shallow = np.where(obs["sample"] == "D3", 1, counts)
    assert cell_sample.observed(obs, one_shallow, "auto") == cell_sample.CELLS
    few = np.flatnonzero((obs["sample"] != "D3") | ((obs["sample"] == "D3").cumsum() < 10))
    assert cell_sample.observed(obs.iloc[few], counts[few] * 9, "auto") == cell_sample.CELLS
    cells().write_h5ad(tmp_path / "counts.h5ad")
    expression = run_stage(tmp_path, monkeypatch, cells_per_donor=7)
    assert len(open_observations(expression).index) == 7 * DONORS
    assert not paired_dataset.are_sums(expression)


def test_sums_are_kept_and_are_those_of_the_cells(written: Path) -> None:
    kept = storage.by_sample(written)
    with h5py.File(written, "r+") as file:
        del file[f"uns/{storage.SUMS}"]
    again = storage.by_sample(written)
    assert (kept.layers["counts"] != again.layers["counts"]).nnz == 0
    pd.testing.assert_frame_equal(kept.obs, again.obs)
    assert storage.SUMS not in kept.uns


def test_a_gene_that_no_model_may_see_is_marked_in_sums_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_sample, "DEEP_COUNTS", 1000)
    cells().write_h5ad(tmp_path / "counts.h5ad")
    asked = {"cells_per_donor": "auto", "exclude_genes": ["G003"]}
    opened = open_observations(run_stage(tmp_path, monkeypatch, **asked))
    assert opened.genes[opened.excluded].tolist() == ["G003"]


@pytest.mark.slow
def test_a_pair_is_of_sums_where_either_model_sees_sums(written: Path) -> None:
    assert paired_dataset.are_sums(written)
    pair = paired_dataset.read("cells", written, "case", "control", summed=True)
    assert pair.assay == "bulk"
    assert len(pair.obs) == DONORS
    assert pair.counts.sum() == storage.by_sample(written).layers["counts"].sum()
    assert paired_dataset.read("cells", written, "case", "control").assay == "single_cell"


def test_new_cells_are_summed_over_their_samples() -> None:
    counts = sp.csr_matrix(np.arange(12.0).reshape(4, 3))
    index = pd.DataFrame({"observation": list("wxyz"), "sample": ["b", "a", "b", "a"]})
    genes = np.array(["g1", "g2", "g3"])
    new = NewSamples(index, genes, genes, "unknown", counts)
    assert new.are_cells
    summed = new.over_samples()
    assert list(summed.index["sample"]) == ["a", "b"]
    assert summed.counts.toarray().tolist() == [[12, 14, 16], [6, 8, 10]]
    assert not summed.are_cells
