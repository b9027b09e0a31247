"""Single cells: a sample of them stands for a donor in the models, all of them in its sums, and
files are written and read some cells at a time."""

import itertools
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from epigpt.config import repetitions
from epigpt.config.dataset_row import Row
from epigpt.dataset import cell_sample, csr_rows, expression_data, normalization, storage
from epigpt.dataset.count_blocks import open_observations
from epigpt.dataset.h5ad_source import from_h5ad
from epigpt.encoding import augmentation
from epigpt.errors import InputError
from epigpt.evaluation import cell_types, cross_validation
from epigpt.expression import cells_by_blocks, contrasts, embedding
from epigpt.matrices import hdf5_safety
from epigpt.matrices.streams import Budget, Member
from epigpt.schema import TABLES
from simulated_cells import CELLS, DONORS, cells, run_stage


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells")
    cells().write_h5ad(folder / "counts.h5ad")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csr_rows, "AT_ONCE", 50)
        return run_stage(folder, patch)


@pytest.fixture
def written(once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(csr_rows, "AT_ONCE", 50)
    return once


@pytest.mark.slow
def test_a_file_written_in_blocks_is_anndatas_own(written: Path) -> None:
    data, source = anndata.read_h5ad(written), cells()
    kept = source[data.obs_names]
    expected = normalization.normalise(kept, np.ones(kept.n_obs, dtype=bool))
    assert list(data.var_names) == list(expected.var_names) != list(source.var_names)
    for name in ("counts", "lognorm"):
        assert (data.layers[name] != expected.layers[name]).nnz == 0
        assert data.layers[name].dtype == expected.layers[name].dtype
    assert (data.layers["lognorm"] != data.X).nnz == 0


def test_expression_is_stored_once(written: Path) -> None:
    import h5py

    with h5py.File(written) as file:
        assert file["X"] == file["layers/lognorm"]
        assert file["layers/counts/indices"] == file["layers/lognorm/indices"]
    member = Member.of_file(written)
    with hdf5_safety.opened(member, Budget(1e9), written.parent) as file:
        assert file["X/data"].size == file["layers/counts/data"].size


def test_models_see_as_many_cells_of_each_donor_and_class(written: Path) -> None:
    data = anndata.read_h5ad(written)
    opened = open_observations(written)
    assert opened.index["sample"].value_counts().to_dict() == {f"D{n}": 10 for n in range(DONORS)}
    assert sorted(opened.index["observation"]) == sorted(data.obs_names[data.obs["modelled"]])
    rows = np.arange(len(opened.index))
    (positions, counts), *_ = opened.blocks(rows[::-1], 7)
    names = opened.index["observation"].to_numpy()[positions]
    assert (counts != data[names].layers["counts"]).nnz == 0


def test_what_is_held_in_memory_is_what_the_file_says(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = open_observations(written)
    monkeypatch.setattr("epigpt.dataset.count_blocks.MOST_HELD", 0)
    read = open_observations(written)
    wanted = np.arange(len(held.index))[::3]
    for (ours, one), (theirs, other) in zip(
        held.blocks(wanted, 8), read.blocks(wanted, 8), strict=True
    ):
        assert ours.tolist() == theirs.tolist()
        assert (one != other).nnz == 0
    assert held._held is not None
    assert read._held is None


def test_views_that_were_drawn_are_those_that_would_be_drawn_again(written: Path) -> None:
    observations = open_observations(written)
    held, made = observations.held(), []

    def drawn(kept: bool, positions: np.ndarray, number: int, seed: int) -> np.ndarray:
        source = held if kept else observations
        ((_, counts),) = source.blocks(positions)
        return augmentation.view(source, positions, counts, number, seed=seed, target=1e4).toarray()

    some = [np.arange(10), np.arange(5, 15), np.arange(10)[::-1]]
    for _ in range(2):
        for positions, number, seed in itertools.product(some, (0, 1, 2), (1, 2)):
            np.testing.assert_array_equal(
                drawn(True, positions, number, seed), drawn(False, positions, number, seed)
            )
    held.remembered("once", lambda: made.append(1) or sp.csr_matrix((1, 1)))
    held.remembered("once", lambda: made.append(1) or sp.csr_matrix((1, 1)))
    assert made == [1]


def test_the_order_of_a_file_does_not_decide_the_cells() -> None:
    obs = cells().obs
    drawn = cell_sample.draw(obs, 7, 3)
    order = np.random.default_rng(1).permutation(len(obs))
    again = cell_sample.draw(obs.iloc[order], 7, 3)
    assert sorted(obs.index[drawn]) == sorted(obs.iloc[order].index[again])
    assert sorted(obs.index[cell_sample.draw(obs, 7, 4)]) != sorted(obs.index[drawn])


def test_samples_of_a_donor_share_its_cells() -> None:
    obs = cells().obs.assign(group="one", label="same")
    drawn = cell_sample.draw(obs, 30, 1)
    assert obs["sample"][drawn].value_counts().to_dict() == {f"D{n}": 5 for n in range(DONORS)}


def test_auto_is_bounded() -> None:
    assert [cell_sample.each("auto", units) for units in (2, 10, 20, 1000)] == [500, 200, 100, 50]
    assert cell_sample.each(9000, 3) == 9000


def test_a_donor_is_judged_by_the_sum_of_all_its_cells(written: Path) -> None:
    data = anndata.read_h5ad(written)
    dense = pd.DataFrame(data.layers["counts"].toarray(), columns=data.var_names)
    sums = dense.groupby(data.obs["sample"].astype(str).to_numpy()).sum()
    summed = storage.by_sample(written)
    assert list(summed.obs_names) == list(sums.index)
    np.testing.assert_array_equal(summed.layers["counts"].toarray(), sums)
    assert summed.obs["observations"].sum() == data.n_obs
    assert "cell_type" not in summed.obs
    assert "label" in summed.obs
    read = expression_data.read(written)
    np.testing.assert_allclose(
        read.lognorm.toarray(),
        np.log1p(sums.to_numpy() / sums.to_numpy().sum(axis=1, keepdims=True) * 1e6),
        rtol=1e-5,
    )
    by_type = storage.by_sample(written, "cell_type")
    assert len(by_type) == data.obs.groupby(["sample", "cell_type"], observed=True).ngroups


def test_contrasts_of_samples_are_those_of_their_cells(written: Path) -> None:
    whole = contrasts.compare(anndata.read_h5ad(written), "case", "control")
    summed = contrasts.compare(storage.by_sample(written, "cell_type"), "case", "control")
    pd.testing.assert_frame_equal(whole.table, summed.table)
    assert whole.summary == summed.summary
    assert summed.summary["unit"] == "donor"


def test_of_many_cells_some_are_laid_out_and_the_others_projected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells_by_blocks, "MOST_CELLS", 120)
    monkeypatch.setattr(csr_rows, "AT_ONCE", 50)
    cells().write_h5ad(tmp_path / "counts.h5ad")
    data = anndata.read_h5ad(run_stage(tmp_path, monkeypatch))
    shown = np.isfinite(data.obsm["X_umap"]).all(axis=1)
    assert data.uns["embedding"]["laid_out"] == shown.sum() <= 120
    assert data.obs["sample"][shown].value_counts().max() == 120 // DONORS
    assert np.isfinite(data.obsm["X_pca"]).all()
    part = data[shown].copy()
    again = embedding.projected(part, part.layers["lognorm"])
    np.testing.assert_allclose(again, part.obsm["X_pca"], atol=1e-3)
    assert not data.obsp


@pytest.mark.parametrize(
    ("group", "label", "expected"),
    [("donor", "condition", 6), ("auto", "condition", 6), ("donor", "treated", 12)],
)
def test_cells_that_name_no_sample_are_of_their_donor(
    tmp_path: Path, group: str, label: str, expected: int
) -> None:
    data = cells()
    data.obs = pd.DataFrame(
        {
            "donor": data.obs["sample"],
            "condition": data.obs["label"],
            "treated": np.where(np.arange(CELLS) % 2, "yes", "no"),
            "cell_type": data.obs["cell_type"],
        }
    )
    data.write_h5ad(tmp_path / "cells.h5ad")
    row = Row("cells", str(tmp_path / "cells.h5ad"), assay="single_cell", label=label, group=group)
    member = Member.of_file(tmp_path / "cells.h5ad")
    candidate, about = from_h5ad(row, member, frozenset(), Budget(1e9), tmp_path)
    assert len(set(candidate.samples)) == len(about.characteristics) == expected
    assert label in about.characteristics
    assert "donor" in about.characteristics
    assert candidate.cells["cell_type"].nunique() == 2


def test_cells_without_donor_or_sample_are_refused(tmp_path: Path) -> None:
    data = cells()
    data.obs = pd.DataFrame({"condition": data.obs["label"]})
    data.write_h5ad(tmp_path / "cells.h5ad")
    row = Row("cells", str(tmp_path / "cells.h5ad"), assay="single_cell", label="condition")
    member = Member.of_file(tmp_path / "cells.h5ad")
    with pytest.raises(InputError, match="group"):
        from_h5ad(row, member, frozenset(), Budget(1e9), tmp_path)


def test_views_and_passes_of_cells() -> None:
    assert repetitions.views("auto", "bulk") == 4
    assert repetitions.views("auto", "single_cell") == 1
    assert repetitions.views(3, "single_cell") == 3
    assert repetitions.epochs("auto", 96, 64) == 10
    assert repetitions.epochs("auto", 80_000, 64) == 3
    assert repetitions.epochs("auto", 10**7, 64) == 2
    assert repetitions.epochs("auto", 1_600, 64, "single_cell") == 4
    assert repetitions.epochs(12, 10**7, 64) == 12


@pytest.mark.slow
@pytest.mark.parametrize("covariates", [[], ["sex"]])
def test_each_kind_of_cell_is_compared_and_told_apart_alone(
    written: Path, covariates: list[str]
) -> None:
    folds = cross_validation.folds(storage.by_sample(written).obs, 3, 2, 1)
    samples = storage.by_sample(written, "cell_type")
    table, tested = cell_types.each(
        samples, folds, ["control", "case"], covariates, seed=1, bootstrap=200
    )
    assert list(table.columns) == [column.name for column in TABLES["cell_types.tsv"].columns]
    assert list(tested.columns) == TABLES["cell_type_contrasts.tsv"].header
    assert set(table["cell_type"]) == set(tested["cell_type"]) == {"B", "T"}
    assert table["n_cells"].is_monotonic_decreasing
    assert table["n_cells"].sum() == anndata.read_h5ad(written).n_obs
    assert table["auc"].between(0, 1).all()
    alone = samples[(samples.obs["cell_type"] == "B").to_numpy()].copy()
    expected = contrasts.compare(alone, "case", "control", covariates).table
    found = tested[tested["cell_type"] == "B"].drop(columns="cell_type").reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)


def test_a_kind_that_few_donors_have_says_why_it_has_no_score(written: Path) -> None:
    samples = storage.by_sample(written, "cell_type")
    rare = (samples.obs["cell_type"] == "B") & samples.obs["sample"].isin(["D0", "D2", "D4"])
    samples = samples[((samples.obs["cell_type"] == "T") | rare).to_numpy()].copy()
    folds = cross_validation.folds(storage.by_sample(written).obs, 3, 1, 1)
    table, _ = cell_types.each(samples, folds, ["control", "case"], [], seed=1, bootstrap=200)
    few = table.set_index("cell_type").loc["B"]
    assert np.isnan(few["auc"])
    assert "no sample with enough" in few["reason"]


def test_samples_have_no_kinds_of_cells() -> None:
    bulk = cells()
    bulk.obs = bulk.obs.drop(columns="cell_type")
    for table in cell_types.each(
        bulk, pd.DataFrame(), ["control", "case"], [], seed=1, bootstrap=200
    ):
        assert table.empty
