"""Program tokens: what they are fitted on, what they say, and how they lead back to genes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from epigpt.encoding import class_statistics, gene_statistics, token_dataset
from epigpt.encoding.class_statistics import ClassSums
from epigpt.encoding.programs import (
    COMPONENT,
    GENE,
    MOST,
    PAIR,
    Programs,
    budget,
    gene_attribution,
)
from epigpt.interpretation import program_contributions, shapley
from program_stores import (
    CLASSES,
    PLANTED,
    SAMPLES,
    draw_counts,
    encoding_config,
    fit_on,
    open_blocks,
    programs_of,
)


def test_a_sequence_holds_components_genes_and_pairs_within_its_budget() -> None:
    assert budget(128) == (16, 24, 16, 1)
    assert budget(128, classes=3) == (16, 24, 16, 3)
    assert budget(128, classes=0) == budget(128, classes=9) == (16, 24, 16, 0)
    assert budget(8) == (2, 3, 2, 1)
    for tokens in range(8, 200):
        for classes in range(12):
            assert sum(budget(tokens, classes)) <= min(tokens, MOST)


def test_planted_genes_are_among_those_chosen_with_the_labels(tmp_path: Path) -> None:
    observations = open_blocks(tmp_path, *draw_counts())
    genes, reference = fit_on(observations, np.arange(SAMPLES))
    programs = programs_of(reference)
    single = programs.loadings[programs.kinds == GENE]
    chosen = {genes[at] for at in np.abs(single).argmax(axis=1)}
    assert {f"Gene{number:03d}" for number in range(PLANTED)} <= chosen
    assert (programs.kinds == COMPONENT).sum() == 16
    pairs = programs.loadings[programs.kinds == PAIR]
    assert ((pairs > 0).sum(axis=1) == 1).all()
    assert ((pairs < 0).sum(axis=1) == 1).all()


def test_selection_by_deviation_does_not_look_at_labels(tmp_path: Path) -> None:
    counts, label = draw_counts()
    training = np.arange(SAMPLES)
    for encoding in ("program-tokens", "gene-values"):
        kept = [
            fit_on(
                open_blocks(tmp_path, counts, labels),
                training,
                gene_selection="deviation",
                encoding=encoding,
            )
            for labels in (label, np.roll(label, 1))
        ]
        assert kept[0][0] == kept[1][0]
        assert kept[0][1].chosen is None
        if encoding == "program-tokens":
            one, other = (programs_of(reference) for _, reference in kept)
            assert np.array_equal(one.loadings, other.loadings)
            assert PAIR not in one.kinds


@pytest.mark.parametrize("encoding", ["gene-values", "gene-tokens", "gene-sentence"])
def test_chosen_genes_are_shown_in_every_sequence_of_genes(tmp_path: Path, encoding: str) -> None:
    observations = open_blocks(tmp_path, *draw_counts())
    held = np.zeros(SAMPLES, dtype=bool)
    config = encoding_config(encoding=encoding, max_genes=24, gene_selection="both")
    token_dataset.write(tmp_path / "tokens", observations, held, CLASSES, config)
    store = token_dataset.load(tmp_path / "tokens")
    assert store.reference.chosen is not None
    chosen = np.flatnonzero(store.reference.chosen)
    assert len(chosen) == 12
    assert len(store.vocabulary.genes) == 100
    encoder = token_dataset.encoders.find(encoding)
    for tokens in store.tokens[:, 0]:
        genes = encoder.genes_of(tokens[None], store.vocabulary)[0]
        shown = set(genes[genes >= 0].tolist())
        assert set(chosen.tolist()) <= shown
        assert len(shown) == 24


def test_labels_alone_make_the_vocabulary(tmp_path: Path) -> None:
    observations = open_blocks(tmp_path, *draw_counts())
    genes, _ = fit_on(
        observations,
        np.arange(SAMPLES),
        encoding="gene-values",
        gene_selection="label",
        max_genes=10,
    )
    assert len(genes) == 10
    assert {f"Gene{number:03d}" for number in range(PLANTED)} <= set(genes)


def test_a_donor_with_both_classes_is_compared_with_itself() -> None:
    random = np.random.default_rng(0)
    donors = np.repeat(np.arange(8), 2)
    label = np.array(CLASSES * 8)
    spread = np.where(np.arange(200) < 5, 3.0, 0.0)  # donors differ in the genes that tell
    expression = 15 + np.repeat(random.normal(0, 1, (8, 200)) * spread, 2, axis=0)
    expression += random.normal(0, 0.1, (16, 200))
    expression[label == "b", :5] += 0.6
    rows = scipy.sparse.csr_matrix(expression)
    sums = gene_statistics.moments([rows])

    def first(groups: np.ndarray) -> set[int]:
        classes = ClassSums(label, groups.astype(str))
        classes.add(np.arange(16), rows)
        return set(class_statistics.best(class_statistics.statistic(sums, classes), 5).tolist())

    assert first(donors) == set(range(5))
    assert first(np.arange(16)) != set(range(5))


def test_a_donor_with_many_cells_weighs_no_more_than_another() -> None:
    random = np.random.default_rng(1)
    one = random.normal(5, 1, (6, 50))
    repeated = np.repeat(one, [1, 30, 1, 1, 1, 1], axis=0)
    groups = np.repeat(np.arange(6), [1, 30, 1, 1, 1, 1]).astype(str)
    found = []
    for matrix, group in ((one, np.arange(6).astype(str)), (repeated, groups)):
        label = np.array(CLASSES * 3)[group.astype(int)]
        classes = ClassSums(label, group)
        rows = scipy.sparse.csr_matrix(matrix)
        classes.add(np.arange(len(matrix)), rows)
        found.append(class_statistics.statistic(gene_statistics.moments([rows]), classes))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_a_single_class_tells_nothing_and_programs_follow_the_deviations(tmp_path: Path) -> None:
    counts, _ = draw_counts()
    observations = open_blocks(tmp_path, counts, np.full(SAMPLES, "a"))
    _, reference = token_dataset.fit(
        observations, np.arange(SAMPLES), token_dataset.wanted(encoding_config(), ["a"])
    )
    programs = programs_of(reference)
    assert PAIR not in programs.kinds
    assert (programs.kinds == GENE).sum() == 24
    assert not programs.weights.any()


def test_attributions_of_programs_are_divided_among_genes_without_remainder(
    tmp_path: Path,
) -> None:
    observations = open_blocks(tmp_path, *draw_counts())
    held = np.arange(SAMPLES) >= 18
    token_dataset.write(tmp_path / "tokens", observations, held, CLASSES, encoding_config())
    store = token_dataset.load(tmp_path / "tokens")
    programs = programs_of(store.reference)
    assert store.deviations is not None
    assert store.values is not None
    scores = programs.scores(np.asarray(store.deviations))
    assert np.array_equal(scores, store.values[:, 0, : len(programs)])
    contributed = (scores - programs.at_rest()) * programs.weights[:, 1]
    of_genes = gene_attribution(programs, contributed, np.asarray(store.deviations))
    assert of_genes.shape == store.deviations.shape
    np.testing.assert_allclose(of_genes.sum(axis=1), contributed.sum(axis=1), rtol=1e-3, atol=1e-5)


def test_a_row_has_the_same_scores_whatever_stands_beside_it() -> None:
    random = np.random.default_rng(4)
    programs = Programs(
        loadings=random.normal(size=(64, 1100)).astype(np.float32),
        offsets=random.normal(size=64).astype(np.float32),
        kinds=np.repeat([COMPONENT, GENE, PAIR], [16, 32, 16]).astype(np.int8),
        weights=np.zeros((64, 2), dtype=np.float32),
        bias=np.zeros(2, dtype=np.float32),
    )
    deviations = random.normal(size=(37, 1100)).astype(np.float32)
    whole = programs.scores(deviations)
    for row in range(37):
        assert np.array_equal(programs.scores(deviations[[row]])[0], whole[row])


def test_programs_survive_their_file(tmp_path: Path) -> None:
    _, reference = fit_on(open_blocks(tmp_path, *draw_counts()), np.arange(SAMPLES))
    reference.save(tmp_path / "reference.npz")
    again = programs_of(gene_statistics.load_gene_statistics(tmp_path / "reference.npz"))
    for name, values in vars(programs_of(reference)).items():
        assert np.array_equal(values, getattr(again, name)), name


def test_the_output_of_a_model_over_programs_is_shared_among_genes_without_remainder(
    tmp_path: Path,
) -> None:
    observations = open_blocks(tmp_path, *draw_counts())
    held = np.arange(SAMPLES) >= 18
    token_dataset.write(tmp_path / "tokens", observations, held, CLASSES, encoding_config())
    store = token_dataset.load(tmp_path / "tokens")
    programs = programs_of(store.reference)
    torch.manual_seed(1)
    hidden, out = torch.nn.Linear(len(programs), 8), torch.nn.Linear(8, 2)

    def model(input_ids: Any, attention_mask: Any, values: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=out(torch.relu(hidden(values))))

    rows = np.flatnonzero(held)
    found = shapley.of_programs(model, store, rows, 10, torch.device("cpu"))
    assert found.incompleteness < 0.01
    shared = (found.values * program_contributions.signs(store, rows)).sum(axis=1)
    values = [programs.scores(np.asarray(store.deviations)[rows]), programs.at_rest()[None]]
    with torch.inference_mode():
        ends = [out(torch.relu(hidden(torch.from_numpy(one)))) for one in values]
    margin = [(logits[:, 1] - logits[:, 0]).numpy() for logits in ends]
    np.testing.assert_allclose(shared, margin[0] - margin[1], rtol=1e-2, atol=1e-3)


def test_a_gene_that_is_knocked_out_is_at_the_reference_in_every_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observations = open_blocks(tmp_path, *draw_counts())
    held = np.arange(SAMPLES) >= 18
    token_dataset.write(tmp_path / "tokens", observations, held, CLASSES, encoding_config())
    store = token_dataset.load(tmp_path / "tokens")
    programs, rows = programs_of(store.reference), np.flatnonzero(held)
    torch.manual_seed(1)
    hidden, out = torch.nn.Linear(len(programs), 8), torch.nn.Linear(8, 2)

    def model(input_ids: Any, attention_mask: Any, values: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=out(torch.relu(hidden(values))))

    def margin(deviations: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = out(torch.relu(hidden(torch.from_numpy(programs.scores(deviations)))))
        return (logits[:, 1] - logits[:, 0]).numpy()

    deviations = np.asarray(store.deviations)[rows]
    genes = np.array([0, 3, 7, 40])
    signs = program_contributions.signs(store, rows)
    # Together, in parts, and one row at a time.
    for tokens in (1 << 20, store.tokens.shape[2] * (2 * len(rows)), store.tokens.shape[2]):
        monkeypatch.setattr(program_contributions, "BATCH_TOKENS", tokens)
        found = program_contributions.knock_out(
            model, store, rows, 1, genes, device=torch.device("cpu")
        ).values
        for gene in genes:
            without = deviations.copy()
            without[:, gene] = 0.0
            expected = (margin(deviations) - margin(without)) * signs[:, gene]
            np.testing.assert_allclose(found[:, gene], expected, rtol=1e-3, atol=1e-5)
        assert np.abs(found[:, genes]).max() > 1e-3
        assert not np.delete(found, genes, axis=1).any()
