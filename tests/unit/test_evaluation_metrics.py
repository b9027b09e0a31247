"""Scores, intervals, the null's arithmetic and calibration, held against scikit-learn and known
values."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from epigpt.evaluation import (
    calibration,
    intervals,
    metrics,
    permutation_test,
    small_sample_intervals,
)


def predictions(
    truth,
    probability,
    *,
    repeat=None,
    fold=None,
    group=None,
    classes=("control", "case"),
    threshold=None,
):
    """Make a long table from arrays; `probability` of the last class where there are two."""
    number = len(truth)
    rows = pd.DataFrame(
        {
            "repeat": 0 if repeat is None else repeat,
            "fold": 0 if fold is None else fold,
            "sample": (
                [f"S{i:03d}" for i in range(number)]
                if repeat is None
                else [f"S{i % (number // 2):03d}" for i in range(number)]
            ),
            "truth": truth,
        }
    )
    rows["group"] = rows["sample"] if group is None else group
    wide = (
        np.c_[1 - np.asarray(probability), probability]
        if np.ndim(probability) == 1
        else np.asarray(probability)
    )
    long = pd.concat(
        [
            rows.assign(**{"class": name, "probability": wide[:, k]})
            for k, name in enumerate(classes)
        ]
    )
    if threshold is not None:
        long["threshold"] = np.where(long["class"] == classes[-1], threshold, 1 - threshold)
    return long.sample(frac=1, random_state=0)


def drawn(seed, number=60, classes=2):
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, number)
    truth[:classes] = range(classes)
    raw = random.random((number, classes)).round(1) + np.eye(classes)[truth] * 0.4 + 0.05
    return truth, raw / raw.sum(axis=1, keepdims=True)


def one(held):
    return {
        name: float(value[0]) for name, value in metrics.scores(held, held.unit_weights()).items()
    }


@pytest.mark.parametrize("seed", range(5))
def test_two_classes_agree_with_scikit_learn(seed):
    truth, probability = drawn(seed)
    score, names = probability[:, 1], np.array(["control", "case"])
    found = one(metrics.held_out(predictions(names[truth], score), ["control", "case"]))
    called = score >= 0.5 - 1e-9
    assert found == pytest.approx(
        {
            "auc": reference.roc_auc_score(truth, score),
            "average_precision": reference.average_precision_score(truth, score),
            "f1": reference.f1_score(truth, called),
            "balanced_accuracy": reference.balanced_accuracy_score(truth, called),
            "mcc": reference.matthews_corrcoef(truth, called),
            "brier": reference.brier_score_loss(truth, score),
        }
    )


def test_several_classes_are_one_against_the_rest():
    truth, probability = drawn(3, classes=3)
    names = np.array(["a", "b", "c"])
    found = one(
        metrics.held_out(predictions(names[truth], probability, classes=names), list(names))
    )
    called = probability.argmax(axis=1)
    assert found["auc"] == pytest.approx(
        reference.roc_auc_score(truth, probability, multi_class="ovr", average="macro")
    )
    assert found["average_precision"] == pytest.approx(
        reference.average_precision_score(np.eye(3)[truth], probability, average="macro")
    )
    assert found["f1"] == pytest.approx(reference.f1_score(truth, called, average="macro"))
    assert found["balanced_accuracy"] == pytest.approx(
        reference.balanced_accuracy_score(truth, called)
    )
    assert found["mcc"] == pytest.approx(reference.matthews_corrcoef(truth, called))
    assert found["brier"] == pytest.approx(np.mean((probability - np.eye(3)[truth]) ** 2))


def test_the_last_class_is_the_positive_one():
    table = predictions(np.array(["b", "b", "b", "a"]), [0.9, 0.8, 0.4, 0.7], classes=("a", "b"))
    assert one(metrics.held_out(table, ["a", "b"]))["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert one(metrics.held_out(table, ["b", "a"]))["f1"] == pytest.approx(0.0)


def test_repeats_are_scored_apart_and_averaged():
    truth = np.array(["case", "control"] * 4)
    apart = np.array(
        [0.9, 0.1, 0.8, 0.2, 0.3, 0.2, 0.25, 0.4]
    )  # 1 in the first repeat; in the second 2 of 4 pairs
    repeat = np.repeat([0, 1], 4)
    assert one(metrics.held_out(predictions(truth, apart, repeat=repeat), ["control", "case"]))[
        "auc"
    ] == pytest.approx((1 + 0.5) / 2)


def test_every_model_is_called_at_one_half():
    truth, score = np.array(["case", "case", "control", "control"]), [0.5, 0.41, 0.3, 0.2]
    plain = one(metrics.held_out(predictions(truth, score), ["control", "case"]))
    # A threshold of the model's own plays no part: it would be an advantage or a cost of one model.
    own = one(metrics.held_out(predictions(truth, score, threshold=0.4), ["control", "case"]))
    assert own == plain
    assert plain["f1"] == pytest.approx(2 / 3)


def test_a_model_that_ranks_nothing_has_no_auc_from_the_folds_priors():
    truth = np.array(["case", "case", "control", "case", "control", "control"])
    prior = np.array([0.4, 0.4, 0.4, 0.6, 0.6, 0.6])  # lower where more cases are held out
    fold = np.array([0, 0, 0, 1, 1, 1])
    assert (
        one(metrics.held_out(predictions(truth, prior, fold=fold), ["control", "case"]))["auc"]
        == 0.5
    )
    prior[0] = 0.41
    assert (
        one(metrics.held_out(predictions(truth, prior, fold=fold), ["control", "case"]))["auc"]
        < 0.5
    )


def test_weights_are_as_good_as_repeated_rows():
    truth, probability = drawn(7, 12)
    names = np.array(["control", "case"])[truth]
    held = metrics.held_out(predictions(names, probability[:, 1]), ["control", "case"])
    counts = np.random.default_rng(1).integers(0, 3, 12)
    counts[:2] = 1
    rows = np.repeat(np.arange(12), counts)
    copied = metrics.held_out(predictions(names[rows], probability[rows, 1]), ["control", "case"])
    weighted = {
        name: float(value[0])
        for name, value in metrics.scores(held, counts[None].astype(float)).items()
    }
    assert weighted == pytest.approx(one(copied))


def donors(seed, per_class=8, cells=1, effect=1.0):
    random = np.random.default_rng(seed)
    group = np.repeat([f"D{i:02d}" for i in range(2 * per_class)], cells)
    truth = np.repeat(["control", "case"], per_class * cells)
    logit = (
        np.repeat(random.normal(size=2 * per_class), cells)
        + 0.1 * random.normal(size=len(group))
        + effect * (truth == "case")
    )
    return metrics.held_out(
        predictions(truth, 1 / (1 + np.exp(-logit)), group=group), ["control", "case"]
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


def test_calibration_of_a_calibrated_model_lies_on_the_diagonal():
    random = np.random.default_rng(0)
    probability = random.random(4000)
    truth = np.where(random.random(4000) < probability, "case", "control")
    curve = calibration.curve(
        {"model": metrics.held_out(predictions(truth, probability), ["control", "case"])}
    )
    assert curve["n"].sum() == 4000
    assert (curve["observed"] - curve["probability"]).abs().max() < 0.05
    assert curve["low"].lt(curve["probability"]).all()
    assert curve["high"].gt(curve["probability"]).all()


def test_differences_are_paired():
    held = donors(2)
    better = donors(2, effect=50)
    weights = intervals.resampled_weights(held, 200, 1)
    table = intervals.differences(
        {"finetuned": better, "a": held, "b": better}, "finetuned", ["a", "b"], weights
    ).set_index("versus")
    assert table.loc["b", ["estimate", "low", "high", "share_above"]].tolist() == [0, 0, 0, 0.5]
    assert table.loc["a", "estimate"] > 0
    assert table.loc["a", "share_above"] > 0.95


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


def test_average_precision_of_two_normals_is_that_of_their_draws():
    random = np.random.default_rng(0)
    truth = np.r_[np.ones(20000), np.zeros(60000)]
    score = random.normal(truth * 1.2, 1)
    auc = reference.roc_auc_score(truth, score)
    assert small_sample_intervals.binormal_average_precision(auc, 0.25) == pytest.approx(
        reference.average_precision_score(truth, score), abs=0.01
    )
