"""Where a model over programs begins: a linear classifier of the program scores, a penalised fit
that is made and weighed within the training samples before any step is taken.

One ridge-penalised logistic regression for the components and one for the pairs, each with the
penalty that has the smallest log loss on donors held back inside the training samples, where the
programs are fitted anew each time: scores of genes that were chosen with a donor's own label say
nothing of a new donor. A consensus rule (`epigpt.encoding.consensus_rule`), over genes or over what
a corpus' series share, is a linear classifier already. Margins of each kind are brought to the same
spread on donors held back, so that folds can be compared whatever penalty each chose, and averaged
with the weights `SHARES`.

A kind that was chosen with the labels among many genes and does no better than chance on donors
held back is left out: what was chosen with the labels always looks telling in training, and would
keep the blocks of the model from seeing what the components say together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import clone

from epigpt.encoding import ridge_path
from epigpt.encoding.balanced_logistic import BalancedLogistic
from epigpt.encoding.nested_folds import nested_splits
from epigpt.encoding.programs import COMPONENT, GENE, PAIR, RULE, SHARED, Programs

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
# Found by search (workflow/RECIPE.md). Single genes are for the blocks: the rule has weighed them.
SHARES = {RULE: 3.0, SHARED: 3.0, COMPONENT: 1.0, PAIR: 1.0, GENE: 0.0}
# Where the linear classifier tells something, what blocks learn of a dozen samples is mostly noise.
BESIDE_LINEAR = 0.25
# A kind chosen with the labels stays where its log loss is below this share of chance's.
TELLING = 0.97
# What stays though it tells nothing of donors held back, and with which weight: found without
# labels, or chosen among so few programmes that chance has little choice.
UNTELLING = {COMPONENT: 1.0, SHARED: 1.0}
_FLOOR = 1e-6


@dataclass(frozen=True)
class Scored:
    """Program scores of training observations.

    Attributes
    ----------
    scores
        float32, shape (observations, programs).
    kinds
        Kind of each program.
    """

    scores: np.ndarray
    kinds: np.ndarray


@dataclass(frozen=True)
class Judged:
    """What a rule says of training observations that it was not fitted on.

    Attributes
    ----------
    margins
        Shape (observations, margins); NaN where there are none.
    label
        Of the same observations.
    """

    margins: np.ndarray
    label: np.ndarray


def fit(
    programs: Programs,
    scores: np.ndarray,
    *,
    label: np.ndarray,
    group: np.ndarray,
    classes: list[str],
    rescored: Callable[[np.ndarray, np.ndarray], tuple[Scored, np.ndarray]],
    chosen: bool,
    rules: Mapping[int, Judged],
    seed: int,
) -> Programs:
    """Return the programs that are worth showing, with the weights and bias of their linear
    classifier.

    Parameters
    ----------
    scores
        Of the training observations, shape (observations, programs).
    label, group
        Of the same observations.
    classes
        In the order of the model's outputs.
    rescored
        Fits programs on the observations of a first array of positions alone and gives their
        scores, and the scores of the observations of a second one.
    chosen
        Whether genes and pairs were chosen with the labels.
    rules
        By kind of program: `RULE`, `SHARED`.
    """
    names = np.sort(classes)
    numbers = np.searchsorted(names, label)
    weights, bias = np.zeros((len(programs), len(classes))), np.zeros(len(classes))
    if len(np.unique(numbers)) == len(classes) > 1:
        judged = _nested(programs, numbers, group, rescored, seed)
        judged |= {kind: _of_rule(rule, names) for kind, rule in rules.items()}
        chance = TELLING * np.log(len(classes))
        telling = {kind for kind, held in judged.items() if held.loss < chance}
        kept = set(judged)
        if chosen and COMPONENT in judged:
            kept = telling | (kept & set(UNTELLING))
        programs, scores = _of_kinds(programs, kept, scores)
        weights = np.zeros((len(programs), len(classes)))
        shares = {kind: SHARES[kind] for kind in kept}
        shares |= {kind: UNTELLING[kind] for kind in kept - telling if kind in UNTELLING}
        if not any(shares.values()):  # single genes alone
            shares = dict.fromkeys(kept, 1.0)
        total = sum(shares.values())
        for kind in sorted(kept):
            own = programs.kinds == kind
            coefficients, intercept = (
                _margins_as_logits(own.sum())
                if kind in rules
                else _logistics(scores[:, own], numbers, [STRENGTHS[judged[kind].strength]])[0]
            )
            # What tells nothing keeps the small margins that its penalty gives it.
            spread = judged[kind].spread
            size = spread if kind in telling else max(spread, 1.0)
            weights[own] = shares[kind] / total / size * coefficients
            bias += shares[kind] / total / size * intercept
        order = np.argsort(classes, kind="stable")
        weights[:, order], bias[order] = weights.copy(), bias.copy()
        programs = replace(programs, blocks_share=_blocks_share(judged, telling, len(classes)))
    return replace(programs, weights=weights.astype(np.float32), bias=bias.astype(np.float32))


def _blocks_share(judged: dict[int, "_HeldBack"], telling: set[int], classes: int) -> np.ndarray:
    """Return 1 where no kind tells anything of donors held back, or none could be held back; else
    `BESIDE_LINEAR` times the share of chance's log loss that the best kind leaves."""
    losses = [judged[kind].loss for kind in telling if SHARES[kind] and judged[kind].loss > 0]
    share = BESIDE_LINEAR * min(losses) / np.log(classes) if losses else 1.0
    return np.asarray(share, dtype=np.float32)


@dataclass(frozen=True)
class _HeldBack:
    """What a kind of program says of donors held back: the penalty with the smallest log loss, that
    loss, and the spread of the logits."""

    strength: int
    loss: float
    spread: float


def _of_kinds(
    programs: Programs, kinds: set[int], scores: np.ndarray
) -> tuple[Programs, np.ndarray]:
    kept = np.isin(programs.kinds, sorted(kinds))
    fewer = replace(
        programs,
        loadings=programs.loadings[kept],
        offsets=programs.offsets[kept],
        kinds=programs.kinds[kept],
    )
    return fewer, scores[:, kept]


def _margins_as_logits(margins: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts that make logits of a rule's margins."""
    if margins == 1:
        return np.array([[-1.0, 1.0]]), np.zeros(2)
    return np.eye(margins), np.zeros(margins)


def _of_rule(rule: Judged, names: np.ndarray) -> _HeldBack:
    seen = ~np.isnan(rule.margins).any(axis=1)
    coefficients, _ = _margins_as_logits(rule.margins.shape[1])
    logits = rule.margins[seen] @ coefficients
    truth = np.searchsorted(names, rule.label[seen])
    return _HeldBack(0, _losses(logits, truth).mean(), _spread(logits))


def _spread(logits: np.ndarray) -> float:
    """Root mean square around the mean of the classes' logits."""
    return max(float((logits - logits.mean(axis=1, keepdims=True)).std()), 1e-3)


def _losses(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    logits = logits - logits.max(axis=1, keepdims=True)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    right: np.ndarray = chances[np.arange(len(truth)), truth]
    return -np.log(np.maximum(right, _FLOOR))


def _nested(
    programs: Programs,
    numbers: np.ndarray,
    group: np.ndarray,
    rescored: Callable[[np.ndarray, np.ndarray], tuple[Scored, np.ndarray]],
    seed: int,
) -> dict[int, _HeldBack]:
    """Judge each kind of program but rules on donors held back. Without a way to hold back
    donors all are alike, with the middle penalty."""
    kinds = [kind for kind in (COMPONENT, GENE, PAIR) if (programs.kinds == kind).any()]
    held: dict[int, list[np.ndarray]] = {kind: [] for kind in kinds}
    truth: list[np.ndarray] = []
    for train, test in nested_splits(numbers, group, seed):
        inner, tested = rescored(train, test)
        truth.append(numbers[test])
        for kind in kinds:
            own = inner.kinds == kind
            fitted = _logistics(inner.scores[:, own], numbers[train], STRENGTHS)
            logits = [tested[:, own] @ weights + bias for weights, bias in fitted]
            held[kind].append(np.stack(logits))
    if not truth:
        return dict.fromkeys(kinds, _HeldBack(len(STRENGTHS) // 2, 0.0, 1.0))
    found = {}
    for kind, parts in held.items():
        together = np.concatenate(parts, axis=1)
        losses = [_losses(logits, np.concatenate(truth)).mean() for logits in together]
        best = int(np.argmin(losses))
        found[kind] = _HeldBack(best, losses[best], _spread(together[best]))
    return found


def _logistics(
    scores: np.ndarray, numbers: np.ndarray, strengths: Sequence[float]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Coefficients (programs, classes) and intercepts (classes,) of a classifier whose classes
    weigh alike, for each strength; of two classes each takes half of the difference."""
    classes, size = len(np.unique(numbers)), max(scores.shape[1], 1) ** 0.5
    if not scores.shape[1]:
        return [(np.zeros((0, classes)), np.zeros(classes))] * len(strengths)
    # Divided, so that a penalty means the same for few programs and for many.
    values = scores.astype(np.float64) / size
    model = BalancedLogistic(solver="newton-cholesky", tol=1e-6)
    if not ridge_path.solves(model, classes):
        fitted = [clone(model).set_params(C=C).fit(values, numbers) for C in strengths]
        return [(one.coef_.T / size, np.asarray(one.intercept_)) for one in fitted]
    found = ridge_path.coefficients(model, strengths, values, numbers)
    halves = np.array([-0.5, 0.5])
    return [(one[:-1, None] / size * halves, one[-1] * halves) for one in found]
