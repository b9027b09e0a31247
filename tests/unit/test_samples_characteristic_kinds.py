"""What a characteristic is about, by its name."""

import pytest

from epigpt.samples.characteristic_kinds import Kind, is_handling, kind_of


@pytest.mark.parametrize(
    "name",
    ["batch", "seq_run", "collection date", "p10date", "flow cell", "RIN", "library.prep", "lab"],
)
def test_ways_of_handling_a_sample_are_never_a_condition(name: str) -> None:
    assert is_handling(name)
    assert kind_of(name, ["one", "two"]) is Kind.TECHNICAL


@pytest.mark.parametrize("name", ["label", "candidate gene", "grunting", "explained", "treatment"])
def test_a_word_within_a_word_says_nothing(name: str) -> None:
    assert not is_handling(name)


def test_what_keeps_samples_apart_is_no_way_of_handling_them() -> None:
    assert not is_handling("barcode")
    assert kind_of("barcode", ["ACGT", "TGCA"]) is Kind.TECHNICAL
