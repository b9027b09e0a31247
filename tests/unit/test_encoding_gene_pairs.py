"""Pairs of genes whose order tells the classes apart."""

import itertools

import numpy as np
import pytest

from epigpt.encoding import gene_pairs

CLASSES = ["a", "b"]


def test_pairs_are_those_whose_order_follows_the_class() -> None:
    random = np.random.default_rng(2)
    label = np.array(CLASSES * 10)
    level = random.normal(5, 2, (20, 1))  # a nuisance that moves both genes of the pair
    means = random.normal(5, 1, (20, 12))
    means[:, [3, 7]] = level
    means[:, 3] += np.where(label == "b", 0.3, -0.3)
    assert gene_pairs.top_pairs(means, label, 3)[0].tolist() == [3, 7]
    assert gene_pairs.top_pairs(means, np.full(20, "a"), 3).shape == (0, 2)


def test_pairs_of_several_classes_are_shared_out() -> None:
    random = np.random.default_rng(3)
    label = np.array(["a", "b", "c"] * 6)
    pairs = gene_pairs.top_pairs(random.normal(size=(18, 40)), label, 9)
    assert pairs.shape == (9, 2)
    for share in pairs.reshape(3, 6):
        assert len(set(share.tolist())) == 6


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize(("genes", "cases"), [(6, 6), (60, 6), (60, 5), (60, 3)])
def test_the_first_pairs_are_those_that_trying_all_of_them_finds(
    genes: int, cases: int, counted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not counted:
        monkeypatch.setattr(gene_pairs, "_COUNTED", -1)
    random = np.random.default_rng(4)
    label = np.array(["a"] * (12 - cases) + ["b"] * cases)
    expression = random.poisson(2, (12, genes)).astype(float)
    case = label == "b"
    tried = []
    for one, other in itertools.combinations(range(genes), 2):
        difference = np.sign(expression[:, one] - expression[:, other])
        score = (difference[case].mean() - difference[~case].mean()) / 2
        shift = expression[case].mean(axis=0) - expression[~case].mean(axis=0)
        change = shift[one] - shift[other]
        raised = score > 0 or (score == 0 and change > 0)
        pair = (one, other) if raised else (other, one)
        tried.append((-round(abs(score), 9), -abs(change), one, other, pair))
    used: set[int] = set()
    wanted = []
    for *_, pair in sorted(tried):
        if not used & set(pair):
            used |= set(pair)
            wanted.append(list(pair))
    assert gene_pairs.top_pairs(expression, label, 3).tolist() == wanted[:3]


@pytest.mark.parametrize("rows", [254, 256, 258, 600])
def test_a_pair_is_found_in_however_many_rows(rows: int) -> None:
    random = np.random.default_rng(4)
    label = np.array(CLASSES * (rows // 2))
    means = random.normal(5, 1, (rows, 8))
    means[:, 2] = means[:, 5] + np.where(label == "b", 0.1, -0.1)
    assert gene_pairs.top_pairs(means, label, 1).tolist() == [[2, 5]]


@pytest.mark.parametrize("counted", [True, False])
def test_of_equal_strengths_all_are_kept(counted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not counted:
        monkeypatch.setattr(gene_pairs, "_COUNTED", -1)
    strength = np.random.default_rng(5).integers(0, 9, 200)
    for number in (1, 40, 150, 199):
        least = sorted(strength)[-number]
        kept = gene_pairs._strongest(strength, number)
        assert kept.tolist() == np.flatnonzero(strength >= least).tolist()
