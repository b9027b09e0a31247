"""Program tokens learn nothing from held-out samples, and chance looks like chance."""

from pathlib import Path

import numpy as np
import pytest

from epigpt.dataset import normalization
from epigpt.dataset.count_blocks import CountBlocks
from epigpt.encoding import token_dataset
from epigpt.encoding.programs import (
    COMPONENT,
    GENE,
    PAIR,
    RULE,
)
from program_stores import (
    CLASSES,
    SAMPLES,
    draw_counts,
    encoding_config,
    fit_on,
    open_blocks,
    programs_of,
)


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
    counts, label = draw_counts(effect=0.0)
    held = np.arange(SAMPLES) >= 16
    other = label.copy()
    other[held] = label[held][::-1]
    made = []
    for name, labels in (("true", label), ("other", other)):
        observations = open_blocks(folder / name, counts, labels)
        store = folder / name / "tokens"
        token_dataset.write(store, observations, held, CLASSES, encoding_config())
        files = ("vocabulary.json", "reference.npz", "tokens.npy", "values.npy", "deviations.npy")
        made.append([(store / file).read_bytes() for file in files])
    return made[0] == made[1]


def test_noise_chosen_on_all_samples_looks_like_a_signal_and_in_the_fold_does_not(
    tmp_path: Path,
) -> None:
    held_out, inside = [], []
    for seed in range(6):
        counts, label = draw_counts(effect=0.0, seed=seed)
        observations = open_blocks(tmp_path / str(seed), counts, label)
        held = np.arange(SAMPLES) % 4 > 1
        for training, scores in ((np.flatnonzero(~held), held_out), (np.arange(24), inside)):
            scores.append(_auc(observations, training, held))
    assert 0.3 < np.mean(held_out) < 0.7
    assert np.mean(inside) > 0.8


def _auc(observations: CountBlocks, training: np.ndarray, held: np.ndarray) -> float:
    """AUC, over the samples held out, of genes chosen on the samples `training`: the sum of their
    scores, each in the direction of the samples not held out."""
    wanted = token_dataset.wanted(encoding_config(), [])
    vocabulary, reference = token_dataset.fit(observations, training, wanted)
    programs = programs_of(reference)
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
        observations = open_blocks(tmp_path / str(effect), *draw_counts(effect=effect))
        _, reference = fit_on(observations, np.arange(SAMPLES))
        kept.append(set(programs_of(reference).kinds.tolist()))
    assert kept == [{COMPONENT}, {COMPONENT, GENE, PAIR, RULE}]
