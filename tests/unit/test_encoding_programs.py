"""Program tokens: what they are fitted on, what they say, and how they lead back to genes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from epigpt.dataset import normalization
from epigpt.dataset.count_blocks import CountBlocks, open_observations
from epigpt.encoding import class_statistics, gene_statistics, token_dataset
from epigpt.encoding.class_statistics import ClassSums
from epigpt.encoding.programs import (
    COMPONENT,
    GENE,
    MOST,
    PAIR,
    RULE,
    Programs,
    budget,
    gene_attribution,
)
from epigpt.interpretation import program_contributions, shapley

SAMPLES, GENES, PLANTED = 24, 300, 6
CLASSES = ["a", "b"]


def _counts(effect: float = 1.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Half of the samples are cases, in which the first genes are raised."""
    random = np.random.default_rng(seed)
    label = np.array(CLASSES * (SAMPLES // 2))
    mean = np.tile(random.gamma(2.0, 60.0, GENES) + 20, (SAMPLES, 1))
    mean[label == "b", :PLANTED] *= np.exp(effect)
    return random.negative_binomial(10, 10 / (10 + mean)), label


def _open(
    folder: Path, counts: np.ndarray, label: np.ndarray, group: np.ndarray | None = None
) -> CountBlocks:
    names = [f"S{number:02d}" for number in range(len(label))]
    obs = pd.DataFrame({"sample": names, "label": label, "group": group}, index=names)
    obs["group"] = names if group is None else group
    matrix = scipy.sparse.csr_matrix(counts)
    var = pd.DataFrame(index=[f"Gene{number:03d}" for number in range(counts.shape[1])])
    folder.mkdir(exist_ok=True)
    path = folder / "a.h5ad"
    anndata.AnnData(matrix, obs=obs, var=var, uns={"assay": "bulk"}).write_h5ad(path)
    return open_observations(path)


def _config(**changes: object) -> token_dataset.EncodingConfig:
    settings: dict[str, object] = {
        "encoding": "program-tokens",
        "max_genes": 64,
        "vocabulary_genes": 100,
        "views": 2,
        "seed": 1,
    }
    return token_dataset.EncodingConfig(**{**settings, **changes})  # type: ignore[arg-type]


def _fitted(
    observations: CountBlocks, training: np.ndarray, **changes: object
) -> tuple[list[str], gene_statistics.GeneStatistics]:
    vocabulary, reference = token_dataset.fit(
        observations, training, token_dataset.wanted(_config(**changes), CLASSES)
    )
    return list(vocabulary.genes), reference


def _programs(reference: gene_statistics.GeneStatistics) -> Programs:
    assert reference.programs is not None
    return reference.programs


def test_a_sequence_holds_components_genes_and_pairs_within_its_budget() -> None:
    assert budget(128) == (16, 24, 16, 1)
    assert budget(128, classes=3) == (16, 24, 16, 3)
    assert budget(128, classes=0) == budget(128, classes=9) == (16, 24, 16, 0)
    assert budget(8) == (2, 3, 2, 1)
    for tokens in range(8, 200):
        for classes in range(12):
            assert sum(budget(tokens, classes)) <= min(tokens, MOST)


def test_planted_genes_are_among_those_chosen_with_the_labels(tmp_path: Path) -> None:
    observations = _open(tmp_path, *_counts())
    genes, reference = _fitted(observations, np.arange(SAMPLES))
    programs = _programs(reference)
    single = programs.loadings[programs.kinds == GENE]
    chosen = {genes[at] for at in np.abs(single).argmax(axis=1)}
    assert {f"Gene{number:03d}" for number in range(PLANTED)} <= chosen
    assert (programs.kinds == COMPONENT).sum() == 16
    pairs = programs.loadings[programs.kinds == PAIR]
    assert ((pairs > 0).sum(axis=1) == 1).all()
    assert ((pairs < 0).sum(axis=1) == 1).all()


def test_selection_by_deviation_does_not_look_at_labels(tmp_path: Path) -> None:
    counts, label = _counts()
    training = np.arange(SAMPLES)
    for encoding in ("program-tokens", "gene-values"):
        kept = [
            _fitted(
                _open(tmp_path, counts, labels),
                training,
                gene_selection="deviation",
                encoding=encoding,
            )
            for labels in (label, np.roll(label, 1))
        ]
        assert kept[0][0] == kept[1][0]
        assert kept[0][1].chosen is None
        if encoding == "program-tokens":
            one, other = (_programs(reference) for _, reference in kept)
            assert np.array_equal(one.loadings, other.loadings)
            assert PAIR not in one.kinds


@pytest.mark.parametrize("encoding", ["gene-values", "gene-tokens", "gene-sentence"])
def test_chosen_genes_are_shown_in_every_sequence_of_genes(tmp_path: Path, encoding: str) -> None:
    observations = _open(tmp_path, *_counts())
    held = np.zeros(SAMPLES, dtype=bool)
    config = _config(encoding=encoding, max_genes=24, gene_selection="both")
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
    observations = _open(tmp_path, *_counts())
    genes, _ = _fitted(
        observations,
        np.arange(SAMPLES),
        encoding="gene-values",
        gene_selection="label",
        max_genes=10,
    )
    assert len(genes) == 10
    assert {f"Gene{number:03d}" for number in range(PLANTED)} <= set(genes)


def test_labels_of_held_out_samples_decide_nothing(tmp_path: Path) -> None:
    assert _blind_to_held_out_labels(tmp_path)


def test_a_choice_on_all_samples_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = token_dataset.fit
    monkeypatch.setattr(
        token_dataset,
        "fit",
        lambda observations, _, wanted: honest(observations, np.arange(SAMPLES), wanted),
    )
    assert not _blind_to_held_out_labels(tmp_path)


def _blind_to_held_out_labels(folder: Path) -> bool:
    """Say whether the whole store stays the same when only the labels of the test samples do
    not."""
    counts, label = _counts(effect=0.0)
    held = np.arange(SAMPLES) >= 16
    other = label.copy()
    other[held] = label[held][::-1]
    made = []
    for name, labels in (("true", label), ("other", other)):
        observations = _open(folder / name, counts, labels)
        store = folder / name / "tokens"
        token_dataset.write(store, observations, held, CLASSES, _config())
        files = ("vocabulary.json", "reference.npz", "tokens.npy", "values.npy", "deviations.npy")
        made.append([(store / file).read_bytes() for file in files])
    return made[0] == made[1]


def test_noise_chosen_on_all_samples_looks_like_a_signal_and_in_the_fold_does_not(
    tmp_path: Path,
) -> None:
    held_out, inside = [], []
    for seed in range(6):
        counts, label = _counts(effect=0.0, seed=seed)
        observations = _open(tmp_path / str(seed), counts, label)
        held = np.arange(SAMPLES) % 4 > 1
        for training, scores in ((np.flatnonzero(~held), held_out), (np.arange(24), inside)):
            scores.append(_auc(observations, training, held))
    assert 0.3 < np.mean(held_out) < 0.7
    assert np.mean(inside) > 0.8


def _auc(observations: CountBlocks, training: np.ndarray, held: np.ndarray) -> float:
    """AUC, over the samples held out, of genes chosen on the samples `training`: the sum of their
    scores, each in the direction of the samples not held out."""
    wanted = token_dataset.wanted(_config(), [])
    vocabulary, reference = token_dataset.fit(observations, training, wanted)
    programs = _programs(reference)
    columns = np.searchsorted(observations.genes, list(vocabulary.genes))
    _, counts = next(observations.blocks(np.arange(SAMPLES)))
    expression = normalization.lognorm(counts, observations.target)
    scores = programs.scores(reference.deviations(expression[:, columns]))
    scores = scores[:, programs.kinds == GENE]
    case = observations.index["label"].to_numpy() == "b"
    direction = scores[case & ~held].mean(axis=0) - scores[~case & ~held].mean(axis=0)
    margin = scores @ np.sign(direction)
    return float((margin[case & held][:, None] > margin[~case & held][None, :]).mean())


def test_genes_that_tell_nothing_of_new_donors_are_not_shown(tmp_path: Path) -> None:
    kept = []
    for effect in (0.0, 1.2):
        observations = _open(tmp_path / str(effect), *_counts(effect=effect))
        _, reference = _fitted(observations, np.arange(SAMPLES))
        kept.append(set(_programs(reference).kinds.tolist()))
    assert kept == [{COMPONENT}, {COMPONENT, GENE, PAIR, RULE}]


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
    counts, _ = _counts()
    observations = _open(tmp_path, counts, np.full(SAMPLES, "a"))
    _, reference = token_dataset.fit(
        observations, np.arange(SAMPLES), token_dataset.wanted(_config(), ["a"])
    )
    programs = _programs(reference)
    assert PAIR not in programs.kinds
    assert (programs.kinds == GENE).sum() == 24
    assert not programs.weights.any()


def test_attributions_of_programs_are_divided_among_genes_without_remainder(
    tmp_path: Path,
) -> None:
    observations = _open(tmp_path, *_counts())
    held = np.arange(SAMPLES) >= 18
    token_dataset.write(tmp_path / "tokens", observations, held, CLASSES, _config())
    store = token_dataset.load(tmp_path / "tokens")
    programs = _programs(store.reference)
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
    _, reference = _fitted(_open(tmp_path, *_counts()), np.arange(SAMPLES))
    reference.save(tmp_path / "reference.npz")
    again = _programs(gene_statistics.load_gene_statistics(tmp_path / "reference.npz"))
    for name, values in vars(_programs(reference)).items():
        assert np.array_equal(values, getattr(again, name)), name


def test_the_output_of_a_model_over_programs_is_shared_among_genes_without_remainder(
    tmp_path: Path,
) -> None:
    observations = _open(tmp_path, *_counts())
    held = np.arange(SAMPLES) >= 18
    token_dataset.write(tmp_path / "tokens", observations, held, CLASSES, _config())
    store = token_dataset.load(tmp_path / "tokens")
    programs = _programs(store.reference)
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
