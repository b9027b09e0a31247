"""Names of columns that R made of titles are given back to them, or said to be doubtful."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epigpt.matrices.r_names import make_names, make_unique, unique_names
from epigpt.matrices.sample_matching import match
from matched_titles import record, titles_of


# What R 4 prints for these calls.
@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("WT 1", "WT.1"),
        ("1_WT", "X1_WT"),
        ("_a", "X_a"),
        (".2a", "X.2a"),
        (".a", ".a"),
        ("+/+ 1", "X....1"),
        ("", "X"),
        ("if", "if."),
        ("NA", "NA."),
        ("TRUE", "TRUE."),
        ("KO-α", "KO.α"),
    ],
)
def test_make_names_is_r_s(text, made):
    assert make_names(text) == made


def test_make_unique_is_r_s():
    assert make_unique(["a", "a", "a.1", "a", "b"]) == ["a", "a.2", "a.1", "a.3", "b"]
    assert make_unique(["a", "a"], "-") == ["a", "a-1"]
    assert unique_names(["a b", "a.b", "a-b"]) == ["a.b.1", "a.b", "a.b.2"]
    assert make_names("KO-α", ascii_only=True) == "KO.."


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(" .-+/aA1_", min_size=0, max_size=5), min_size=1, max_size=12))
def test_names_made_by_r_differ_and_stay_what_they_are(texts):
    made = unique_names(texts)
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[A-Za-z.][\w.]*", name) for name in made)
    assert unique_names(made) == made


GENOTYPES = [
    f"Kcna1 {genotype} {diet} {number}"
    for genotype, diet, number in itertools.product(("+/+", "-/-"), ("SD", "KD"), (1, 2, 3))
]


@pytest.mark.parametrize("ascii_only", [False, True])
def test_what_r_makes_of_the_titles_is_given_back_to_them(ascii_only):
    titles = [*GENOTYPES, "µ 1", "12", "if"]
    columns = unique_names(titles, ascii_only)
    assert titles_of(columns, titles) == dict(zip(columns, titles, strict=True))
    assert titles_of(columns[::-1], titles) == dict(zip(columns, titles, strict=True))


def test_what_r_had_to_number_is_said():
    found = match(unique_names(GENOTYPES), record(GENOTYPES))
    assert "in the order in which the record lists them" in found.caution
    assert not match(unique_names(GENOTYPES[:6]), record(GENOTYPES[:6])).caution


def test_half_of_what_r_numbered_is_nobody_s():
    # Columns of one genotype: R had nothing to number, so they fit either.
    assert titles_of(unique_names(GENOTYPES[6:]), GENOTYPES) is None


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text.replace(" ", "_"),
        lambda text: text.lower().replace("+/+", "").replace("-/-", "").replace(" ", ""),
        lambda text: re.sub(r"\W+", "", text),
        lambda text: re.sub(r"\W+", "-", text),
    ],
)
def test_signs_are_never_matched_by_what_is_left_without_them(write):
    columns = [write(title) for title in GENOTYPES]
    right = dict(zip(columns, GENOTYPES, strict=True))
    found = titles_of(columns, GENOTYPES)
    if len(right) == len(GENOTYPES):
        assert found == right
    else:
        assert found is None


def test_a_class_with_a_sign_does_not_vanish():
    titles = [f"{name} {n}" for name in ("control", "PTZ", "PTZ + drug") for n in (1, 2, 3)]
    for columns in (
        unique_names(titles),
        [title.replace(" ", "") for title in titles],
        [title.replace(" + ", "_").replace(" ", "_") for title in titles],
    ):
        assert titles_of(columns, titles) == dict(zip(columns, titles, strict=True))
