"""What donors differ in, where a donor has samples of several classes: lesion and surrounding
tissue of one patient, or before and after a treatment."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Effects:
    """Levels of the donors that have several classes, beside what their classes explain.

    Attributes
    ----------
    donors
        Their names, sorted.
    levels
        float64, shape (donors, genes); the mean over donors is 0, so that expression keeps its
        level where they are taken out.
    spent
        Degrees of freedom that they take.
    """

    donors: np.ndarray
    levels: np.ndarray
    spent: int

    def rows(self, group: np.ndarray) -> np.ndarray:
        """Return the row of `levels` for each of some groups, -1 for those that have none."""
        if not len(self.donors):
            return np.full(len(group), -1)
        at = np.searchsorted(self.donors, group).clip(max=len(self.donors) - 1)
        return np.where(self.donors[at] == group, at, -1)

    def removed(self, means: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Return means of the same genes, shape (rows, genes), without the levels of their
        donors."""
        rows = self.rows(group)
        own = rows >= 0
        if not own.any():
            return means
        left = means.copy()
        left[own] -= self.levels[rows[own]]
        return left


def are_any(label: np.ndarray, group: np.ndarray) -> bool:
    """Return whether any donor has several classes."""
    pairs = set(zip(group.tolist(), label.tolist(), strict=True))
    return len(pairs) > len({donor for donor, _ in pairs})


def effects(means: np.ndarray, label: np.ndarray, group: np.ndarray) -> Effects:
    """Estimate levels of classes and donors together, by least squares: donors need not have the
    same classes.

    Parameters
    ----------
    means
        Mean expression of what each donor has of a class, shape (units, genes).
    label, group
        Class and donor of each unit; each pair once.
    """
    names, counts = np.unique(group, return_counts=True)
    several = names[counts > 1]
    if not len(several):
        return Effects(several, np.zeros((0, means.shape[1])), 0)
    classes = np.unique(label)
    design = np.concatenate(
        [label[:, None] == classes, group[:, None] == several], axis=1, dtype=np.float64
    )
    levels = (np.linalg.pinv(design) @ means)[len(classes) :]
    levels -= levels.mean(axis=0)
    return Effects(several, levels, int(np.linalg.matrix_rank(design)) - len(classes))


def within(expression: np.ndarray, label: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return log-normalised samples or means, shape (rows, genes), without the levels of donors
    with several classes, which are estimated from these rows.

    Where nothing is expressed nothing is taken away: the zeros of a gene that is seen now and then
    are no levels, and moving them apart would make a signal of what was not seen.
    """
    pairs, of_row = np.unique(np.stack([group, label]), axis=1, return_inverse=True)
    means = np.zeros((pairs.shape[1], expression.shape[1]))
    np.add.at(means, of_row.ravel(), expression)
    means /= np.bincount(of_row.ravel())[:, None]
    left = effects(means, pairs[1], pairs[0]).removed(expression, group)
    return np.where(expression != 0, left, 0)
