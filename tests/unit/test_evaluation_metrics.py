"""Scores, intervals, the null's arithmetic and calibration, held against scikit-learn and known
values."""

import numpy as np
import pytest
from sklearn import metrics as reference

from drawn_predictions import donors, one, predictions
from epigpt.evaluation import (
    calibration,
    intervals,
    metrics,
    small_sample_intervals,
)


def drawn(seed, number=60, classes=2):
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, number)
    truth[:classes] = range(classes)
    raw = random.random((number, classes)).round(1) + np.eye(classes)[truth] * 0.4 + 0.05
    return truth, raw / raw.sum(axis=1, keepdims=True)


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


@pytest.mark.parametrize("classes", [2, 3])
def test_the_auc_alone_is_that_of_all_scores_to_the_last_digit(classes):
    truth, probability = drawn(classes, number=24, classes=classes)
    names = np.array(["control", "case", "c"])[:classes]
    given = probability[:, 1] if classes == 2 else probability
    more = {} if classes == 2 else {"classes": names}
    held = metrics.held_out(predictions(names[truth], given, **more), list(names))
    weights = np.random.default_rng(0).integers(0, 3, (300, len(held.groups))).astype(float)
    weights[:, held.group[0]] += 1
    # The first resamples hold one class only.
    weights[:100, ~np.isin(np.arange(len(held.groups)), held.group[held.truth == 0])] = 0
    weights[:100] += np.isin(np.arange(len(held.groups)), held.group[held.truth == 0])
    alone, whole = metrics.auc_alone(held, weights), metrics.scores(held, weights)["auc"]
    assert np.isnan(alone).any()
    assert np.isfinite(alone).any()
    assert np.array_equal(alone, whole, equal_nan=True)


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


def test_average_precision_of_two_normals_is_that_of_their_draws():
    random = np.random.default_rng(0)
    truth = np.r_[np.ones(20000), np.zeros(60000)]
    score = random.normal(truth * 1.2, 1)
    auc = reference.roc_auc_score(truth, score)
    assert small_sample_intervals.binormal_average_precision(auc, 0.25) == pytest.approx(
        reference.average_precision_score(truth, score), abs=0.01
    )
