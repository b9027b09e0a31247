"""The programs of one fit, from its training observations alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from epigpt.encoding import gene_statistics, program_fitting
from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.programs import COMPONENT, GENE, PAIR, SHARED, Programs, budget
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
    from epigpt.encoding import linear_start, rules_of_fit
    from epigpt.encoding.unchecked_fits import unchecked

    with unchecked():
        rules: dict[int, ConsensusRule] = {}
        ruled_label = label[known]
        if chosen.with_labels and budget(size.tokens, len(chosen.classes))[3]:
            rules, ruled_label = rules_of_fit.fit(
                observations,
                known,
                learned,
                classes=chosen.classes,
                shared=chosen.shared,
                seed=chosen.seed,
            )
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
