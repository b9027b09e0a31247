"""Variants of the fine-tuned model: what each destroys and what it keeps."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from epigpt import model_names
from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.token_dataset import EncodingConfig, TokenDataset
from epigpt.encoding.vocabulary import SPECIAL, Vocabulary
from epigpt.evaluation import linear_probe
from epigpt.models import classifier, presets
from epigpt.training import ablations, batches, untrained

GENES = tuple(f"Gene{number}" for number in range(50))


def _store() -> TokenDataset:
    """Four samples of two cells each, all with the same genes at the same deviations."""
    tokens = np.tile(np.arange(8, dtype=np.int32) + 20, (8, 2, 1))
    tokens[:, :, 6:] = [1, 0]
    index = pd.DataFrame(
        {
            "sample": np.repeat(["A", "B", "C", "D"], 2),
            "label": ["x"] * 4 + ["y"] * 4,
            "set": ["train"] * 6 + ["test"] * 2,
        }
    )
    none = np.zeros(0, dtype=np.float32)
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(50, 3)))[0].T.astype(np.float32)
    values = np.tile(np.linspace(3, -3, 8, dtype=np.float32), (8, 2, 1))
    lengths = np.full((8, 2), 7, dtype=np.int32)
    reference = GeneStatistics(none, none, none, 1e6, axes)
    return TokenDataset(
        index,
        tokens,
        lengths,
        values,
        Vocabulary(GENES, GENES),
        reference,
        EncodingConfig("gene-values", 8, 50, 2, 1),
        ["x", "y"],
    )


def test_training_knows_the_variants_that_the_names_list() -> None:
    own = {model_names.FINETUNED, *model_names.VARIANTS} - {linear_probe.MODEL}
    assert set(ablations.NAMES) == own
    assert {linear_probe.MODEL, *ablations.NAMES} == set(model_names.MODELS) - set(
        model_names.BASELINES
    )


def test_shuffled_genes_are_a_permutation_of_each_samples_own() -> None:
    store = _store()
    seen = ablations.shown(store, ablations.SHUFFLED_GENES, seed=1)
    rows, views = np.arange(8), np.zeros(8, dtype=np.int64)
    batch, plain = batches.collate(seen, rows, views), batches.collate(store, rows, views)
    tokens = batch["input_ids"].numpy()
    assert (tokens[0::2] == tokens[1::2]).all(), "the cells of a sample share a permutation"
    assert len({tuple(row) for row in tokens[0::2]}) == 4, "samples do not"
    assert (tokens[:, 6] == plain["input_ids"][:, 6].numpy()).all(), "the end token stays"
    assert all(len(set(row)) == len(row) for row in tokens.tolist())
    assert torch.equal(batch["values"], plain["values"])
    again = ablations.exchange("A", 52, np.arange(2, 52), 1)
    assert sorted(again) == list(range(52))
    assert (tokens[0] == again[plain["input_ids"][0]]).all()
    assert again[: len(SPECIAL)].tolist() == [0, 1]


def test_shuffled_genes_leave_nothing_that_follows_a_gene() -> None:
    """A gene that is first in every sample of one class is everywhere after the exchange."""
    stand_ins = [
        ablations.exchange(f"S{number}", 52, np.arange(2, 52), seed=1)[20] for number in range(2000)
    ]
    counts = np.bincount(stand_ins, minlength=52)[2:]
    assert counts.min() > 15
    assert counts.max() < 75


def _weights(variant: str) -> dict[str, torch.Tensor]:
    store = _store()
    settings = {"seed": 1, "tuning": "full", "weights": "none"}
    return dict(untrained.build("tiny", store, settings, variant).named_parameters())


def test_random_weights_do_not_know_the_axes_and_no_blocks_keeps_all_but_the_blocks() -> None:
    whole, random, bare = (
        _weights(name)
        for name in (ablations.FINETUNED, ablations.RANDOM_WEIGHTS, ablations.NO_BLOCKS)
    )
    assert not torch.equal(whole["transformer.wte.weight"], random["transformer.wte.weight"])
    assert set(whole) - set(bare) == {name for name in whole if ".h." in name}
    assert torch.equal(
        whole["transformer.wte.weight"][2:, :3], bare["transformer.wte.weight"][2:, :3]
    )


def test_without_blocks_ranked_genes_reach_the_head() -> None:
    """The stock class reads the end token alone, which is the same in every sample."""
    preset = replace(presets.load("tiny"), layers=0)
    config = classifier.configuration(preset, "gene-tokens", 52, 9, ["x", "y"])
    model = classifier.build(config, 1).eval()
    first, second = torch.tensor([[20, 21, 22, 1]]), torch.tensor([[30, 31, 32, 1]])
    assert not torch.equal(model(first).logits, model(second).logits)
