"""Markers, set tests, the balance score and the claims, by donor and with co-orthologs summed."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.stats

from epigpt.evaluation import multiple_testing
from epigpt.genes.markers import EXCITATORY, INHIBITORY
from epigpt.interpretation import (
    balance,
    donor_statistics,
    markers,
)
from marker_evidence import CLASSES, described, zebrafish


@pytest.mark.parametrize(
    ("expected", "change", "padj", "told"),
    [
        ("up", 1.0, 0.01, "as expected"),
        ("up", -1.0, 0.01, "opposite"),
        ("down", -1.0, 0.01, "as expected"),
        ("changed", -1.0, 0.01, "changed"),
        ("", 1.0, 0.01, "changed"),
        ("up", 1.0, 0.05, "not significant"),
        ("up", 1.0, np.nan, "not assessable"),
        ("up", np.nan, np.nan, "not assessable"),
    ],
)
def test_verdict_of_one_change(expected, change, padj, told):
    assert markers.verdict(expected, change, padj) == told


def test_markers_without_ortholog_or_test_are_not_assessable_rather_than_unchanged():
    genes, _, _, tested = zebrafish()
    tested = tested[tested["gene"] != genes.index[genes["symbol"] == "gfap"][0]]
    table = markers.assess("zebrafish", genes, tested)
    assert list(table[markers.MARKERS].columns) == markers.MARKERS
    by_symbol = table.drop_duplicates("human_symbol").set_index("human_symbol")
    assert by_symbol.loc["ARC", "verdict"] == by_symbol.loc["GFAP", "verdict"] == "not assessable"
    assert by_symbol.loc["ARC", "symbol"] == "ARC"
    assert not by_symbol.loc["ARC", "located"]
    assert (table["verdict"] == "changed").sum() + (table["verdict"] == "as expected").sum() + (
        table["verdict"] == "opposite"
    ).sum() > 50


def test_attributions_stand_beside_their_gene():
    genes, _, _, tested = zebrafish()
    gfap = genes.index[genes["symbol"] == "gfap"][0]
    table = markers.assess(
        "zebrafish", genes, tested, pd.DataFrame({"gene": [gfap], "attribution": [0.25]})
    )
    assert table.loc[table["symbol"] == "gfap", "attribution"].tolist() == [0.25]
    assert table["attribution"].notna().sum() == 1


def test_co_orthologs_are_summed_before_the_logarithm():
    values = np.log1p(np.array([[10.0, 30.0, 5.0], [20.0, 0.0, 5.0]]))
    found = donor_statistics.pooled(
        [scipy.sparse.csr_matrix(values)],
        ["b", "a"],
        ["x", "y", "z"],
        {"XY": ["x", "y"], "Z": ["z"], "none": ["w"]},
    )
    assert list(found.index) == ["a", "b"]
    assert list(found.columns) == ["XY", "Z"]
    assert np.allclose(np.expm1(found["XY"]), [20, 40])


def test_cells_of_a_sample_are_averaged_before_the_logarithm():
    values = np.log1p(np.array([[10.0], [30.0], [7.0]]))
    # The cells of a sample need not lie in one block.
    for blocks in ([values], [values[:1], values[1:]]):
        found = donor_statistics.pooled(blocks, ["a", "a", "b"], ["x"], {"X": ["x"]})
        assert np.allclose(np.expm1(found["X"]), [20, 7])


def test_donors_are_the_unit():
    random = np.random.default_rng(1)
    own = random.normal(size=8)
    few = described(["case"] * 4 + ["control"] * 4)
    once = donor_statistics.compare(pd.Series(own, index=few.index), few, *CLASSES)
    many = described(
        ["case"] * 40 + ["control"] * 40, group=np.repeat([f"D{i}" for i in range(8)], 10)
    )
    again = donor_statistics.compare(
        pd.Series(np.repeat(own, 10), index=many.index), many, *CLASSES
    )
    assert (once.p, once.estimate) == pytest.approx((again.p, again.estimate))
    assert (again.cases, again.controls) == (4, 4)
    expected = scipy.stats.ttest_ind(own[:4], own[4:], equal_var=False)
    assert once.p == pytest.approx(expected.pvalue)


def test_donors_that_hold_both_classes_are_compared_with_themselves():
    base = np.array([1.0, 5.0, 9.0, 20.0])
    samples = described(["case", "control"] * 4, group=np.repeat(list("abcd"), 2))
    change = np.array([1.0, 1.2, 0.9, 1.1])
    values = pd.Series(np.c_[base + change, base].ravel(), index=samples.index)
    found = donor_statistics.compare(values, samples, *CLASSES)
    assert found.paired
    assert found.p == pytest.approx(scipy.stats.ttest_rel(base + change, base).pvalue)


def test_two_donors_in_a_class_are_described_and_not_tested():
    samples = described(["case"] * 2 + ["control"] * 5)
    found = donor_statistics.compare(
        pd.Series(np.arange(7.0), index=samples.index), samples, *CLASSES
    )
    assert found.estimate == pytest.approx(0.5 - 4)
    assert np.isnan(found.p)


def test_case_against_the_rest_of_several_classes():
    samples = described(["a"] * 3 + ["b"] * 3 + ["c"] * 3)
    found = donor_statistics.compare(
        pd.Series([5.0, 6, 7, 1, 2, 3, 1, 2, 3], index=samples.index), samples, "a", ""
    )
    assert (found.cases, found.controls) == (3, 6)
    assert found.estimate == pytest.approx(4)


def test_false_discovery_rate_is_that_of_scipy_and_passes_missing_over():
    p = [0.01, np.nan, 0.2, 0.03, 0.03]
    found = multiple_testing.false_discovery_rate(p)
    assert np.isnan(found[1])
    assert np.allclose(
        found[[0, 2, 3, 4]], scipy.stats.false_discovery_control([0.01, 0.2, 0.03, 0.03])
    )
    assert np.isnan(multiple_testing.false_discovery_rate([np.nan])).all()


def test_balance_lists_its_members_and_what_is_missing():
    genes, values, samples, tested = zebrafish(
        **dict.fromkeys(("gad1a", "gad1b", "gad2", "gabra1", "gabrg2"), 2.0)
    )
    expression = donor_statistics.pooled(
        [values],
        list(samples.index),
        list(genes.index),
        markers.members(markers.assess("zebrafish", genes, tested)),
    )
    table = balance.score(expression, samples)
    assert list(table.columns) == balance.BALANCE
    used = set(table["excitatory"].iloc[0].split()) | set(table["inhibitory"].iloc[0].split())
    assert used | set(table["missing"].iloc[0].split()) == {*EXCITATORY, *INHIBITORY}
    means = table.groupby("label")["score"].mean()
    assert means["case"] < means["control"]
    nothing = balance.score(expression[["GFAP"]], samples)
    assert nothing["score"].isna().all()


def test_two_samples_are_tested_as_scipy_does_and_incomplete_pairs_within_themselves():
    random = np.random.default_rng(4)
    names = [f"s{at}" for at in range(11)]
    group = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e", "f"]
    label = ["case", "control"] * 5 + ["case"]
    values = pd.Series(random.normal(0, 1, 11), index=names)
    samples = pd.DataFrame({"group": group, "label": label}, index=names)
    whole = donor_statistics.compare(values, samples, "case", "control")
    reference = scipy.stats.ttest_rel(values.iloc[0:10:2], values.iloc[1:10:2])
    assert whole.paired
    assert whole.p == pytest.approx(reference.pvalue)
    alone = donor_statistics.compare(values, samples.assign(group=names), "case", "control")
    case = samples["label"] == "case"
    reference = scipy.stats.ttest_ind(values[case], values[~case], equal_var=False)
    assert alone.p == pytest.approx(reference.pvalue)
