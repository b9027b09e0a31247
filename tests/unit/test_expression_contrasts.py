"""Differential expression: direction, design, the donor as the unit, and agreement with PyDESeq2's
own routines."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from epigpt.dataset import normalization
from epigpt.errors import InputError
from epigpt.expression import contrasts, design, pseudobulk
from planted_contrasts import DOWN, GENES, UP, by_gene, paired, series


def alone(case: int = 5, control: int = 5, **columns: list[str]) -> pd.DataFrame:
    """Every sample its own donor."""
    labels = ["case"] * case + ["control"] * control
    return pd.DataFrame(
        {"label": labels, "group": [f"g{number}" for number in range(len(labels))], **columns}
    )


def test_planted_genes_are_found_in_their_direction() -> None:
    found = contrasts.compare(series(alone()), "case", "control")
    table = by_gene(found)
    assert list(found.table) == [
        "contrast",
        "gene",
        "symbol",
        "base_mean",
        "log2_fold_change",
        "se",
        "p",
        "padj",
    ]
    assert set(table["contrast"]) == {"case vs control"}
    np.testing.assert_allclose(table["log2_fold_change"].iloc[UP].median(), 2, atol=0.35)
    np.testing.assert_allclose(table["log2_fold_change"].iloc[DOWN].median(), -2, atol=0.35)
    significant = table["padj"] < 0.05
    assert significant.iloc[:40].mean() > 0.9
    assert significant.iloc[40:].mean() < 0.05
    assert table.loc["Gene000", "symbol"] == "sym0"
    assert found.table["p"].dropna().is_monotonic_increasing
    assert found.summary["design"] == "~ label"


def test_case_and_control_decide_the_sign() -> None:
    data = series(alone())
    there, back = (
        by_gene(contrasts.compare(data, *pair))
        for pair in (("case", "control"), ("control", "case"))
    )
    np.testing.assert_allclose(there["log2_fold_change"], -back["log2_fold_change"], atol=1e-5)
    assert set(back["contrast"]) == {"control vs case"}


def test_genes_without_counts_are_listed_with_blanks() -> None:
    table = by_gene(contrasts.compare(series(alone()), "case", "control"))
    assert len(table) == GENES
    silent = table.loc["Gene399"]
    assert silent["base_mean"] == 0
    assert silent[["log2_fold_change", "se", "p", "padj"]].isna().all()


def test_paired_donors_are_blocked_and_the_blocking_finds_more() -> None:
    data = series(paired(4), donor_spread=1.0)
    found = contrasts.compare(data, "case", "control")
    assert found.summary["design"] == "~ group + label"
    unpaired = data.copy()
    unpaired.obs["group"] = unpaired.obs["sample"]
    ignored = contrasts.compare(unpaired, "case", "control")
    assert ignored.summary["design"] == "~ label"
    hits = [int((by_gene(one)["padj"].iloc[:40] < 0.05).sum()) for one in (found, ignored)]
    assert hits[0] > 30 > hits[1]


def test_a_few_donors_of_one_class_are_dropped_and_many_leave_the_design_unblocked() -> None:
    lonely = pd.DataFrame({"label": ["case"] * 4, "group": [f"lonely{at}" for at in range(4)]})
    few = pd.concat([paired(3), lonely[:1]], ignore_index=True)
    found = contrasts.compare(series(few), "case", "control")
    assert found.summary["design"] == "~ group + label"
    assert found.summary["units_per_class"] == {"control": 3, "case": 3}
    many = pd.concat([paired(3), lonely], ignore_index=True)
    assert contrasts.compare(series(many), "case", "control").summary["design"] == "~ label"


def test_cells_are_summed_by_donor_and_class() -> None:
    data = series(paired(4, each=25), depth=0.05, assay="single_cell")
    found = contrasts.compare(data, "case", "control")
    assert (found.summary["unit"], found.summary["units_per_class"]) == (
        "donor",
        {"control": 4, "case": 4},
    )
    assert "200 observations summed into 8 units" in found.notes[0]
    units = pseudobulk.summed(data, data.obs["label"])
    chosen = ((data.obs["group"] == "d2") & (data.obs["label"] == "case")).to_numpy()
    position = int(
        np.flatnonzero((units.table["group"] == "d2") & (units.table["label"] == "case"))[0]
    )
    np.testing.assert_array_equal(
        units.counts[position], data.layers["counts"][np.flatnonzero(chosen)].toarray().sum(axis=0)
    )
    assert (units.table["observations"] == 25).all()


def test_samples_of_a_donor_are_no_independent_donors() -> None:
    """Donors that differ, without any effect of the class: as independent samples they would give
    findings by the dozen."""
    rows = [
        ("case" if donor < 3 else "control", f"d{donor}") for donor in range(6) for _ in range(6)
    ]
    data = series(
        pd.DataFrame(rows, columns=["label", "group"]).replace({"case": "x", "control": "y"}),
        donor_spread=0.6,
    )
    found = contrasts.compare(data, "x", "y")
    assert found.summary["units_per_class"] == {"y": 3, "x": 3}
    careless = data.copy()
    careless.obs["group"] = careless.obs["sample"]
    naive = contrasts.compare(careless, "x", "y")
    assert (found.table["padj"] < 0.05).sum() < 10 < (naive.table["padj"] < 0.05).sum()


def test_the_order_of_the_file_and_threads_do_not_matter() -> None:
    data = series(alone(batch=list("abababaabb")))
    shuffled = data[
        np.random.default_rng(1).permutation(data.n_obs),
        np.random.default_rng(2).permutation(data.n_vars),
    ].copy()
    first = contrasts.compare(data, "case", "control", ["batch"]).table
    with threadpool_limits(2):
        second = contrasts.compare(shuffled, "case", "control", ["batch"]).table
    pd.testing.assert_frame_equal(
        first.reset_index(drop=True), second.reset_index(drop=True), rtol=1e-6
    )
    assert first.equals(contrasts.compare(data, "case", "control", ["batch"]).table)


def test_each_of_several_classes_is_compared_with_the_rest() -> None:
    obs = pd.DataFrame(
        {"label": ["a", "b", "case"] * 4, "group": [f"g{number}" for number in range(12)]}
    )
    found = contrasts.compare(series(obs))
    assert found.summary["contrasts"] == ["a vs rest", "b vs rest", "case vs rest"]
    table = found.table[found.table["contrast"] == "case vs rest"].set_index("gene").sort_index()
    np.testing.assert_allclose(table["log2_fold_change"].iloc[UP].median(), 2, atol=0.4)
    others = found.table[found.table["contrast"] == "a vs rest"].set_index("gene").sort_index()
    np.testing.assert_allclose(others["log2_fold_change"].iloc[UP].median(), -1, atol=0.4)


def test_covariates_enter_or_are_left_out_with_a_reason() -> None:
    obs = alone(
        sex=list("fmfmfmfmfm"),
        age=[str(value) for value in range(20, 30)],
        same=["x"] * 10,
        follows=["u"] * 5 + ["v"] * 5,
        unique=[f"n{value}" for value in range(10)],
    )
    found = contrasts.compare(
        series(obs), "case", "control", ["sex", "AGE", "same", "follows", "unique"]
    )
    assert found.summary["design"] == "~ sex + age + label"
    reasons = {note.split("'")[1]: note for note in found.notes if note.startswith("covariate")}
    assert set(reasons) == {"same", "follows", "unique"}
    assert "one value only" in reasons["same"]
    assert "already determines it" in reasons["follows"]


def test_missing_covariate_values_are_a_level_of_their_own() -> None:
    built = design.build(
        pd.DataFrame(alone(batch=["a", "", "NA", "b", "a", "b", "", "a", "b", "a"])),
        ["control", "case"],
        ["batch"],
    )
    assert [name for name in built.matrix if name.startswith("batch")] == [
        "batch[b]",
        "batch[missing]",
    ]
    assert built.matrix["batch[missing]"].sum() == 3


def test_an_unknown_covariate_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="covariates = 'bach'") as refused:
        contrasts.compare(series(alone(batch=list("ababababab"))), "case", "control", ["bach"])
    assert "did you mean 'batch'?" in refused.value.remedy


def test_a_covariate_within_summed_donors_is_left_out() -> None:
    rows = [
        ("case" if donor < 3 else "control", f"d{donor}", region)
        for donor in range(6)
        for region in ("DG", "CA1")
    ]
    found = contrasts.compare(
        series(pd.DataFrame(rows, columns=["label", "group", "region"])),
        "case",
        "control",
        ["region"],
    )
    assert found.summary["design"] == "~ label"
    assert any("'region' left out: it varies within donors" in note for note in found.notes)


def test_groups_are_called_what_the_data_set_calls_them() -> None:
    data = series(paired(4, each=25), depth=0.05, assay="single_cell")
    data.uns["donors"] = "mice"
    found = contrasts.compare(data, "case", "control")
    assert found.summary["unit"] == "mouse"
    assert found.notes[0] == "counts of 200 observations summed into 8 units by mouse and class"
    alone_in_class = series(paired(1, each=4))
    alone_in_class.uns["donors"] = "mice"
    [told, *_] = contrasts.compare(alone_in_class, "case", "control").notes
    assert "class 'control' has 1 mouse, and a comparison between mice needs two" in told
    assert "describe these mice only" in told


@pytest.mark.parametrize(
    ("obs", "assay", "said"),
    [
        (pd.DataFrame({"label": ["case"] * 4, "group": list("abcd")}), "bulk", "1 class left"),
        (alone(1, 5), "bulk", "class 'case' has 1 donor"),
        (paired(1, each=20), "single_cell", "has 1 donor"),
    ],
)
def test_too_little_to_compare_gives_a_header_and_a_reason(
    obs: pd.DataFrame, assay: str, said: str
) -> None:
    found = contrasts.compare(series(obs, assay=assay), "case", "control")
    assert found.table.empty
    assert list(found.table) == list(contrasts.COLUMNS)
    assert said in found.notes[0]


def test_bulk_samples_of_one_donor_are_compared_with_a_warning() -> None:
    found = contrasts.compare(series(paired(1, each=4)), "case", "control")
    assert found.summary["unit"] == "sample"
    assert "these donors only" in found.notes[0]
    assert (by_gene(found)["padj"].iloc[:40] < 0.05).mean() > 0.8


@pytest.mark.slow
def test_hippocampal_subfields_show_their_markers(shared: Path) -> None:
    folder = shared / "data/mouse_hippocampus_subfields_GSE100225"
    counts = pd.read_csv(folder / "00_countData.csv.gz", index_col=0).T
    sheet = pd.read_csv(folder / "00_colData.csv", index_col=0).loc[counts.index].astype(str)
    obs = pd.DataFrame(
        {"sample": sheet.index, "label": sheet["subfield"], "group": sheet["ID"]}, index=sheet.index
    )
    chosen = obs["label"].isin(["DG", "CA1"]).to_numpy() & (counts.sum(axis=1) > 1e5).to_numpy()
    matrix = sp.csr_matrix(counts.to_numpy(dtype=np.int32))
    var = pd.DataFrame({"symbol": counts.columns}, index=counts.columns.astype(str))
    data = normalization.normalise(
        anndata.AnnData(matrix, obs=obs, var=var, uns={"assay": "bulk"}), chosen
    )
    table = by_gene(contrasts.compare(data, "DG", "CA1"))
    assert (table.loc[["Prox1", "C1ql2"], "log2_fold_change"] > 1).all()
    assert (table.loc[["Wfs1", "Pou3f1"], "log2_fold_change"] < -1).all()
    assert (table.loc[["Prox1", "Wfs1", "Pou3f1"], "padj"] < 1e-10).all()
