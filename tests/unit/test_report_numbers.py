"""What the report computes itself: curves, association, t-SNE, reading AnnData files, wording."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import roc_curve

from epigpt.report import claims_matrix, curves, results, tsne, wording
from epigpt.report.figures import quality
from epigpt.report.matrix import Expression
from epigpt.report.sections.design import association


def test_roc_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    truth = rng.uniform(size=200) < 0.4
    probability = np.round(np.clip(0.3 * truth + rng.uniform(size=200) * 0.7, 0, 1), 2)  # with ties
    false, true, _ = roc_curve(truth, probability, drop_intermediate=False)
    ours = curves.roc(truth, probability)
    expected = np.interp(curves.GRID, false, true)
    inside = ~np.isin(np.round(curves.GRID, 6), np.round(false, 6))
    np.testing.assert_allclose(ours[inside], expected[inside], atol=1e-9)
    assert np.trapezoid(ours, curves.GRID) == pytest.approx(np.trapezoid(true, false), abs=0.01)


def test_curves_of_perfect_and_useless_scores() -> None:
    truth = np.array([True, True, False, False])
    np.testing.assert_allclose(curves.roc(truth, np.array([0.9, 0.8, 0.2, 0.1])), 1)
    np.testing.assert_allclose(curves.precision_recall(truth, np.array([0.9, 0.8, 0.2, 0.1])), 1)
    np.testing.assert_allclose(curves.roc(truth, np.full(4, 0.5)), curves.GRID)
    np.testing.assert_allclose(curves.precision_recall(truth, np.full(4, 0.5)), 0.5)
    assert np.isnan(curves.roc(np.array([True, True]), np.array([0.1, 0.2]))).all()


def test_bands_resample_groups_not_samples() -> None:
    # Two groups per class, copies inside: resampling samples would make the band vanish with more
    # copies, groups keep it.
    rows = [
        {
            "repeat": 0,
            "sample": f"{group}{copy}",
            "group": group,
            "truth": truth,
            "probability": probability,
        }
        for group, truth, probability in (
            ("a", True, 0.9),
            ("b", True, 0.3),
            ("c", False, 0.5),
            ("d", False, 0.1),
        )
        for copy in range(50)
    ]
    low, high = curves.band(pd.DataFrame(rows), "roc")
    middle = len(curves.GRID) // 4
    assert high[middle] - low[middle] > 0.5


def test_association_flags_what_goes_with_the_class() -> None:
    samples = pd.DataFrame(
        {
            "sample": [f"s{at}" for at in range(12)],
            "label": ["a"] * 6 + ["b"] * 6,
            "group": [f"g{at}" for at in range(12)],
            "batch": ["1"] * 6 + ["2"] * 6,
            "sex": ["f", "m"] * 6,
            "same": ["x"] * 12,
            "title": [f"t{at}" for at in range(12)],
        }
    )
    found = association(samples, ["batch", "sex", "same", "title"]).set_index("characteristic")
    assert list(found.index) == ["batch", "sex"]
    assert found.loc["batch", "cramers_v"] == pytest.approx(1)
    assert found.loc["sex", "cramers_v"] == pytest.approx(0)
    assert found["told_by_class"].tolist() == [True, False]


def test_tsne_keeps_clusters_apart_and_does_not_change() -> None:
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal(0, 1, (20, 10)), rng.normal(12, 1, (20, 10))])
    place = tsne.embed(points)
    first, second = place[:20], place[20:]
    gap = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert gap > 2 * max(first.std(), second.std())
    np.testing.assert_array_equal(place, tsne.embed(points))


def test_outliers_are_named_and_normal_spread_is_not() -> None:
    rng = np.random.default_rng(2)
    base = rng.normal(size=500)
    profiles = pd.DataFrame(
        [base + 0.1 * rng.normal(size=500) for _ in range(9)] + [rng.normal(size=500)],
        index=[f"s{at}" for at in range(10)],
    )
    assert quality.outliers(quality.correlation(profiles)) == ["s9"]
    assert quality.outliers(quality.correlation(profiles.iloc[:9])) == []


@pytest.mark.parametrize("kind", ["csr", "csc", "dense"])
def test_anndata_files_read_like_anndata_does(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.poisson(1.0, (7, 5)).astype(np.float32)
    stored = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "dense": np.asarray}[kind](values)
    obs = pd.DataFrame(
        {"sample": ["a", "a", "b", "b", "c", "c", "c"], "age": [1.0, np.nan, 3, 4, 5, 6, 7]},
        index=[f"o{at}" for at in range(7)],
    )
    obs["sex"] = pd.Categorical(["f", "m", None, "f", "m", "f", "m"])
    data = anndata.AnnData(
        values, obs=obs, var=pd.DataFrame({"symbol": ["A", "", "C", "D", "E"]}, index=list("vwxyz"))
    )
    data.layers["lognorm"] = stored
    data.uns["deep"] = {"text": "é", "number": 3, "list": np.array(["p", "q"])}
    data.write_h5ad(tmp_path / "x.h5ad")
    found = Expression(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(found.columns(["z", "v"]), values[:, [4, 0]])
    np.testing.assert_array_equal(found.columns(["w"], np.array([1, 5])), values[[1, 5]][:, [1]])
    np.testing.assert_allclose(found.profiles().loc["a"], values[:2].mean(axis=0))
    assert found.obs["sex"].tolist() == ["f", "m", "", "f", "m", "f", "m"]
    assert found.symbols.tolist() == ["A", "w", "C", "D", "E"]
    assert found.uns["deep"] == {"text": "é", "number": 3, "list": ["p", "q"]}


def test_number_columns_and_texts_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "metrics.tsv").write_text(
        "model\tpreset\tmetric\testimate\nmajority\t\tauc\t\nlogistic_l2\t\tauc\t0.75\n"
    )
    table = results.read_table(tmp_path, "metrics")
    assert np.isnan(table["estimate"][0])
    assert table["estimate"][1] == 0.75
    assert {"low", "high", "p"} <= set(table.columns)
    assert results.read_table(tmp_path, "folds").empty


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.0, "12,345"),
        (0.123456, "0.123"),
        (1.5e-9, "1.50e-09"),
        (float("nan"), "–"),
        (None, "–"),
        (-2.0, "−2"),
        (-0.5, "−0.500"),
        (1234.5, "1,234"),
        (True, "yes"),
    ],
)
def test_numbers_are_written_for_reading(value: object, text: str) -> None:
    assert wording.number(value) == text


def test_listing_and_short() -> None:
    assert wording.listing(["a"]) == "a"
    assert wording.listing(["a", "b", "c"]) == "a, b and c"
    assert wording.listing(list("abcde"), 2) == "a, b and 3 more"
    assert wording.short("x" * 50, 10) == "x" * 9 + "…"
    assert wording.clean({"a\u202e": ["b\x00"]}) == {"a": ["b"]}


@pytest.mark.parametrize(
    ("outcome", "tone"),
    [
        ("supported", "good"),
        ("not supported", "warn"),
        ("contradicted", "bad"),
        ("not assessable", ""),
        ("", ""),
    ],
)
def test_claims_are_toned_by_their_outcome(outcome: str, tone: str) -> None:
    assert claims_matrix.claim_tone(outcome) == tone


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "sums from 31624027 to 43409628; GSM2545336.",
            "sums from 31,624,027 to 43,409,628; GSM2545336.",
        ),
        ("41786 rows became 41786.", "41,786 rows became 41,786."),
        ("log2 fold change -0.18, FDR 0.0089", "log2 fold change −0.18, FDR 0.0089"),
        ("12345.678 of 3-4 mice, x-1", "12345.678 of 3-4 mice, x-1"),
    ],
)
def test_figures_inside_sentences_are_made_legible(said: str, shown: str) -> None:
    assert wording.figures(said) == shown


def test_scores_have_a_minus_sign() -> None:
    assert wording.score(-0.38) == "−0.38"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.02, 2, "+0.02"), (-0.004, 2, "0.00"), (-0.004, 3, "−0.004"), (0.0, 2, "0.00")],
)
def test_a_difference_that_rounds_to_zero_has_no_sign(value: float, digits: int, text: str) -> None:
    assert wording.signed(value, digits) == text
