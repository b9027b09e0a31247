"""The programs of one fit, from its training observations alone."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from epigpt.encoding import gene_statistics, program_fitting
from epigpt.encoding.gene_statistics import GeneStatistics, Moments
from epigpt.encoding.programs import COMPONENT, GENE, PAIR, RULE, Programs, budget
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
    without classes there is no rule and no linear classifier."""

    with_labels: bool
    with_components: bool
    classes: tuple[str, ...]
    seed: int


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
    from epigpt.encoding import linear_start  # scikit-learn takes a second to import

    ruled = known[:: -(-len(known) // MAX_RULE_ROWS)]
    rule = _rule(observations, ruled, learned, size, chosen)
    columns, reference = _programs(observations, training, size, chosen, learned=learned, rule=rule)

    def rescored(train: np.ndarray, test: np.ndarray) -> tuple[linear_start.Scored, np.ndarray]:
        rows = known[train]
        sums = training_sums(observations, rows, chosen.with_labels)
        again = _programs(observations, rows, size, chosen, learned=sums)
        scores, tested = (_scores(observations, known[part], *again) for part in (train, test))
        return linear_start.Scored(scores, _of(again[1]).kinds), tested

    judged = None
    if rule is not None:
        judged = linear_start.Judged(rule.held_out, label[ruled])
    programs = linear_start.fit(
        _of(reference),
        _scores(observations, known, columns, reference),
        label=label[known],
        group=group[known],
        classes=list(chosen.classes),
        rescored=rescored,
        chosen=chosen.with_labels,
        rule=judged,
        seed=chosen.seed,
    )
    return columns, replace(reference, programs=programs)


def _rule(
    observations: Countable, rows: np.ndarray, learned: TrainingSums, size: Size, chosen: Chosen
) -> "ConsensusRule | None":
    """Return the rule over the genes of largest variance, its coefficients over all genes."""
    if not chosen.with_labels or not budget(size.tokens, len(chosen.classes))[3]:
        return None
    label = text(observations, "label")[rows]
    if set(label.tolist()) != set(chosen.classes):
        return None
    from epigpt.encoding import consensus_rule

    columns = _varying(learned.sums, RULE_GENES)
    blocks = [block[:, columns].toarray() for _, block in expression(observations, rows)]
    # Classes in alphabetical order, as in the linear start.
    rule = consensus_rule.fit(
        np.concatenate(blocks),
        np.searchsorted(np.sort(chosen.classes), label),
        text(observations, "group")[rows],
        chosen.seed,
    )
    if rule is None:
        return None
    coefficients = np.zeros((len(learned.telling), rule.coefficients.shape[1]))
    coefficients[columns] = rule.coefficients
    return replace(rule, coefficients=coefficients)


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
    rule: "ConsensusRule | None" = None,
) -> tuple[np.ndarray, GeneStatistics]:
    """Columns of the genes that programs are made of, and the reference with the programs, which
    have no linear classifier yet."""
    sums = learned.sums
    components, genes, pairs, _ = budget(size.tokens, len(chosen.classes))
    varying = gene_statistics.vocabulary_columns(sums, size.genes)
    best, paired = learned.best(genes), learned.pairs(pairs)
    if not len(best):  # no labels, or none that tell anything
        best = gene_statistics.vocabulary_columns(sums, genes)
    ruling = np.zeros(0, dtype=np.int64) if rule is None else rule.columns
    columns = np.unique(np.concatenate([varying, best, paired.ravel(), ruling]))
    reference = gene_statistics.fit(sums, columns, observations.target)
    shown = deviations(observations, training, columns, reference)
    axes = np.zeros((0, len(columns)), dtype=np.float32)
    if chosen.with_components or not learned.telling.any():
        at = np.searchsorted(columns, varying)
        found = program_fitting.components(shown[:, at], components)
        axes = np.zeros((len(found), len(columns)), dtype=np.float32)
        axes[:, at] = found
    single = program_fitting.single_genes(
        np.searchsorted(columns, best), learned.within(best), reference
    )
    differences, levels = program_fitting.pair_loadings(
        np.searchsorted(columns, paired), shown, reference
    )
    margins, intercepts = np.zeros((0, len(columns)), dtype=np.float32), np.zeros(0)
    if rule is not None:
        margins, intercepts = program_fitting.rule_loadings(
            rule.coefficients[columns], rule.intercepts, reference
        )
    parts = [axes, single, differences, margins]
    level = np.zeros(len(axes) + len(single), dtype=np.float32)
    kinds = np.repeat([COMPONENT, GENE, PAIR, RULE], [len(part) for part in parts])
    built = Programs(
        loadings=np.concatenate(parts),
        offsets=np.concatenate([level, levels, intercepts]).astype(np.float32),
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
