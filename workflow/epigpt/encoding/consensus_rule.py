"""A linear rule over all genes that many subsets of the training donors agree on.

An L1-penalised logistic regression finds a dozen genes that decide, but which of several equal
genes it takes is luck, and so is a penalty chosen on a dozen samples. The rule is the mean of such
regressions, each fitted on about two thirds of the donors, all with one penalty (Breiman, Machine
Learning 1996; 24: 123; as stability selection, Meinshausen and Bühlmann, J R Stat Soc B 2010; 72:
417). What it says of a donor is judged by the regressions that never saw that donor.
"""

from dataclasses import dataclass

import numpy as np

from epigpt.encoding.balanced_logistic import BalancedLogistic

SUBSETS = 16
SHARE = 0.7
STRENGTH = 1.0


@dataclass(frozen=True)
class ConsensusRule:
    """Margins of classes, linear in the expression of genes; of two classes only the second's.

    Attributes
    ----------
    coefficients, intercepts
        float64, shapes (genes, margins) and (margins,); margins of donors that were not seen have
        the root mean square 1.
    held_out
        Margins of the training rows by the regressions that saw nothing of their donor, shape
        (rows, margins); NaN where every one did.
    """

    coefficients: np.ndarray
    intercepts: np.ndarray
    held_out: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """List the genes that have a part in it."""
        return np.flatnonzero(self.coefficients.any(axis=1))


def fit(
    expression: np.ndarray,
    numbers: np.ndarray,
    group: np.ndarray,
    seed: int,
    *,
    unseen: np.ndarray | None = None,
) -> ConsensusRule | None:
    """Fit the rule.

    Parameters
    ----------
    expression
        Log-normalised, shape (rows, genes).
    numbers, group
        Class number and donor of each row.
    unseen
        Expression of the same rows as a new sample's would be read, by which the rule is judged
        (`epigpt.encoding.paired_donors.within`); None: the same.

    Returns
    -------
    None where a class has no donor that could be left out, or no gene has a part.
    """
    centre, spread = expression.mean(axis=0, dtype=np.float64), expression.std(axis=0, dtype=float)
    columns = np.flatnonzero(spread > 0)
    if not len(columns):
        return None
    centre, spread = centre[columns], spread[columns]
    values = (expression[:, columns] - centre) / spread
    new = values if unseen is None else (unseen[:, columns] - centre) / spread
    names = np.unique(numbers)
    positive = names[1:] if len(names) == 2 else names
    total = np.zeros((len(columns), len(positive)))
    shift = np.zeros(len(positive))
    held = np.zeros((len(values), len(positive)))
    times = np.zeros(len(values))
    for left_out in _subsets(numbers, group, seed):
        coefficients, intercepts = _lasso(values[~left_out], numbers[~left_out], positive)
        total += coefficients / SUBSETS
        shift += intercepts / SUBSETS
        held[left_out] += new[left_out] @ coefficients + intercepts
        times[left_out] += 1
    judged = times > 0
    if len(np.unique(numbers[judged])) < len(names):
        return None
    held[judged] /= times[judged, None]
    # Of several margins only what differs between them counts.
    size = _spread(held[judged])
    if size < 1e-6:
        return None
    held[~judged] = np.nan
    weights = np.zeros((expression.shape[1], len(positive)))
    weights[columns] = total / spread[:, None] / size
    return ConsensusRule(weights, shift / size - centre @ weights[columns], held / size)


def _spread(margins: np.ndarray) -> float:
    if margins.shape[1] > 1:
        margins = margins - margins.mean(axis=0)
    return float(np.sqrt((margins**2).mean()))


def _subsets(numbers: np.ndarray, group: np.ndarray, seed: int) -> list[np.ndarray]:
    """Draw which rows each regression does not see: whole donors, of each combination of classes
    about the same share."""
    donors, of_row = np.unique(group, return_inverse=True)
    kinds: dict[tuple[int, ...], list[int]] = {}
    for donor in range(len(donors)):
        kinds.setdefault(tuple(np.unique(numbers[of_row == donor]).tolist()), []).append(donor)
    random = np.random.default_rng([seed, SUBSETS])
    drawn = []
    for _ in range(SUBSETS):
        left: list[int] = []
        for members in kinds.values():
            kept = max(1, min(len(members) - 1, round(SHARE * len(members))))
            left += random.permutation(members)[kept:].tolist()
        drawn.append(np.isin(of_row, left))
    return drawn


def _lasso(
    values: np.ndarray, numbers: np.ndarray, positive: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts of each class of `positive` against the rest."""
    model = BalancedLogistic(
        C=STRENGTH,
        l1_ratio=1.0,
        solver="liblinear",
        max_iter=1000,
        tol=1e-3,
        random_state=0,
    )
    coefficients, intercepts = [], []
    for number in positive:
        model.fit(values, numbers == number)
        coefficients.append(model.coef_[0].copy())
        intercepts.append(float(model.intercept_[0]))
    return np.stack(coefficients, axis=1), np.array(intercepts)
