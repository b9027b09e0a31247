"""How well each gene tells the classes apart among the training samples of one fit: sums over
donors, gathered block by block, and a moderated statistic.

The donor is what repeats independently: cells, views and tissues of one donor are averaged before
anything is compared, so that a donor with many of them weighs no more than another.
"""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse

from epigpt.encoding import paired_donors
from epigpt.encoding.gene_statistics import MIN_DETECTED, Moments

# Added to a gene's own spread, as a quantile of all spreads. A large one, found by search
# (workflow/RECIPE.md): with a dozen samples a small spread is luck more often than precision.
FLOOR_QUANTILE = 0.95


@dataclass
class ClassSums:
    """Sums of expression over each donor and class.

    Parameters
    ----------
    label, group
        Text, one entry for each observation of the table that `add` counts in.

    Attributes
    ----------
    totals
        float64, shape (units, genes); a unit is what one donor has of one class.
    counts
        Observations in each unit.
    """

    label: np.ndarray
    group: np.ndarray
    totals: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        pairs = list(zip(self.group.tolist(), self.label.tolist(), strict=True))
        self.units = sorted(set(pairs))
        number = {unit: at for at, unit in enumerate(self.units)}
        self._unit_of = np.array([number[pair] for pair in pairs], dtype=np.int64)

    def add(self, positions: np.ndarray, expression: scipy.sparse.csr_matrix) -> None:
        """Add log-normalised rows; `positions` says which observations they are."""
        if not self.totals.size:
            self.totals = np.zeros((len(self.units), expression.shape[1]))
            self.counts = np.zeros(len(self.units))
        unit = self._unit_of[positions]
        members = scipy.sparse.csr_matrix(
            (np.ones(len(unit)), (unit, np.arange(len(unit)))),
            shape=(len(self.units), len(unit)),
        )
        self.totals += (members @ expression.astype(np.float64)).toarray()
        self.counts += np.bincount(unit, minlength=len(self.units))

    def means(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the mean of each unit that has observations, shape (units, genes), and their
        labels and groups."""
        held = np.flatnonzero(self.counts)
        groups, labels = (np.array([self.units[at][side] for at in held]) for side in (0, 1))
        return self.totals[held] / self.counts[held, None], labels, groups


def statistic(sums: Moments, classes: ClassSums) -> np.ndarray:
    """Return the root of a moderated F between the classes for each gene, shape (genes,).

    The spread between the class means over donors, divided by the spread within the classes plus a
    floor, in the manner of Tusher, Tibshirani and Chu (PNAS 2001; 98: 5116). What donors with
    several classes differ in is taken out first. 0 for genes that fewer than two observations
    detect, and for every gene where there is a single class.
    """
    means, labels, groups = classes.means()
    names = np.unique(labels)
    found = np.zeros(means.shape[1])
    detected = sums.detected >= min(MIN_DETECTED, sums.rows)
    if len(names) < 2 or not detected.any():
        return found
    donors = paired_donors.effects(means[:, detected], labels, groups)
    means = donors.removed(means[:, detected], groups)
    overall, between, within = means.mean(axis=0), 0.0, 0.0
    for name in names:
        own = means[labels == name]
        between = between + len(own) * (own.mean(axis=0) - overall) ** 2
        within = within + ((own - own.mean(axis=0)) ** 2).sum(axis=0)
    spread = np.sqrt(within / max(len(labels) - len(names) - donors.spent, 1))
    floor = max(float(np.quantile(spread, FLOOR_QUANTILE)), 1e-6)
    found[detected] = np.sqrt(between / (len(names) - 1)) / (spread + floor)
    return found


def deviation_within_classes(sums: Moments, classes: ClassSums, columns: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the observations around their class means for the genes
    `columns`."""
    labels = np.array([label for _, label in classes.units])
    left, names = sums.squares[columns].copy(), np.unique(labels[classes.counts > 0])
    for name in names:
        own = labels == name
        left -= classes.totals[own][:, columns].sum(axis=0) ** 2 / classes.counts[own].sum()
    deviation: np.ndarray = np.sqrt(np.maximum(left, 0) / max(sums.rows - len(names), 1))
    return deviation


def best(statistic_of: np.ndarray, number: int) -> np.ndarray:
    """List the `number` genes with the largest statistic, best first, ties by column; genes whose
    statistic is 0 are never among them."""
    order = np.argsort(-statistic_of, kind="stable")[:number]
    return order[statistic_of[order] > 0]
