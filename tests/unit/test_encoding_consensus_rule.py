"""The sparse rule that subsets of the donors agree on, and the linear start that is built on it."""

import numpy as np
import pytest

from epigpt.encoding import consensus_rule, linear_start
from epigpt.encoding.programs import COMPONENT, RULE, Programs

GENES, PLANTED = 400, 5


def _series(
    effect: float, donors: int = 20, classes: int = 2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two rows of each donor; a few genes are raised in each class but the first."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(donors), 2)
    numbers = group % classes
    expression = random.normal(5, 1, (len(group), GENES))
    for number in range(1, classes):
        genes = slice((number - 1) * PLANTED, number * PLANTED)
        expression[:, genes] += effect * (numbers == number)[:, None]
    return expression, numbers, group


@pytest.mark.parametrize("classes", [2, 3])
def test_the_rule_holds_the_planted_genes_and_says_the_class_of_donors_it_never_saw(
    classes: int,
) -> None:
    expression, numbers, group = _series(2.0, classes=classes)
    rule = consensus_rule.fit(expression, numbers, group, seed=1)
    assert rule is not None
    margins = 1 if classes == 2 else classes
    assert rule.coefficients.shape == (GENES, margins)
    planted = PLANTED * (classes - 1)
    heaviest = np.argsort(-np.abs(rule.coefficients).sum(axis=1))[: 2 * planted]
    assert set(range(planted)) <= set(heaviest.tolist()) <= set(rule.columns.tolist())
    seen = ~np.isnan(rule.held_out).any(axis=1)
    called = (
        (rule.held_out[seen, 0] > 0).astype(int)
        if margins == 1
        else rule.held_out[seen].argmax(axis=1)
    )
    assert (called == numbers[seen]).mean() > 0.8


def test_margins_of_unseen_donors_have_one_spread_whatever_the_effect() -> None:
    for effect in (0.0, 0.7, 3.0):
        rule = consensus_rule.fit(*_series(effect), seed=1)
        assert rule is not None
        seen = rule.held_out[~np.isnan(rule.held_out)]
        assert np.sqrt((seen**2).mean()) == pytest.approx(1.0)


def test_no_donor_is_judged_by_a_regression_that_saw_one_of_its_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expression, numbers, group = _series(0.0)
    # A regression that knows its rows by heart: 1 for each row that it was fitted on.
    known: list[np.ndarray] = []
    honest = consensus_rule._lasso
    marks = np.arange(len(group), dtype=float)
    expression = np.column_stack([expression, marks])

    def spied(
        values: np.ndarray, numbers: np.ndarray, positive: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        rows = np.round(values[:, -1] * marks.std() + marks.mean()).astype(int)
        known.append(np.unique(group[rows]))
        return honest(values, numbers, positive)

    monkeypatch.setattr(consensus_rule, "_lasso", spied)
    consensus_rule.fit(expression, numbers, group, seed=1)
    left_out = consensus_rule._subsets(numbers, group, seed=1)
    assert len(known) == len(left_out) == consensus_rule.SUBSETS
    for seen, left in zip(known, left_out, strict=True):
        assert not set(seen.tolist()) & set(group[left].tolist())
        assert len(set(numbers[~left].tolist())) == 2


def test_noise_is_at_chance_for_donors_left_out_and_perfect_for_the_others() -> None:
    shares = []
    for seed in range(6):
        expression, numbers, group = _series(0.0, seed=seed)
        rule = consensus_rule.fit(expression, numbers, group, seed=1)
        assert rule is not None
        seen = ~np.isnan(rule.held_out[:, 0])
        shares.append(((rule.held_out[seen, 0] > 0) == (numbers[seen] == 1)).mean())
        fitted = expression @ rule.coefficients[:, 0] + rule.intercepts[0]
        assert ((fitted > 0) == (numbers == 1)).mean() > 0.9
    assert 0.3 < np.mean(shares) < 0.7


def test_without_donors_to_leave_out_or_varying_genes_there_is_no_rule() -> None:
    expression, numbers, _ = _series(2.0)
    assert consensus_rule.fit(expression, numbers, numbers, seed=1) is None
    assert consensus_rule.fit(np.ones((40, 5)), numbers, np.arange(40), seed=1) is None


def _started(margins: np.ndarray, label: np.ndarray) -> Programs:
    """A start over four noisy components and a rule with these held-out margins."""
    random = np.random.default_rng(0)
    kinds = np.array([COMPONENT] * 4 + [RULE], dtype=np.int8)
    programs = Programs(
        loadings=np.eye(5, dtype=np.float32),
        offsets=np.zeros(5, dtype=np.float32),
        kinds=kinds,
        weights=np.zeros((5, 0), dtype=np.float32),
        bias=np.zeros(0, dtype=np.float32),
    )
    scores = random.normal(size=(len(label), 5))
    return linear_start.fit(
        programs,
        scores,
        label=label,
        group=np.arange(len(label)),
        classes=["case", "aaa"],
        rescored=lambda train, test: (
            linear_start.Scored(scores[train][:, :4], kinds[:4]),
            scores[test][:, :4],
        ),
        chosen=True,
        rules={RULE: linear_start.Judged(margins[:, None], label)},
        seed=1,
    )


def test_the_start_follows_a_rule_that_tells_and_drops_one_that_does_not() -> None:
    label = np.array(["aaa", "case"] * 20)
    sign = np.where(label == "case", 1.0, -1.0)
    telling = _started(sign, label)
    assert RULE in telling.kinds
    # The rule's margin is that of the class that is last by name, here the first output.
    rule = telling.weights[telling.kinds == RULE][0]
    assert rule[0] == -rule[1]
    assert rule[0] == pytest.approx(0.75, abs=0.01)
    # Margins of 1 and -1 are logits 2 apart; a quarter of the loss that they leave of chance's.
    left = np.log1p(np.exp(-2)) / np.log(2)
    assert float(telling.blocks_share) == pytest.approx(0.25 * left, abs=1e-6)
    chance = _started(np.random.default_rng(1).permutation(sign), label)
    assert RULE not in chance.kinds
    assert float(chance.blocks_share) == 1.0
