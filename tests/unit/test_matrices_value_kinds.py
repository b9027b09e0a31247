"""Kinds of values, told by their numbers, and which of them need consent."""

import numpy as np
import pytest
from scipy import sparse

from epigpt.matrices.value_kind import kind_of_values
from refused_tables import reads, refused, write


def scaled(values: np.ndarray, total: float) -> np.ndarray:
    return values / values.sum(axis=0) * total


BIG = np.random.default_rng(1).negative_binomial(1, 0.002, size=(400, 6)) + 1
LOW = np.random.default_rng(3).negative_binomial(1, 0.05, size=(400, 6))
FACTORS = np.array([0.71, 0.86, 0.94, 1.07, 1.22, 1.33])
LENGTHS = np.random.default_rng(2).uniform(0.3, 9, size=(400, 1))
KINDS = {
    "raw_counts": BIG,
    "estimated_counts": np.where(np.arange(400)[:, None] % 3 == 0, BIG + 0.37, BIG),
    "normalised_integers": np.rint(scaled(BIG, 5e6)),
    "tpm": scaled(BIG / LENGTHS, 1e6),
    "cpm": scaled(BIG, 1e6),
    "fpkm": LOW / LENGTHS / LOW.sum(axis=0) * 1e5,
    "log": np.log2(scaled(BIG / LENGTHS, 1e6) + 1),
    "log_counts": np.log2(LOW + 1),
    "normalised_counts": LOW / FACTORS,
    "unknown": np.round(BIG / LENGTHS / BIG.sum(axis=0) * 1e5, 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_values_is_told_by_the_numbers(kind):
    found = kind_of_values(sparse.csr_array(KINDS[kind].T))
    assert found.type == kind, found
    assert "sums from" in found.evidence


def test_zeros_that_are_stored_are_zeros():
    stored = sparse.csr_array((np.zeros(6), (np.arange(6), np.arange(6))), shape=(6, 9))
    for matrix in (stored, sparse.csr_array((6, 9))):
        assert kind_of_values(matrix).evidence == "every value is 0"


def test_a_fixed_upper_quartile_gives_normalised_integers_away():
    quartile = np.quantile(BIG, 0.75, axis=0)
    found = kind_of_values(sparse.csr_array(np.rint(BIG * 100_000 / quartile).T))
    assert found.type == "normalised_integers"
    assert "upper quartile" in found.evidence


def test_negative_and_microarray_values():
    assert kind_of_values(sparse.csr_array(BIG.T - 5000.5)).type == "intensity"
    assert kind_of_values(sparse.csr_array(np.log2(BIG.T) - 3)).type == "log"
    assert (
        kind_of_values(sparse.csr_array(np.log2(BIG.T + 1.0)), microarray=True).type == "intensity"
    )


def test_integers_under_a_name_that_says_otherwise_are_no_raw_counts():
    assert (
        kind_of_values(sparse.csr_array(BIG.T), "GSE1_normalized_counts.txt").type
        == "normalised_integers"
    )
    assert (
        kind_of_values(sparse.csr_array(BIG.T), "GSE1_non-normalized_counts.txt").type
        == "raw_counts"
    )


@pytest.mark.parametrize(
    ("rounded", "made", "kind"),
    [
        (2, lambda counts, factor: counts / factor, "normalised_counts"),
        (1, lambda counts, factor: counts / factor, "normalised_counts"),
        (0, lambda counts, factor: counts / factor, "normalised_integers"),
        (0, lambda counts, factor: 20 * counts * factor, "normalised_integers"),
        (0, lambda counts, factor: 2 * counts, "normalised_integers"),
        (0, lambda counts, factor: np.where(counts < 10, 0, counts), "raw_counts"),
        (4, lambda counts, factor: np.log1p(counts), "log_counts"),
        (3, lambda counts, factor: np.log10(counts + 1), "log_counts"),
        (6, lambda counts, factor: np.log2(counts / factor + 1), "log"),
        (6, lambda counts, factor: np.log1p(counts / counts.sum(axis=0) * 1e4), "log"),
        (0, lambda counts, factor: counts, "raw_counts"),
    ],
)
def test_what_was_made_of_counts_is_named_by_what_they_left_behind(rounded, made, kind):
    means = np.exp(np.random.default_rng(4).normal(3, 2, size=(4000, 1)))
    mixed = np.random.default_rng(5).poisson(means * FACTORS)
    values = np.round(made(mixed, FACTORS), rounded)
    # The file's name is of no weight where the numbers tell.
    found = kind_of_values(sparse.csr_array(values.T), "GSE1_normalized_counts.txt")
    assert found.type == kind, found
    if rounded == 0 and kind == "normalised_integers":
        assert kind_of_values(sparse.csr_array(values.T)).type == kind


def test_a_logarithm_is_undone_with_its_own_base(tmp_path):
    from epigpt.dataset import assemble

    values = sparse.csr_array(np.log1p(LOW).T)
    counts, how = assemble._as_counts(values, kind_of_values(values))
    np.testing.assert_array_equal(counts.toarray(), LOW.T)
    assert how.startswith("exp(x) - 1")


@pytest.mark.parametrize(
    "kind",
    ["tpm", "log", "normalised_integers", "fpkm", "log_counts", "normalised_counts", "unknown"],
)
def test_values_that_are_no_counts_need_consent(tmp_path, kind):
    write(
        tmp_path / "GSE1_expression.txt",
        KINDS[kind],
        genes=[f"ENSMUSG{number:011d}" for number in range(400)],
    )
    refused(tmp_path, f"allow_values='[{kind}]'", "column sums")
    assert reads(tmp_path, allowed=(kind,))[0].kind.type == kind
