"""Which genes are mitochondrial, by symbol, id or bare name."""

import numpy as np
import pytest

from epigpt.genes import identifiers


@pytest.mark.parametrize(
    ("organism", "symbol", "other"),
    [
        ("human", "MT-ND1", "mt-Nd1"),
        ("mouse", "mt-Nd1", "MT-ND1"),
        ("rat", "Mt-nd1", "MTOR"),
        ("zebrafish", "mt-nd1", "mtor"),
    ],
)
def test_mitochondrial_symbols(organism, symbol, other):
    assert identifiers.mitochondrial([symbol, other], ["x", "y"], organism).tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("organism", "gene"),
    [
        ("human", "ENSG00000198888"),
        ("human", "4535"),
        ("mouse", "ENSMUSG00000064341"),
        ("rat", "ENSRNOG00000030644"),
        ("zebrafish", "ENSDARG00000063895"),
    ],
)
def test_mitochondrial_ids(organism, gene):
    mask = identifiers.mitochondrial([gene, "SST"], [gene, "ENSG00000157005"], organism)
    assert mask.dtype == np.bool_
    assert mask.tolist() == [True, False]


def test_bare_mitochondrial_names_count_only_together():
    names = ["ND1", "ND2", "ND3", "ND4", "ND5", "ND6", "COX1", "COX2", "CYTB", "GFAP"]
    assert identifiers.mitochondrial(names, names, "mouse").tolist() == [True] * 9 + [False]
    assert not identifiers.mitochondrial(["COX1", "GFAP"], ["COX1", "GFAP"], "human").any()
