"""What counts as confounding, and what is only the label under another name."""

import numpy as np
import pandas as pd
import pytest

from epigpt.evaluation import confounding


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


def test_a_measurement_counts_as_what_it_is_an_order():
    rising = [f"{20 + i / 10:.1f}" for i in range(22)]
    mixed = [rising[(i * 5) % 22] for i in range(22)]
    assert kind(rising) == "order separates the classes"
    assert kind(mixed) == "unique to each group"
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
    assert [one.name for one in confounding.confounders(by_infection)] == ["time"]
    assert confounding.confounders(by_time) == []
    accepted = confounding.table(described.assign(label=infection), ["time"])
    assert confounding.confounders(accepted) == []
    assert confounding.accepted_names(accepted) == ["time"]


def test_cramers_v_of_known_tables():
    one, other = pd.Series(list("aabb")), pd.Series(list("xxyy"))
    assert confounding.cramers_v(one, other) == pytest.approx(1)
    assert confounding.cramers_v(one, pd.Series(list("xyxy"))) == pytest.approx(0)
    assert confounding.cramers_v(one, pd.Series(list("xxxx"))) == 0


def described(name, values, label=None, **changed):
    table = samples(**{name: list(values)})
    if label is not None:
        table["label"] = label
    return confounding.table(table.assign(**changed)).set_index("characteristic").loc[name]


DAYS = [f"2021-03-{day:02d}" for day in range(1, 13)]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        # Every sample on a day of its own, all cases before all controls.
        ("sequencing date", DAYS, "order separates the classes"),
        ("run", [f"run {i}" for i in range(12)], "order separates the classes"),
        ("RIN", [f"{9.5 - i / 10:.1f}" for i in range(12)], "order separates the classes"),
        ("age", [f"P{20 + i}" for i in range(12)], "order separates the classes"),
        (
            "sequencing date",
            [*DAYS[:5], DAYS[6], DAYS[5], *DAYS[7:]],
            "order nearly separates the classes",
        ),
        ("batch", list("AAAAAABBBBBA"), "label nearly follows"),
        ("sequencing date", DAYS[::2] + DAYS[1::2], "unique to each group"),
        # What names the samples has the order in which somebody wrote them down.
        ("mouse number", [str(i) for i in range(12)], "unique to each group"),
        ("sample title", [f"brain {i}" for i in range(12)], "unique to each group"),
        ("batch", list("AABBAABBAABB"), "balanced or partly associated"),
    ],
)
def test_orders_and_near_misses(name, values, expected):
    assert described(name, values)["kind"] == expected


def test_near_misses_are_said_with_their_strength():
    found = described("batch", "AAAAAABBBBBA")
    assert (found["off"], found["detail"]) == (
        1,
        "its values tell the class of all but 1 of 12 groups",
    )


def test_three_against_three_is_too_few_for_a_near_miss_to_mean_anything():
    assert described("age", ["10", "11", "13", "12", "14", "15"])["kind"] == "unique to each group"


@pytest.mark.parametrize(
    ("source", "label", "name", "values", "expected"),
    [
        (
            "genotype",
            "MW",
            "genotype for publication",
            ["Kcna1 null", "Kcna1 +/+"],
            "label under another name",
        ),
        ("condition", "ES", "treatment", ["kainate", "sham"], "label under another name"),
        (
            "condition",
            "ES",
            "treatment",
            ["kainate", "kindled", "sham", "saline"],
            "finer than the label",
        ),
        # One of the other family that goes with the label is a confounder.
        ("genotype", "MW", "treatment", ["valproate", "vehicle"], "label follows"),
        ("condition", "ES", "batch", ["A", "B"], "label follows"),
        ("condition", "ES", "sex", ["F", "M"], "label follows"),
    ],
)
def test_the_label_under_another_name_is_no_confounder(source, label, name, values, expected):
    half = len(values) // 2
    table = samples(**{source: [label[0]] * 6 + [label[1]] * 6})
    table[name] = [values[i % half] for i in range(6)] + [values[half + i % half] for i in range(6)]
    table["label"] = table[source]
    judged = confounding.table(table).set_index("characteristic")["kind"]
    assert judged[source] == "states the label"
    assert judged[name] == expected


def test_read_depth_that_separates_the_classes_is_seen():
    table = samples(sex=list("MFMFMFMFMFMF"))
    depth = pd.Series(np.r_[np.linspace(5e6, 6e6, 6), np.linspace(9e6, 1e7, 6)], table["sample"])
    judged = confounding.table(table, measured={"read depth": depth})
    assert [one.name for one in confounding.confounders(judged)] == ["read depth"]
    assert (
        confounding.confounders(
            confounding.table(
                table,
                measured={"read depth": depth[::-1].set_axis(table["sample"]) * np.tile([1, 3], 6)},
            )
        )
        == []
    )
