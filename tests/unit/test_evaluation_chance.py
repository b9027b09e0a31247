"""Intervals, permutations and their p: held against the exact tests and known coverage."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from drawn_predictions import donors, one, predictions
from epigpt.evaluation import (
    intervals,
    metrics,
    permutation_test,
    small_sample_intervals,
)


def test_resamples_draw_groups_within_each_class():
    held = donors(0, per_class=5)
    weights = intervals.resampled_weights(held, 200, seed=1)
    assert (weights[:, :5].sum(axis=1) == 5).all()
    assert (weights[:, 5:].sum(axis=1) == 5).all()
    assert np.array_equal(weights, intervals.resampled_weights(held, 200, seed=1))
    assert not np.array_equal(weights, intervals.resampled_weights(held, 200, seed=2))


def test_many_cells_of_a_donor_do_not_narrow_the_interval():
    few, many = donors(3, cells=1), donors(3, cells=30)
    widths = []
    for held in (few, many):
        draws = metrics.scores(held, intervals.resampled_weights(held, 500, 1))["auc"]
        low, high = intervals.interval("auc", one(held)["auc"], draws, held)
        widths.append(high - low)
    assert widths[1] > 0.8 * widths[0]


def test_perfect_separation_keeps_an_interval():
    held = donors(0, per_class=3, effect=50)
    draws = metrics.scores(held, intervals.resampled_weights(held, 200, 1))["auc"]
    low, high = intervals.interval("auc", 1.0, draws, held)
    assert (draws == 1).all()
    assert high == 1.0
    assert 0.4 < low < 0.55


def test_newcombe_narrows_with_groups_and_holds_the_estimate():
    lows = [small_sample_intervals.newcombe_limits(0.9, n, n)[0] for n in (3, 5, 10, 100)]
    assert all(one_low < next_low for one_low, next_low in pairwise(lows))
    assert small_sample_intervals.newcombe_limits(0.0, 5, 5) == pytest.approx(
        tuple(1 - x for x in small_sample_intervals.newcombe_limits(1.0, 5, 5)[::-1])
    )


@pytest.mark.slow
def test_interval_covers_the_truth():
    true_auc = 0.5 * math.erfc(-1.0 / 2)  # two normals one standard deviation apart
    covered = 0
    for seed in range(60):
        held = donors(seed, per_class=8)
        draws = metrics.scores(held, intervals.resampled_weights(held, 200, seed))["auc"]
        low, high = intervals.interval("auc", one(held)["auc"], draws, held)
        covered += low <= true_auc <= high
    assert covered >= 54


def test_table_has_the_contract_columns_and_no_null_without_permutations():
    held = donors(1)
    weights = intervals.resampled_weights(held, 100, 1)
    table = intervals.table(
        {"finetuned": held, "logistic_l2": held},
        "tiny",
        weights,
        pd.DataFrame(columns=permutation_test.NULL_COLUMNS),
    )
    assert (
        " ".join(table.columns)
        == "model preset metric estimate low high null_mean p p_floor n_samples n_groups"
    )
    assert len(table) == 2 * 6
    assert table[["null_mean", "p"]].isna().all(axis=None)
    assert set(table["preset"]) == {"tiny", ""}
    assert (table["low"] <= table["estimate"]).all()
    assert (table["high"] >= table["estimate"]).all()
    assert set(table["n_samples"]) == set(table["n_groups"]) == {16}


def test_p_counts_the_permutations_that_do_as_well():
    held = donors(1, effect=50)
    weights = intervals.resampled_weights(held, 100, 1)
    rows = [
        ("finetuned", i, metric, value)
        for i, value in enumerate([0.4, 0.6, 1.0])
        for metric in ("auc", "brier")
    ]
    table = intervals.table(
        {"finetuned": held},
        "tiny",
        weights,
        pd.DataFrame(rows, columns=permutation_test.NULL_COLUMNS),
    ).set_index("metric")
    assert table.loc["auc", "p"] == pytest.approx(2 / 4)
    assert table.loc["auc", "null_mean"] == pytest.approx(2 / 3)
    assert table.loc["auc", "p_floor"] == pytest.approx(1 / 4)
    assert table.loc["brier", "p"] == pytest.approx(
        1 / 4
    )  # smaller is better: none of the three reaches it


def test_more_permutations_than_arrangements_do_not_lower_p():
    held = donors(1, per_class=3, effect=50)
    rows = [("finetuned", i, "auc", 0.5) for i in range(199)]
    weights = intervals.resampled_weights(held, 100, 1)
    row = (
        intervals.table(
            {"finetuned": held},
            "tiny",
            weights,
            pd.DataFrame(rows, columns=permutation_test.NULL_COLUMNS),
        )
        .set_index("metric")
        .loc["auc"]
    )
    assert row["p"] == row["p_floor"] == pytest.approx(0.10)


@pytest.mark.parametrize(("per_class", "floor"), [(3, 0.10), (4, 2 / 70), (6, 2 / 924)])
def test_floor_of_p_is_that_of_the_two_sided_permutation_test(per_class, floor):
    assert permutation_test.smallest_p(donors(0, per_class=per_class), 0) == pytest.approx(floor)


def test_floor_of_p_for_pairs_is_that_of_the_sign_test():
    truth = np.array(["case", "control"] * 4)
    held = metrics.held_out(
        predictions(truth, np.linspace(0, 1, 8), group=np.repeat(list("abcd"), 2)),
        ["control", "case"],
    )
    assert permutation_test.smallest_p(held, 0) == pytest.approx(2 / 2**4)


def test_permuted_labels_stay_with_whole_groups():
    samples = pd.DataFrame(
        {
            "sample": [f"S{i}" for i in range(14)],
            "group": np.repeat(["A", "B", "C", "D", "E", "F", "G"], 2),
            "label": ["x"] * 6 + ["y"] * 6 + ["x", "y"],
        }
    )
    drawn_labels = list(permutation_test.permuted(samples, 30, seed=1))
    for table in drawn_labels:
        per_group = table.groupby("group")["label"].nunique()
        assert (per_group.drop("G") == 1).all()
        assert per_group["G"] == 2
        assert table["label"].value_counts().to_dict() == {"x": 7, "y": 7}
    assert len({tuple(table["label"]) for table in drawn_labels}) > 15
    again = list(permutation_test.permuted(samples.sample(frac=1, random_state=1), 30, seed=1))
    assert all(
        one_table.equals(other) for one_table, other in zip(drawn_labels, again, strict=True)
    )


@pytest.mark.slow
def test_intervals_of_calls_and_auc_hold_at_three_against_three():
    random = np.random.default_rng(5)
    names = np.repeat(["control", "case"], 3)
    true_auc, true_recall = 0.5 * math.erfc(-1 / 2), 0.5 * math.erfc(-0.5 / math.sqrt(2))
    true = {"auc": true_auc, "balanced_accuracy": true_recall, "f1": true_recall}
    inside = dict.fromkeys(true, 0)
    draws = 150
    for _ in range(draws):
        logit = random.normal(0, 1, 6) + np.where(names == "case", 0.5, -0.5)
        held = metrics.held_out(predictions(names, 1 / (1 + np.exp(-logit))), ["control", "case"])
        weights = intervals.resampled_weights(held, 100, 1)
        estimates, resampled = (
            metrics.scores(held, held.unit_weights()),
            metrics.scores(held, weights),
        )
        for metric, value in true.items():
            low, high = intervals.interval(
                metric, float(estimates[metric][0]), resampled[metric], held
            )
            inside[metric] += low - 1e-9 <= value <= high + 1e-9
    # Of the bare bootstrap a half to four fifths hold the truth here.
    assert min(inside.values()) / draws > 0.88, inside


def test_limits_are_those_of_statsmodels_and_of_their_papers():
    # Wilson's limits of 9 of 10, as the paper's formula gives them by hand.
    assert small_sample_intervals.wilson_limits(0.9, 10) == pytest.approx(
        (0.5958, 0.9821), abs=1e-4
    )
    # Newcombe's paper prints 0.8 at 20 against 20 in its tables of method 5.
    low, high = small_sample_intervals.newcombe_limits(0.8, 20, 20)
    assert (low, high) == pytest.approx((0.632, 0.905), abs=0.015)
    assert small_sample_intervals.smallest_auc(3, 3) > small_sample_intervals.smallest_auc(12, 12)
