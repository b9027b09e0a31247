"""The rules of one fit over genes, and over the activity of the programmes that a corpus' series
share, from its training observations alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse

from epigpt.encoding import consensus_rule, gene_statistics, paired_donors
from epigpt.encoding.consensus_rule import ConsensusRule
from epigpt.encoding.gene_statistics import Moments
from epigpt.encoding.programs import RULE, SHARED
from epigpt.encoding.shared_programs import SharedPrograms
from epigpt.encoding.training_sums import Countable, TrainingSums, expression, text

# Genes that the rule looks at: those of largest variance. More observations cost it time alone.
RULE_GENES = 2000
MAX_ROWS = 400


def fit(
    observations: Countable,
    rows: np.ndarray,
    learned: TrainingSums,
    *,
    classes: tuple[str, ...],
    shared: SharedPrograms | None,
    seed: int,
) -> tuple[dict[int, ConsensusRule], np.ndarray]:
    """Fit rules on the observations `rows`, or of cells on what each donor has of a class.

    They learn what differs within donors and are judged by samples as they are. Genes, components
    and pairs see the levels of donors: on real series, where a level is no noise that each donor
    draws anew, more is lost without them than is gained.

    Parameters
    ----------
    rows
        At most `MAX_ROWS` of them are taken.
    learned
        Sums over all training observations.

    Returns
    -------
    Rules by their kind, `RULE` or `SHARED`, with coefficients over all genes; none where a class is
    missing. And the label of each row that they were fitted on.
    """
    rows = rows[:: -(-len(rows) // MAX_ROWS)]
    label, group = (text(observations, name)[rows] for name in ("label", "group"))
    given: Any
    if learned.samples is not None:
        given, label, group = learned.classes.means()
        known = np.isin(label, classes)
        given, label, group = given[known], label[known], group[known]
    else:
        given = scipy.sparse.vstack([block for _, block in expression(observations, rows)], "csr")
    if set(label.tolist()) != set(classes):
        return {}, label
    # Classes in alphabetical order, as in the linear start.
    numbers = np.searchsorted(np.sort(classes), label)
    within, varying = given, learned.between_samples
    if paired_donors.are_any(label, group):
        given = given.toarray() if scipy.sparse.issparse(given) else given
        within = paired_donors.within(given, label, group)
        varying = replace(
            varying, rows=len(within), total=within.sum(axis=0), squares=(within**2).sum(axis=0)
        )
    found = {}
    for kind, (columns, weights) in _features(observations, learned, varying, shared).items():
        values = _of_features(within[:, columns], weights)
        unseen = None if within is given else _of_features(given[:, columns], weights)
        rule = consensus_rule.fit(values, numbers, group, seed, unseen=unseen)
        if rule is not None:
            own = rule.coefficients if weights is None else weights @ rule.coefficients
            coefficients = np.zeros((len(learned.telling), own.shape[1]))
            coefficients[columns] = own
            found[kind] = replace(rule, coefficients=coefficients)
    return found, label


def _of_features(genes: Any, weights: np.ndarray | None) -> np.ndarray:
    """Return dense expression of genes, or of the features that `weights` make of them."""
    if weights is not None:
        return np.asarray(genes @ weights)
    return genes.toarray() if scipy.sparse.issparse(genes) else np.asarray(genes)


def _features(
    observations: Countable, learned: TrainingSums, varying: Moments, shared: SharedPrograms | None
) -> dict[int, tuple[np.ndarray, np.ndarray | None]]:
    """Return by kind what a rule is made of: columns of genes, and their weights in each of its
    features, shape (columns, features); None: each gene is one. `varying` has the variance that
    genes are chosen by."""
    found: dict[int, tuple[np.ndarray, np.ndarray | None]] = {
        RULE: (_varying(varying, RULE_GENES), None)
    }
    if shared is not None:
        columns, loadings = shared.over(
            observations.genes.tolist(), observations.symbols.tolist(), observations.organism
        )
        # As in the corpus, deviations are measured by what is usual at a gene's mean.
        seen = learned.sums.detected[columns] >= gene_statistics.MIN_DETECTED
        columns, loadings = columns[seen], loadings[:, seen]
        loadings = loadings[loadings.any(axis=1)]
        if len(loadings):
            reference = gene_statistics.fit(learned.sums, columns, observations.target)
            found[SHARED] = columns, loadings.T.astype(np.float64) / reference.scale[:, None]
    return found


def _varying(sums: Moments, number: int) -> np.ndarray:
    """Return the genes of largest variance, ascending, of those that are detected."""
    variance = sums.squares / sums.rows - (sums.total / sums.rows) ** 2
    detected = np.flatnonzero(sums.detected)
    return np.sort(detected[np.argsort(-variance[detected], kind="stable")[:number]])
