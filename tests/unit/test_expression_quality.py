"""Quality control: absolute limits, one observation at a time."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from epigpt.errors import InputError
from epigpt.expression import quality

AUTO = {
    "quality.min_counts": "auto",
    "quality.min_genes": "auto",
    "quality.max_mitochondrial_percent": "auto",
}


def series(
    counts: np.ndarray,
    symbols: list[str] | None = None,
    organism: str = "mouse",
    assay: str = "bulk",
) -> anndata.AnnData:
    names = symbols or [f"Gene{number}" for number in range(counts.shape[1])]
    return anndata.AnnData(
        sp.csr_matrix(counts.astype(np.int32)),
        obs=pd.DataFrame(index=[f"s{number}" for number in range(len(counts))]),
        var=pd.DataFrame({"symbol": names}, index=names),
        uns={"organism": organism, "assay": assay},
    )


def test_totals_genes_and_mitochondria_are_counted() -> None:
    counts = np.array([[10, 0, 30, 60], [0, 0, 0, 0], [1, 1, 1, 1]])
    measured = quality.measure(series(counts, ["Gfap", "Sst", "mt-Nd1", "mt-Co1"]))
    assert measured["total_counts"].tolist() == [100, 0, 4]
    assert measured["n_genes"].tolist() == [3, 0, 4]
    np.testing.assert_array_equal(measured["mitochondrial_percent"], [90.0, np.nan, 50.0])


def test_a_matrix_without_mitochondrial_genes_says_missing_and_loses_nobody() -> None:
    data = series(np.full((2, 5), 50))
    judged = quality.judge(quality.measure(data), quality.Limits(1, 1, 0.1))
    assert judged["mitochondrial_percent"].isna().all()
    assert judged["kept"].all()


def test_deep_libraries_do_not_overflow() -> None:
    data = series(np.full((1, 3), 2_000_000_000))
    assert quality.measure(data)["total_counts"].tolist() == [6_000_000_000]


def test_each_failed_limit_is_named() -> None:
    measured = pd.DataFrame(
        {
            "total_counts": [50, 5_000, 5_000],
            "n_genes": [3, 300, 300],
            "mitochondrial_percent": [1.0, 25.0, 20.0],
        },
        index=["a", "b", "c"],
    )
    judged = quality.judge(measured, quality.Limits(500, 200, 20.0))
    assert judged["kept"].tolist() == [False, False, True]
    assert judged.loc["a", "reason"] == "50 counts, fewer than 500; 3 genes, fewer than 200"
    assert judged.loc["b", "reason"] == "25.0 % mitochondrial, more than 20 %"
    assert judged.loc["c", "reason"] == ""


def test_auto_depends_on_the_assay_and_shrinks_for_panels() -> None:
    assert quality.limits(AUTO, "bulk", 20_000) == quality.Limits(100_000, 1_000, 100.0)
    assert quality.limits(AUTO, "single_cell", 20_000) == quality.Limits(500, 200, 20.0)
    assert quality.limits(AUTO, "bulk", 3_000) == quality.Limits(30_000, 300, 100.0)
    assert quality.limits(AUTO, "single_cell", 500) == quality.Limits(250, 25, 20.0)
    chosen = {
        "quality.min_counts": 7,
        "quality.min_genes": 8,
        "quality.max_mitochondrial_percent": 9.5,
    }
    assert quality.limits(chosen, "bulk", 20_000) == quality.Limits(7, 8, 9.5)


def test_relative_outliers_are_named_and_kept() -> None:
    measured = pd.DataFrame(
        {
            "total_counts": [1_000_000, 1_100_000, 900_000, 1_050_000, 980_000, 1_020_000, 120_000],
            "n_genes": [10_000, 10_100, 9_900, 10_050, 9_950, 10_020, 9_000],
            "mitochondrial_percent": [3.0, 3.1, 2.9, 3.05, 2.95, 60.0, 3.0],
        }
    )
    judged = quality.judge(measured, quality.Limits(100_000, 1_000, 100.0))
    assert judged["kept"].all()
    assert judged.loc[6, "reason"] == "outlier: few counts and few genes for this data set, kept"
    assert judged.loc[5, "reason"] == "outlier: high mitochondrial share for this data set, kept"
    assert (judged.loc[:4, "reason"] == "").all()


def test_many_that_do_not_pass_are_counted_by_their_reason() -> None:
    names = [f"cell{at}" for at in range(30)]
    reasons = [f"{at}.5 counts, fewer than 500; 1,0{at} genes, fewer than 9" for at in range(25)]
    reasons += ["outlier: few genes for this data set, kept"] * 2 + [""] * 3
    judged = pd.DataFrame({"reason": reasons}, index=names)
    assert quality.in_words(judged) == [
        "25 × counts, fewer than 500; genes, fewer than 9, such as cell0, cell1, cell2",
        "2 × outlier: few genes for this data set, kept, such as cell25, cell26",
    ]
    assert quality.in_words(judged[23:]) == [
        "cell23: 23.5 counts, fewer than 500; 1,023 genes, fewer than 9",
        "cell24: 24.5 counts, fewer than 500; 1,024 genes, fewer than 9",
        "cell25: outlier: few genes for this data set, kept",
        "cell26: outlier: few genes for this data set, kept",
    ]


def test_whether_a_sample_is_kept_depends_on_no_other() -> None:
    counts = np.random.default_rng(1).poisson(30, (12, 400))
    counts[3] //= 20
    whole = quality.judge(quality.measure(series(counts)), quality.Limits(2_000, 100, 100.0))
    assert whole["kept"].tolist() == [number != 3 for number in range(12)]
    for number in range(12):
        alone = quality.judge(
            quality.measure(series(counts[[number]])), quality.Limits(2_000, 100, 100.0)
        )
        assert alone["kept"].tolist() == [whole["kept"].iloc[number]]


def test_nothing_left_is_refused_with_the_keys_that_decide() -> None:
    limits = quality.Limits(1_000, 10, 100.0)
    judged = quality.judge(quality.measure(series(np.ones((2, 50)))), limits)
    with pytest.raises(InputError, match="none of 2 samples or cells") as refused:
        quality.require_some(judged, limits, "data set 'x'")
    assert "best: 50 counts, 50 genes" in str(refused.value)
    assert "quality.min_counts" in refused.value.remedy
    quality.require_some(judged.assign(kept=[True, False]), limits, "data set 'x'")


def test_the_table_names_its_first_column_after_the_observation() -> None:
    judged = quality.judge(quality.measure(series(np.ones((2, 50)))), quality.Limits(1, 1, 100.0))
    columns = ["total_counts", "n_genes", "mitochondrial_percent", "kept", "reason"]
    assert list(quality.table(judged, "bulk")) == ["sample", *columns]
    assert list(quality.table(judged, "single_cell")) == ["cell", *columns]


def test_the_near_empty_library_of_the_hippocampus_series_is_dropped(shared: Path) -> None:
    counts = pd.read_csv(
        shared / "data/mouse_hippocampus_subfields_GSE100225/00_countData.csv.gz", index_col=0
    ).T
    data = anndata.AnnData(
        sp.csr_matrix(counts.to_numpy(dtype=np.int32)),
        obs=pd.DataFrame(index=counts.index.astype(str)),
        var=pd.DataFrame({"symbol": counts.columns}, index=counts.columns.astype(str)),
        uns={"organism": "mouse", "assay": "bulk"},
    )
    judged = quality.judge(quality.measure(data), quality.limits(AUTO, "bulk", data.n_vars))
    assert judged.index[~judged["kept"]].tolist() == ["146D-DG-3"]
    assert judged.loc["146B-DG-2", "reason"].startswith("outlier: few counts")
    assert judged["mitochondrial_percent"].between(0, 15).all()
