"""Where a model over programs begins: a linear classifier of the program scores, fitted and
weighed within the training samples.

One ridge-penalised logistic regression for each kind of program. Its penalty is the one with the
smallest log loss on donors held back inside the training samples, with the programs fitted anew
each time: scores of genes that were chosen with a donor's own label say nothing of a new donor.
The kinds are then mixed by how well they do there, as the likelihood of those donors weighs models
in Bayesian model averaging. Genes and pairs that do no better than chance there are left out: what
was chosen with the labels always looks telling in training, and would keep the blocks of the model
from seeing what the components say together.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from epigpt.encoding.programs import COMPONENT, KINDS, Programs

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
NESTED_FOLDS = 3
# Times the number of donors held back: how sharply the better kind is preferred.
SHARPNESS = 2.0
# A kind chosen with the labels stays where its log loss is below this share of chance's.
TELLING = 0.97
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


def fit(
    programs: Programs,
    scores: np.ndarray,
    *,
    label: np.ndarray,
    group: np.ndarray,
    classes: list[str],
    rescored: Callable[[np.ndarray, np.ndarray], tuple[Scored, np.ndarray]],
    chosen: bool,
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
    """
    weights = np.zeros((len(programs), len(classes)))
    bias = np.zeros(len(classes))
    numbers = np.searchsorted(np.sort(classes), label)
    order = np.argsort(classes, kind="stable")
    if len(np.unique(numbers)) == len(classes) > 1:
        losses, donors = _nested_losses(programs, numbers, group, rescored, seed)
        best = {kind: int(np.argmin(loss)) for kind, loss in losses.items()}
        chance = TELLING * np.log(len(classes))
        telling = [k for k, at in best.items() if k == COMPONENT or losses[k][at] < chance]
        if chosen and COMPONENT in telling:
            best = {kind: best[kind] for kind in telling}
            programs, scores, weights = _of_kinds(programs, telling, scores, weights)
        lowest = np.array([losses[kind][at] for kind, at in best.items()])
        share = np.exp(-SHARPNESS * donors * (lowest - lowest.min()))
        for weight, (kind, at) in zip(share / share.sum(), best.items(), strict=True):
            own = programs.kinds == kind
            coefficients, intercept = _logistic(scores[:, own], numbers, STRENGTHS[at])
            weights[own] = weight * coefficients
            bias += weight * intercept
        weights[:, order], bias[order] = weights.copy(), bias.copy()
    return replace(programs, weights=weights.astype(np.float32), bias=bias.astype(np.float32))


def _of_kinds(
    programs: Programs, kinds: list[int], scores: np.ndarray, weights: np.ndarray
) -> tuple[Programs, np.ndarray, np.ndarray]:
    kept = np.isin(programs.kinds, kinds)
    fewer = replace(
        programs,
        loadings=programs.loadings[kept],
        offsets=programs.offsets[kept],
        kinds=programs.kinds[kept],
    )
    return fewer, scores[:, kept], weights[kept]


def _nested_losses(
    programs: Programs,
    numbers: np.ndarray,
    group: np.ndarray,
    rescored: Callable[[np.ndarray, np.ndarray], tuple[Scored, np.ndarray]],
    seed: int,
) -> tuple[dict[int, np.ndarray], int]:
    """Mean log loss of each penalty on donors held back, for each kind of program; and the number
    of these donors. Without a way to hold back donors all are alike, and the middle penalty is
    first."""
    kinds = [kind for kind in range(len(KINDS)) if (programs.kinds == kind).any()]
    losses = {kind: np.zeros(len(STRENGTHS)) for kind in kinds}
    held = 0
    donors: set[str] = set()
    for train, test in nested_splits(numbers, group, seed):
        inner, tested = rescored(train, test)
        held += len(test)
        donors |= set(group[test].tolist())
        for kind in kinds:
            own = inner.kinds == kind
            for at, strength in enumerate(STRENGTHS):
                coefficients, intercept = _logistic(inner.scores[:, own], numbers[train], strength)
                logits = tested[:, own] @ coefficients + intercept
                logits -= logits.max(axis=1, keepdims=True)
                chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
                right = chances[np.arange(len(test)), numbers[test]]
                losses[kind][at] -= np.log(np.maximum(right, _FLOOR)).sum()
    if not held:
        middle = np.abs(np.arange(len(STRENGTHS)) - len(STRENGTHS) // 2).astype(float)
        return dict.fromkeys(kinds, middle), 0
    return {kind: loss / held for kind, loss in losses.items()}, len(donors)


def nested_splits(
    numbers: np.ndarray, group: np.ndarray, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Divide training observations by group, stratified by class; none where a class has one group
    only. Parts whose training side lacks a class are left out."""
    names = np.unique(numbers)
    folds = min(NESTED_FOLDS, *(len(set(group[numbers == name].tolist())) for name in names))
    if folds < 2:
        return []
    divided = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(
        numbers, numbers, group
    )
    return [
        (train, test)
        for train, test in divided
        if len(test) and len(np.unique(numbers[train])) == len(names)
    ]


def _logistic(
    scores: np.ndarray, numbers: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (programs, classes) and intercepts (classes,) of a classifier whose classes
    weigh alike; of two classes each takes half of the difference."""
    size = max(scores.shape[1], 1) ** 0.5  # so that a penalty means the same for few and for many
    if not scores.shape[1]:
        classes = len(np.unique(numbers))
        return np.zeros((0, classes)), np.zeros(classes)
    model = LogisticRegression(
        C=strength, class_weight="balanced", solver="newton-cholesky", tol=1e-6
    ).fit(scores.astype(np.float64) / size, numbers)
    if len(model.classes_) == 2:
        coefficients, intercept = model.coef_[0] / size, model.intercept_[0]
        return np.stack([-coefficients / 2, coefficients / 2], axis=1), np.array(
            [-intercept / 2, intercept / 2]
        )
    return model.coef_.T / size, np.asarray(model.intercept_)
