"""The programs of one fit, from its training observations alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse

from epigpt.encoding import gene_statistics, program_fitting
from epigpt.encoding.gene_statistics import GeneStatistics, Moments
from epigpt.encoding.programs import COMPONENT, GENE, PAIR, RULE, SHARED, Programs, budget
from epigpt.encoding.shared_programs import SharedPrograms
from epigpt.encoding.training_sums import (
    Countable,
    TrainingSums,
    deviations,
    every,
    expression,
    text,
    training_sums,
)

if TYPE_CHECKING:
    from epigpt.encoding.consensus_rule import ConsensusRule

# Genes that the rule looks at: those of largest variance. More observations cost it time alone.
RULE_GENES = 2000
MAX_RULE_ROWS = 400


@dataclass(frozen=True)
class Size:
    """How much there may be.

    Attributes
    ----------
    tokens
        Programs in a sequence (the setting max_genes).
    genes
        Genes that the components are made of (the setting vocabulary_genes).
    """

    tokens: int
    genes: int


@dataclass(frozen=True)
class Chosen:
    """What is chosen with the labels, and for which classes, in the order of the model's outputs;
    without classes there is no rule and no linear classifier.

    Attributes
    ----------
    shared
        Programmes of a corpus; None without one.
    """

    with_labels: bool
    with_components: bool
    classes: tuple[str, ...]
    seed: int
    shared: SharedPrograms | None = None


def fit(
    observations: Countable, training: np.ndarray, size: Size, chosen: Chosen
) -> tuple[np.ndarray, GeneStatistics]:
    """Fit the programs and their linear classifier on the observations at positions `training`.

    Returns
    -------
    Columns of the genes that programs are made of, and the reference over them.
    """
    learned = training_sums(observations, training, chosen.with_labels)
    label, group = text(observations, "label"), text(observations, "group")
    known = training[np.isin(label[training], chosen.classes)]
    known = known[:: every(len(known))]
    if not len(known):
        return _programs(observations, training, size, chosen, learned=learned)
    # scikit-learn takes a second to import.
    from epigpt.encoding import linear_start
    from epigpt.encoding.unchecked_fits import unchecked

    with unchecked():
        ruled = known[:: -(-len(known) // MAX_RULE_ROWS)]
        rules, ruled_label = _rules(observations, ruled, learned, size, chosen)
        columns, reference = _programs(
            observations, training, size, chosen, learned=learned, rules=rules
        )

        units = Units.of(label[known], group[known], cells=learned.samples is not None)

        def rescored(train: np.ndarray, test: np.ndarray) -> tuple[linear_start.Scored, np.ndarray]:
            rows = known[units.rows(train)]
            sums = training_sums(observations, rows, chosen.with_labels)
            again = _programs(observations, rows, size, chosen, learned=sums)
            scores, tested = (
                units.means(_scores(observations, known[units.rows(part)], *again), part)
                for part in (train, test)
            )
            return linear_start.Scored(scores, _of(again[1]).kinds), tested

        everyone = np.arange(len(units.label))
        programs = linear_start.fit(
            _of(reference),
            units.means(_scores(observations, known, columns, reference), everyone),
            label=units.label,
            group=units.group,
            classes=list(chosen.classes),
            rescored=rescored,
            chosen=chosen.with_labels,
            rules={
                kind: linear_start.Judged(rule.held_out, ruled_label)
                for kind, rule in rules.items()
            },
            seed=chosen.seed,
        )
    return columns, replace(reference, programs=programs)


@dataclass(frozen=True)
class Units:
    """What a linear start tells apart: observations, or the means of what each donor has of a
    class where observations are cells, most of whose spread is their own.

    Attributes
    ----------
    of_row
        Unit of each observation.
    label, group
        Of each unit.
    """

    of_row: np.ndarray
    label: np.ndarray
    group: np.ndarray

    @classmethod
    def of(cls, label: np.ndarray, group: np.ndarray, *, cells: bool) -> "Units":
        """Return the units of observations with these labels and groups."""
        if not cells:
            return cls(np.arange(len(label)), label, group)
        pairs = np.stack([group, label])
        held, of_row = np.unique(pairs, axis=1, return_inverse=True)
        return cls(of_row.ravel(), held[1], held[0])

    def rows(self, units: np.ndarray) -> np.ndarray:
        """Return the positions of the observations of some units, ascending."""
        return np.flatnonzero(np.isin(self.of_row, units))

    def means(self, scores: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return the mean scores of each of `units`, ascending, from those of their rows."""
        of_row = np.searchsorted(units, self.of_row[self.rows(units)])
        if len(of_row) == len(units):
            return scores
        total = np.zeros((len(units), scores.shape[1]))
        np.add.at(total, of_row, scores)
        means: np.ndarray = total / np.bincount(of_row)[:, None]
        return means


def _rules(
    observations: Countable, rows: np.ndarray, learned: TrainingSums, size: Size, chosen: Chosen
) -> tuple[dict[int, "ConsensusRule"], np.ndarray]:
    """Return, by kind, the rule over the genes of largest variance and the one over the activity of
    the programmes that a corpus' series share; coefficients over all genes. And the label of each
    row that they were fitted on: `rows`, or of cells what each donor has of a class."""
    cells = learned.samples is not None
    label, group = (text(observations, name)[rows] for name in ("label", "group"))
    if not chosen.with_labels or not budget(size.tokens, len(chosen.classes))[3]:
        return {}, label
    if cells:
        means, label, group = learned.classes.means()
        known = np.isin(label, chosen.classes)
        means, label, group = means[known], label[known], group[known]
    if set(label.tolist()) != set(chosen.classes):
        return {}, label
    from epigpt.encoding import consensus_rule

    # Classes in alphabetical order, as in the linear start.
    numbers = np.searchsorted(np.sort(chosen.classes), label)
    found = {}
    for kind, (columns, weights) in _features(observations, learned, chosen.shared).items():
        blocks = [means] if cells else (block for _, block in expression(observations, rows))
        values = np.concatenate([_of_features(block[:, columns], weights) for block in blocks])
        rule = consensus_rule.fit(values, numbers, group, chosen.seed)
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
    observations: Countable, learned: TrainingSums, shared: SharedPrograms | None
) -> dict[int, tuple[np.ndarray, np.ndarray | None]]:
    """Return by kind what a rule is made of: columns of genes, and their weights in each of its
    features, shape (columns, features); None: each gene is one."""
    found: dict[int, tuple[np.ndarray, np.ndarray | None]] = {
        RULE: (_varying(learned.between_samples, RULE_GENES), None)
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


def _programs(
    observations: Countable,
    training: np.ndarray,
    size: Size,
    chosen: Chosen,
    *,
    learned: TrainingSums,
    rules: Mapping[int, "ConsensusRule"] | None = None,
) -> tuple[np.ndarray, GeneStatistics]:
    """Columns of the genes that programs are made of, and the reference with the programs, which
    have no linear classifier yet."""
    sums = learned.sums
    rules = rules or {}
    components, genes, pairs, _ = budget(size.tokens, len(chosen.classes), shared=SHARED in rules)
    varying = gene_statistics.vocabulary_columns(learned.between_samples, size.genes)
    best, paired = learned.best(genes), learned.pairs(pairs)
    if not len(best):  # no labels, or none that tell anything
        best = gene_statistics.vocabulary_columns(sums, genes)
    ruling = [rule.columns for rule in rules.values()]
    columns = np.unique(np.concatenate([varying, best, paired.ravel(), *ruling]))
    reference = gene_statistics.fit(sums, columns, observations.target)
    shown = deviations(observations, training, columns, reference)
    axes = np.zeros((0, len(columns)), dtype=np.float32)
    if chosen.with_components or not learned.telling.any():
        at = np.searchsorted(columns, varying)
        means = None if learned.samples is None else learned.samples[:, columns]
        of_samples = None if means is None else reference.of_dense(means)[:, at]
        found = program_fitting.components(shown[:, at], components, of_samples)
        axes = np.zeros((len(found), len(columns)), dtype=np.float32)
        axes[:, at] = found
    single = program_fitting.single_genes(
        np.searchsorted(columns, best), learned.within(best), reference
    )
    differences, levels = program_fitting.pair_loadings(
        np.searchsorted(columns, paired), shown, reference
    )
    margins = {
        kind: program_fitting.rule_loadings(rule.coefficients[columns], rule.intercepts, reference)
        for kind, rule in rules.items()
    }
    parts = [axes, single, differences, *(loadings for loadings, _ in margins.values())]
    level = np.zeros(len(axes) + len(single), dtype=np.float32)
    offsets = [level, levels, *(intercepts for _, intercepts in margins.values())]
    kinds = np.repeat([COMPONENT, GENE, PAIR, *margins], [len(part) for part in parts])
    built = Programs(
        loadings=np.concatenate(parts),
        offsets=np.concatenate(offsets).astype(np.float32),
        kinds=kinds.astype(np.int8),
        weights=np.zeros((len(kinds), 0), dtype=np.float32),
        bias=np.zeros(0, dtype=np.float32),
    )
    return columns, replace(reference, programs=built)


def _of(reference: GeneStatistics) -> Programs:
    if reference.programs is None:
        raise ValueError("a reference without programs")
    return reference.programs


def _scores(
    observations: Countable, rows: np.ndarray, columns: np.ndarray, reference: GeneStatistics
) -> np.ndarray:
    programs = _of(reference)
    blocks = [
        programs.scores(reference.deviations(block[:, columns]))
        for _, block in expression(observations, rows)
    ]
    return np.concatenate(blocks)
