"""Folds: what must hold for any set of samples, and what is refused."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from epigpt import files
from epigpt.errors import InputError
from epigpt.evaluation import answer_words, cross_validation, fold_drawing
from epigpt.samples.classes import class_order


def series(groups: list[tuple[str, ...]]) -> pd.DataFrame:
    """One group per entry, which lists the labels of its samples."""
    rows = [
        {"sample": f"s{number}-{index}", "group": f"g{number}", "label": label}
        for number, labels in enumerate(groups)
        for index, label in enumerate(labels)
    ]
    return pd.DataFrame(rows)


def pure(**counts: int) -> pd.DataFrame:
    """So many groups of one sample for each class."""
    return series([(label,) for label, count in counts.items() for _ in range(count)])


two_classes = st.lists(
    st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(tuple), min_size=3, max_size=25
)
three_classes = st.lists(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(tuple), min_size=3, max_size=25
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    groups=st.one_of(two_classes, three_classes),
    k=st.integers(2, 8),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_fold_tests_every_class_with_whole_groups(
    groups: list[tuple[str, ...]], k: int, seed: int
) -> None:
    samples = series(groups)
    assessment = cross_validation.assess(samples, k)
    drawn = cross_validation.folds(samples, k, 2, seed)
    assert list(drawn.columns) == ["sample", "group", "repeat", "fold"]
    if not assessment.assessable:
        assert drawn.empty
        assert assessment.reason
        return
    per_class = samples.groupby("label")["group"].nunique()
    assert per_class.min() >= 3
    if samples["label"].nunique() == 2:
        assert assessment.folds == min(k, per_class.min())
    assert assessment.folds <= min(k, per_class.min())
    for _, part in drawn.groupby("repeat"):
        assert sorted(part["sample"]) == sorted(samples["sample"])
        assert part.groupby("group")["fold"].nunique().max() == 1
        labelled = part.merge(samples[["sample", "label"]], on="sample")
        held = labelled.groupby("fold")["label"].nunique()
        assert sorted(held.index) == list(range(assessment.folds))
        assert (held == samples["label"].nunique()).all()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(groups=two_classes, seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(
    groups: list[tuple[str, ...]], seed: int, order: "np.random.Generator"
) -> None:
    samples = series(groups)
    rows = list(range(len(samples)))
    order.shuffle(rows)
    pd.testing.assert_frame_equal(
        cross_validation.folds(samples, 5, 2, seed),
        cross_validation.folds(samples.iloc[rows], 5, 2, seed),
    )


@settings(max_examples=40, deadline=None)
@given(
    first=st.integers(3, 30),
    second=st.integers(3, 30),
    k=st.integers(2, 10),
    seed=st.integers(0, 10_000),
)
def test_folds_of_single_samples_are_even_by_class_and_in_total(
    first: int, second: int, k: int, seed: int
) -> None:
    samples = pure(a=first, b=second)
    drawn = cross_validation.folds(samples, k, 1, seed).merge(samples, on=["sample", "group"])
    sizes = drawn["fold"].value_counts()
    assert sizes.max() - sizes.min() <= 1
    for label in "ab":
        sizes = drawn.loc[drawn["label"] == label, "fold"].value_counts()
        assert sizes.max() - sizes.min() <= 1


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 12), min_size=6, max_size=30), seed=st.integers(0, 10_000))
def test_unequal_groups_differ_by_no_more_than_the_largest_one(sizes: list[int], seed: int) -> None:
    samples = series([("ab"[number % 2],) * size for number, size in enumerate(sizes)])
    drawn = cross_validation.folds(samples, 3, 1, seed).merge(samples, on=["sample", "group"])
    assume(len(drawn))
    for label in "ab":
        per_fold = drawn.loc[drawn["label"] == label, "fold"].value_counts()
        assert per_fold.max() - per_fold.min() <= max(sizes)


def test_repeats_and_seeds_draw_anew_and_the_same_seed_does_not() -> None:
    samples = pure(a=9, b=9)
    drawn = cross_validation.folds(samples, 3, 3, 7)
    pd.testing.assert_frame_equal(drawn, cross_validation.folds(samples, 3, 3, 7))
    by_repeat = [tuple(part.sort_values("sample")["fold"]) for _, part in drawn.groupby("repeat")]
    assert len(set(by_repeat)) == 3
    assert not drawn["fold"].equals(cross_validation.folds(samples, 3, 3, 8)["fold"])
    # More repeats leave the earlier ones as they were.
    pd.testing.assert_frame_equal(
        drawn[drawn["repeat"] == 0], cross_validation.folds(samples, 3, 1, 7)
    )


def test_paired_donors_count_for_both_classes() -> None:
    samples = series([("untrt", "trt")] * 4)
    assessment = cross_validation.assess(samples, 5)
    assert (assessment.folds, assessment.groups_per_class) == (4, {"trt": 4, "untrt": 4})
    assert "4 folds instead of 5" in assessment.reason


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (pure(a=5, b=2), "'b' has 2 donors"),
        (series([("a", "b")]), "has 1 donor;"),
        (pure(a=7), "only one class (a)"),
    ],
)
def test_too_few_groups_are_not_assessable(samples: pd.DataFrame, said: str) -> None:
    assessment = cross_validation.assess(samples, 5)
    assert (assessment.assessable, assessment.folds) == (False, 0)
    assert said in assessment.reason
    assert cross_validation.folds(samples, 5, 2, 1).empty


def test_classes_that_share_donors_in_a_ring_get_no_folds() -> None:
    # Each class has groups enough, but two folds can never both hold all three.
    samples = series([("a", "b"), ("b", "c"), ("a", "c")])
    assert (
        fold_drawing.draw(fold_drawing.held_classes(samples), 2, np.random.default_rng(0)) is None
    )


def test_cells_count_as_one_sample() -> None:
    samples = pure(a=4, b=4)
    cells = samples.loc[samples.index.repeat(50)].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        cross_validation.folds(cells, 4, 1, 3), cross_validation.folds(samples, 4, 1, 3)
    )


def test_a_sample_of_two_donors_is_refused() -> None:
    samples = pd.concat(
        [pure(a=4, b=4), pd.DataFrame({"sample": ["s0-0"], "group": ["other"], "label": ["a"]})]
    )
    with pytest.raises(InputError, match="sample 's0-0' with cells of 2 groups"):
        cross_validation.folds(samples, 3, 1, 1)


def test_a_measurement_is_refused_with_cells_that_make_classes_of_it() -> None:
    ages = [str(age) for age in (21, 25, 30, 41, 54, 60, 63, 70)]
    samples = pure(x=8).assign(label=ages, age=ages, sex="F")
    with pytest.raises(
        InputError, match="label 'age' with 8 different numbers from 21 to 70"
    ) as refused:
        cross_validation.folds(samples, 3, 1, 1)
    cells = refused.value.remedy.splitlines()[-1].strip().split("\t")
    assert cells == ["age", "54|60|63|70", "21|25|30|41"]


def test_numbers_with_enough_donors_each_are_classes() -> None:
    doses = pd.concat(
        [
            pure(x=4)
            .assign(label=dose)
            .add_prefix(f"{dose}")
            .set_axis(["sample", "group", "label"], axis=1)
            for dose in "01259"
        ]
    )
    doses["sample"] += doses["label"]
    doses["group"] += doses["label"]
    assert cross_validation.assess(doses, 5).folds == 4


def test_crossing_groups_and_repeated_samples_are_refused() -> None:
    drawn = cross_validation.folds(pure(a=4, b=4), 4, 2, 1)
    cross_validation.assert_no_group_crosses(drawn)
    with pytest.raises(InputError, match=r"group 'g0' in fold \d and fold \d"):
        cross_validation.assert_no_group_crosses(
            drawn.assign(group=drawn["group"].replace("g1", "g0").replace("g2", "g0"))
        )
    with pytest.raises(InputError, match="more than once"):
        cross_validation.assert_no_group_crosses(pd.concat([drawn, drawn.head(1)]))
    with pytest.raises(InputError, match="group 'one' in fold 0 and"):
        cross_validation.assert_no_group_crosses(drawn.assign(group="one"))


def test_train_and_test_share_nothing_and_cover_all() -> None:
    samples = series([("a", "b", "a")] * 3 + [("a",)] * 3 + [("b", "b")] * 3)
    drawn = cross_validation.folds(samples, 3, 2, 5)
    for repeat in range(2):
        tested: list[str] = []
        own = drawn[drawn["repeat"] == repeat]
        for fold in range(3):
            test, train = own[own["fold"] == fold], own[own["fold"] != fold]
            assert len(test)
            assert not set(train["group"]) & set(test["group"])
            tested += test["sample"].tolist()
        assert sorted(tested) == sorted(samples["sample"])


def test_the_table_survives_its_file_and_the_checksum_is_the_files(tmp_path: Path) -> None:
    samples = pure(a=4, b=4)
    samples["sample"] = ["NA", "007", "1e3", "null", "s 5", "ö", "nan", "x"]
    drawn = cross_validation.folds(samples, 4, 2, 1)
    files.write_tsv(tmp_path / "folds.tsv", drawn)
    pd.testing.assert_frame_equal(
        cross_validation.read(tmp_path / "folds.tsv"), drawn, check_dtype=False
    )
    assert (
        cross_validation.checksum(drawn)
        == hashlib.sha256((tmp_path / "folds.tsv").read_bytes()).hexdigest()
    )
    assert cross_validation.checksum(drawn) != cross_validation.checksum(
        cross_validation.folds(samples, 4, 2, 2)
    )
    none = cross_validation.folds(pure(a=2, b=2), 4, 2, 1)
    files.write_tsv(tmp_path / "none.tsv", none)
    assert (tmp_path / "none.tsv").read_text() == "sample\tgroup\trepeat\tfold\n"
    assert cross_validation.read(tmp_path / "none.tsv").empty


def test_the_summary_counts_groups_and_samples() -> None:
    samples = series([("a", "b")] * 3 + [("a",)])
    drawn = cross_validation.folds(samples, 3, 2, 1)
    said = cross_validation.summary(drawn, cross_validation.assess(samples, 3), ["b", "a"], samples)
    assert (said["assessable"], said["folds"], said["repeats"], said["classes"]) == (
        True,
        3,
        2,
        ["b", "a"],
    )
    assert said["groups_per_class"] == {"a": 4, "b": 3}
    assert said["samples_per_class"] == {"b": 3, "a": 4}
    assert said["checksum"] == cross_validation.checksum(drawn)


@pytest.mark.parametrize(
    ("case", "control", "order"),
    [
        ("", "", ["wt", "mut"]),  # the one called like a reference comes first
        ("mut", "wt", ["wt", "mut"]),
        ("mut", "", ["wt", "mut"]),
        ("", "wt", ["wt", "mut"]),
        ("wt", "mut", ["mut", "wt"]),
    ],
)
def test_the_class_of_interest_comes_last(case: str, control: str, order: list[str]) -> None:
    assert class_order(["wt", "mut", "wt"], case, control) == order


def test_several_classes_are_sorted() -> None:
    assert class_order(["b", "c", "a", "b"], "b", "a") == ["a", "b", "c"]


def test_samples_without_a_label_are_described_and_not_assessed() -> None:
    names = [f"s{n}" for n in range(6)]
    samples = pd.DataFrame({"sample": names, "label": "", "group": names})
    assessment = cross_validation.assess(samples, 5)
    assert not assessment.assessable
    assert "no sample has a label" in assessment.reason
    assert len(cross_validation.folds(samples, 5, 1, 1)) == 0
    text = answer_words.question([])
    assert text == "Can classes be told apart?"
