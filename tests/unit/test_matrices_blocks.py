"""What is done some at a time, to save memory, gives what doing it at once would."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from epigpt.dataset import assemble
from epigpt.matrices import union as union_module
from epigpt.matrices import value_kind
from epigpt.matrices.union import union
from epigpt.matrices.values import Values

MATRICES = st.tuples(
    st.integers(1, 9), st.integers(1, 7), st.integers(0, 2**32 - 1), st.floats(0, 1)
)


def matrix_of(
    rows: int, columns: int, seed: int, density: float, kind: type = np.int32
) -> sparse.csr_array:
    random = np.random.default_rng(seed)
    dense = random.integers(1, 50, size=(rows, columns)) * (
        random.random((rows, columns)) < density
    )
    return sparse.csr_array(dense.astype(kind))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(value_kind, "_AT_ONCE", 3)
    monkeypatch.setattr(assemble, "_AT_ONCE", 3)


ONCE = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ONCE
@given(MATRICES)
def test_sums_of_observations(shape):
    matrix = matrix_of(*shape)
    np.testing.assert_array_equal(value_kind._sums(matrix), np.asarray(matrix.sum(axis=1)).ravel())


@ONCE
@given(MATRICES, st.integers(1, 5), st.data())
def test_rows_of_the_same_gene_are_added_and_others_set_aside(shape, n_genes, data):
    matrix = matrix_of(*shape)
    dense = matrix.toarray()
    position = np.array(
        data.draw(
            st.lists(st.integers(-1, n_genes - 1), min_size=dense.shape[1], max_size=dense.shape[1])
        )
    )
    expected = np.zeros((dense.shape[0], n_genes), dtype=int)
    for column, gene in enumerate(position):
        if gene >= 0:
            expected[:, gene] += dense[:, column]
    found = assemble._summed(matrix, position, n_genes)
    np.testing.assert_array_equal(found.toarray(), expected)
    assert found.has_sorted_indices


@ONCE
@given(
    st.lists(st.tuples(MATRICES, st.booleans()), min_size=1, max_size=5), st.permutations(range(7))
)
def test_union_of_differing_feature_lists(parts, order):
    given_parts, expected = [], []
    for number, (shape, whole) in enumerate(parts):
        matrix = matrix_of(*shape, int if whole else float)
        genes = [f"g{order[index]}" for index in range(matrix.shape[1])][:: -1 if number % 2 else 1]
        given_parts.append(
            (f"s{number}", Values(matrix, [f"c{cell}" for cell in range(matrix.shape[0])], genes))
        )
        expected += [dict(zip(genes, row, strict=True)) for row in matrix.toarray()]
    # Lists so short that a gene which one lacks counts as 0, however often others count it.
    with mock.patch.object(union_module, "_FEWEST_MISSING", 99):
        joined, samples = union(iter(given_parts))
    assert samples == [
        f"s{number}" for number, (shape, _) in enumerate(parts) for _ in range(shape[0])
    ]
    found = joined.matrix.toarray()
    for row, wanted in zip(found, expected, strict=True):
        assert {gene: value for gene, value in zip(joined.genes, row, strict=True) if value} == {
            g: v for g, v in wanted.items() if v
        }
