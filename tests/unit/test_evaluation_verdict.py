"""The verdict's rules, its sentence, and what counts as confounding."""

import numpy as np
import pandas as pd
import pytest

from epigpt.evaluation import confounding, verdict

NO_CONFOUNDER = pd.DataFrame(columns=confounding.COLUMNS)
CLASSES = ["control", "epilepsy"]


def decided(judged=NO_CONFOUNDER, p=np.nan, p_floor=0.001, low=0.7, **auc):
    auc = {"finetuned": 0.9, "logistic_l2": 0.8, "majority": 0.5, **auc}
    rows = [
        {
            "model": model,
            "metric": "auc",
            "estimate": value,
            "low": min(low, value),
            "high": 1.0,
            "p": p,
            "p_floor": p_floor,
        }
        for model, value in auc.items()
    ]
    metrics = pd.DataFrame(rows).assign(n_samples=24, n_groups=12)
    differences = pd.DataFrame(
        [
            ("finetuned", model, auc["finetuned"] - value, -0.1, 0.2, 0.6)
            for model, value in auc.items()
            if model != "finetuned"
        ],
        columns=["model", "versus", "estimate", "low", "high", "share_above"],
    )
    return verdict.decide(metrics, differences, judged, CLASSES)


def test_above_chance_and_above_every_baseline_works():
    found = decided()
    assert found["verdict"] == "works"
    assert found["best_baseline"] == "logistic_l2"
    assert "GPT-2 beat logistic regression: AUC 0.90" in found["sentence"]
    assert found["sentence"].startswith(
        "Asked to tell 'epilepsy' from 'control' in groups that it had not seen (24 samples of 12"
        " groups)"
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"logistic_l2": 0.95}, "no_better_than_baseline"),
        ({"random_forest": 0.95}, "no_better_than_baseline"),
        ({"logistic_l2": 0.9}, "no_better_than_baseline"),  # a tie below perfection is no better
        ({"finetuned_no_blocks": 0.92}, "no_better_than_baseline"),
        ({"finetuned_shuffled_genes": 0.92}, "works"),  # a control of another kind
        ({"finetuned": 1.0, "logistic_l2": 1.0}, "works"),
        ({"finetuned": 0.9, "logistic_l2": 1.0}, "no_better_than_baseline"),
        ({"low": 0.5}, "no_evidence"),
        ({"p": 0.2}, "no_evidence"),
        ({"p": 0.05, "p_floor": 0.05}, "works"),
        ({"p_floor": 0.1}, "no_evidence"),
        ({"finetuned": 0.5, "low": 0.3}, "no_evidence"),
        ({"finetuned": 0.5, "low": 0.3, "logistic_l2": 0.99}, "no_evidence"),
    ],
)
def test_rules(changed, expected):
    found = decided(**changed)
    assert found["verdict"] == expected
    assert found["verdict"] in verdict.VERDICTS
    assert found["reason"]


def test_all_but_perfect_scores_are_not_told_apart_in_words():
    assert (
        "as good as perfect, as is that of logistic regression"
        in decided(finetuned=0.9995, logistic_l2=0.9986)["reason"]
    )
    assert (
        "above that of logistic regression" in decided(finetuned=0.9995, logistic_l2=0.98)["reason"]
    )


def test_confounding_comes_before_every_score():
    follows = pd.DataFrame(
        [("batch", 2, 12, 1.0, "label follows", False)], columns=confounding.COLUMNS
    )
    assert decided(judged=follows)["verdict"] == "confounded"
    assert decided(judged=follows)["confounders"] == ["batch"]
    accepted = decided(judged=follows.assign(accepted=True))
    assert accepted["verdict"] == "works"
    assert accepted["ignored_confounders"] == ["batch"]


def test_losing_to_logistic_regression_stands_in_the_first_sentence():
    assert "GPT-2 did not beat logistic regression" in decided(logistic_l2=0.95)["sentence"]
    assert "GPT-2 equalled logistic regression" in decided(logistic_l2=0.9)["sentence"]
    # A lead that the shown figures hide is no victory.
    assert (
        "GPT-2 equalled logistic regression"
        in decided(finetuned=0.9995, logistic_l2=0.9986)["sentence"]
    )
    assert "GPT-2 beat logistic regression" in decided(finetuned=0.91, logistic_l2=0.9)["sentence"]


def test_not_assessable_names_what_was_asked_and_why():
    found = verdict.not_assessable("class 'epilepsy' has 2 groups", CLASSES, NO_CONFOUNDER)
    assert found["verdict"] == "not_assessable"
    assert found["reason"] == "class 'epilepsy' has 2 groups"
    assert "'epilepsy' from 'control'" in found["sentence"]


def samples(**characteristics):
    number = len(next(iter(characteristics.values())))
    label = ["case"] * (number // 2) + ["control"] * (number - number // 2)
    names = [f"S{i}" for i in range(number)]
    return pd.DataFrame({"sample": names, "label": label, "group": names, **characteristics})


def kind(values, **changed):
    table = samples(thing=list(values)).assign(**changed)
    return confounding.table(table).set_index("characteristic").loc["thing", "kind"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("AAABBB", "label follows"),
        ("AABCCC", "label follows"),  # as day 4, day 8 and day 0 do
        ("AABAAB", "balanced or partly associated"),
        ("AAAABB", "balanced or partly associated"),
        ("AAAAAA", "constant"),
        ("ABCDEF", "unique to each group"),
        (["", "", "", "drug", "drug", "drug"], "label follows"),
        (["case", "case", "case", "control", "control", "control"], "states the label"),
        (["Kv1.1 case", "CASE", "case 2", "control", "the control", "control"], "states the label"),
    ],
)
def test_kinds_of_characteristics(values, expected):
    assert kind(values) == expected


def test_a_measurement_that_repeats_by_chance_is_no_confounder():
    weights = [f"{20 + i / 10:.1f}" for i in range(22)]
    weights[1] = weights[0]
    assert kind(weights) == "unique to each group"
    # One batch for all cases and a batch of its own for each control is no chance.
    assert kind(["B0"] * 11 + [f"B{i}" for i in range(1, 12)]) == "label follows"


def test_names_of_one_group_each_do_not_count_for_its_many_samples():
    animals = ["m1", "m1", "m2", "m2", "m3", "m3", "m4", "m4"]
    assert kind(animals, group=animals) == "unique to each group"
    assert (
        kind(animals) == "label follows"
    )  # with samples as groups, two samples share an animal: the wrong group was chosen


def test_label_joined_from_several_values_is_known_as_its_source():
    table = samples(thing=["KA", "pilo", "KA", "saline", "saline", "none"])
    table["label"] = table["label"].map({"case": "KA|pilo", "control": "not KA|pilo"})
    assert confounding.table(table)["kind"].tolist() == ["states the label"]


def test_time_in_the_influenza_series_decides_the_infection_not_the_reverse():
    time = ["Day0"] * 4 + ["Day4"] * 4 + ["Day8"] * 4
    infection = ["NonInfected"] * 4 + ["InfluenzaA"] * 8
    names = [f"S{i}" for i in range(12)]
    described = pd.DataFrame(
        {"sample": names, "group": names, "time": time, "infection": infection}
    )
    by_infection = confounding.table(described.assign(label=infection))
    by_time = confounding.table(described.assign(label=time))
    assert confounding.confounders(by_infection) == ["time"]
    assert confounding.confounders(by_time) == []
    assert (
        confounding.confounders(confounding.table(described.assign(label=infection), ["time"]))
        == []
    )


def test_cramers_v_of_known_tables():
    one, other = pd.Series(list("aabb")), pd.Series(list("xxyy"))
    assert confounding.cramers_v(one, other) == pytest.approx(1)
    assert confounding.cramers_v(one, pd.Series(list("xyxy"))) == pytest.approx(0)
    assert confounding.cramers_v(one, pd.Series(list("xxxx"))) == 0
