"""Program tokens of cells: what differs between donors is not lost among the kinds of cells."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epigpt.encoding import (
    consensus_rule,
    gene_statistics,
    linear_start,
    program_fitting,
    programs_of_fit,
    training_sums,
)
from epigpt.encoding.programs import Programs
from program_stores import CLASSES, fit_on, open_blocks, programs_of

DONORS, CELLS, GENES, PROGRAMME = 12, 60, 400, 40


def test_half_of_the_axes_are_those_along_which_samples_differ() -> None:
    random = np.random.default_rng(0)
    kinds, between = np.linalg.qr(random.normal(size=(100, 2)))[0].T
    sample = np.repeat(np.arange(8), 200)
    cells = random.normal(size=(1600, 100)) + np.outer(random.choice([-20, 20], 1600), kinds)
    cells = (cells + np.outer(np.where(sample % 2, 0.4, -0.4), between)).astype(np.float32)
    means = np.stack([cells[sample == number].mean(axis=0) for number in range(8)])
    of_cells = program_fitting.components(cells, 4)
    assert np.abs(_unit(of_cells) @ between).max() < 0.6
    axes = program_fitting.components(cells, 4, means)
    along = np.abs(_unit(axes) @ np.stack([kinds, between], axis=1))
    assert along[:2, 1].max() > 0.7
    assert along[:, 0].max() > 0.9
    assert len(axes) == 4
    assert np.allclose((cells @ axes.T).std(axis=0), 1, atol=1e-3)
    # A single sample has nothing to differ from.
    assert np.array_equal(program_fitting.components(cells, 4, means[:1]), of_cells)


def test_genes_are_those_that_differ_between_donors_more_than_is_usual(tmp_path: Path) -> None:
    counts, label, donor = _cells()
    sums = training_sums.training_sums(
        open_blocks(tmp_path, counts, label, donor, donor), np.arange(len(label)), True
    )
    assert sums.samples is not None
    assert sums.samples.shape == (DONORS, GENES)
    # Genes that tell the kinds of cells apart vary more among cells than those of the programme.
    chosen = [
        gene_statistics.vocabulary_columns(one, PROGRAMME)
        for one in (sums.between_samples, sums.sums)
    ]
    shares = [(columns < PROGRAMME).mean() for columns in chosen]
    assert shares[0] > 0.5
    assert shares[1] < 0.25


def test_few_samples_of_a_donor_are_no_cells(tmp_path: Path) -> None:
    counts, label, donor = _cells()
    one_in_ten = np.arange(len(label)) % 10 == 0
    few = open_blocks(
        tmp_path, counts[one_in_ten], label[one_in_ten], donor[one_in_ten], donor[one_in_ten]
    )
    sums = training_sums.training_sums(few, np.arange(one_in_ten.sum()), True)
    assert sums.samples is None
    assert sums.between_samples is sums.sums


def test_a_linear_start_weighs_donors_and_not_their_cells(tmp_path: Path) -> None:
    """A donor of whom there are ten times the cells counts as one."""
    counts, label, donor = _cells()
    often = np.concatenate([np.arange(len(label)), *[np.flatnonzero(donor == "D00")] * 9])
    made = []
    for name, rows in (("once", np.arange(len(label))), ("often", often)):
        units = programs_of_fit.Units.of(label[rows], donor[rows], cells=True)
        scores = counts[rows][:, :5].astype(float)
        everyone = np.arange(len(units.label))
        made.append((units.label, units.group, units.means(scores, everyone)))
        assert (units.of_row[units.rows(np.array([3]))] == 3).all(), name
    for one, two in zip(*made, strict=True):
        assert np.array_equal(one, two) or np.allclose(one, two)
    alone = programs_of_fit.Units.of(label, donor, cells=False)
    assert alone.means(counts, np.arange(len(label))) is counts


def test_programs_of_cells_rest_on_their_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, label, donor = _cells()
    observations = open_blocks(tmp_path, counts, label, donor, donor)
    seen: list[tuple[str, tuple[int, ...]]] = []
    components, fit = program_fitting.components, linear_start.fit
    rule = consensus_rule.fit

    def spied_components(deviations: np.ndarray, number: int, of_samples: np.ndarray) -> np.ndarray:
        seen.append(("axes", of_samples.shape[:1]))
        return components(deviations, number, of_samples)

    def spied_fit(programs: Programs, scores: np.ndarray, **given: Any) -> Programs:
        seen.append(("start", scores.shape[:1]))
        return fit(programs, scores, **given)

    def spied_rule(
        values: np.ndarray, numbers: np.ndarray, group: np.ndarray, seed: int, **given: Any
    ) -> Any:
        seen.append(("rule", values.shape[:1]))
        means = np.stack(
            [_lognorm(counts)[donor == name].mean(axis=0) for name in np.unique(donor)]
        )
        assert np.allclose(values.sum(axis=1), means[:, means.any(axis=0)].sum(axis=1), rtol=1e-4)
        return rule(values, numbers, group, seed, **given)

    monkeypatch.setattr(consensus_rule, "fit", spied_rule)
    monkeypatch.setattr(program_fitting, "components", spied_components)
    monkeypatch.setattr(linear_start, "fit", spied_fit)
    fit_on(observations, np.arange(len(label)))
    assert ("axes", (DONORS,)) in seen
    # Nested folds hold whole donors back.
    assert {shape for kind, shape in seen if kind == "axes"} == {(DONORS,), (DONORS * 2 // 3,)}
    assert [shape for kind, shape in seen if kind == "start"] == [(DONORS,)]
    assert [shape for kind, shape in seen if kind == "rule"] == [(DONORS,)]


def test_the_linear_start_of_cells_does_not_know_held_out_donors(tmp_path: Path) -> None:
    counts, label, donor = _cells()
    held = np.isin(donor, ["D08", "D09", "D10", "D11"])
    other = np.where(held, np.where(label == "a", "b", "a"), label)
    made = []
    for name, labels in (("true", label), ("other", other)):
        observations = open_blocks(tmp_path / name, counts, labels, donor, donor)
        programs = programs_of(fit_on(observations, np.flatnonzero(~held))[1])
        made.append((programs.loadings, programs.weights))
    for one, two in zip(*made, strict=True):
        assert np.array_equal(one, two)


def _cells() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells of three kinds that differ much, from donors that differ a little; a programme of genes
    is a little higher in all cells of half of the donors."""
    random = np.random.default_rng(3)
    donor = np.repeat([f"D{number:02d}" for number in range(DONORS)], CELLS)
    label = np.repeat(np.array(CLASSES * (DONORS // 2)), CELLS)
    log = np.tile(random.normal(0.5, 1.0, GENES), (len(donor), 1))
    log += random.normal(0, 1.2, (3, GENES))[random.choice(3, len(donor))]
    log += random.normal(0, 0.1, (DONORS, GENES))[np.repeat(np.arange(DONORS), CELLS)]
    log[label == "b", :PROGRAMME] += 0.7
    return random.poisson(np.exp(log)), label, donor


def _lognorm(counts: np.ndarray) -> np.ndarray:
    return np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e6)


def _unit(axes: np.ndarray) -> np.ndarray:
    unit: np.ndarray = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    return unit
