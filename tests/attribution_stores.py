"""Small token data sets with planted genes, and models over them, for tests of attributions."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.token_dataset import EncodingConfig, TokenDataset
from epigpt.encoding.vocabulary import END, SPECIAL, Vocabulary
from epigpt.interpretation import (
    contributions,
)
from epigpt.models import classifier, presets
from epigpt.training.batches import collate

CPU = torch.device("cpu")
GENES = 60
PLANTED = {3: 1.0, 11: 1.0, 20: -1.0, 42: -1.0}


def make_store(
    encoding: str, samples: int = 40, classes: tuple[str, ...] = ("control", "case"), views: int = 1
) -> TokenDataset:
    """Deviations of 60 genes; the planted ones follow the case, upwards or downwards; a third of
    the samples is held out."""
    random = np.random.default_rng(5)
    label = np.arange(samples) % len(classes)
    deviation = random.normal(0, 0.7, (samples, GENES))
    for gene, change in PLANTED.items():
        deviation[:, gene] += 2 * change * (label == 1) - change
    order = np.argsort(
        -np.abs(deviation) if encoding == "gene-values" else -deviation, axis=1, kind="stable"
    )[:, :24]
    tokens = (order + len(SPECIAL)).astype(np.int32)
    values = (
        np.take_along_axis(deviation, order, axis=1).astype(np.float32)
        if encoding == "gene-values"
        else None
    )
    if values is None:
        tokens = np.concatenate([tokens, np.full((samples, 1), END, dtype=np.int32)], axis=1)
    tokens = np.repeat(tokens[:, None], views, axis=1)
    values = None if values is None else np.repeat(values[:, None], views, axis=1)
    names = [f"S{number:02d}" for number in range(samples)]
    held_out = np.where(np.arange(samples) % 3 == 0, "test", "train")
    index = pd.DataFrame(
        {
            "observation": names,
            "sample": names,
            "group": names,
            "label": [classes[at] for at in label],
            "set": held_out,
        }
    )
    nothing = np.zeros(GENES, dtype=np.float32)
    genes = tuple(f"G{number:02d}" for number in range(GENES))
    reference = GeneStatistics(
        nothing, nothing + 1, nothing, 1e6, np.zeros((0, GENES), dtype=np.float32)
    )
    lengths = np.full(tokens.shape[:2], tokens.shape[2], dtype=np.int32)
    recipe = EncodingConfig(encoding, 24, GENES, views, 1)
    return TokenDataset(
        index, tokens, lengths, values, Vocabulary(genes, genes), reference, recipe, list(classes)
    )


def make_model(store: TokenDataset, seed: int = 1) -> Any:
    config = classifier.configuration(
        presets.load("tiny"),
        store.recipe.encoding,
        len(store.vocabulary),
        store.tokens.shape[2],
        store.classes,
    )
    return classifier.build(config, seed).eval()


def train(store: TokenDataset) -> Any:
    model = make_model(store)
    rows = np.flatnonzero((store.index["set"] == "train").to_numpy())
    batch = collate(store, rows, np.zeros(len(rows), dtype=int))
    truth = torch.from_numpy(
        store.index["label"]
        .map({name: at for at, name in enumerate(store.classes)})
        .to_numpy()[rows]
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(12):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(**batch).logits, truth).backward()
        optimizer.step()
    return model.requires_grad_(False)


def rows_to_explain(store: TokenDataset) -> np.ndarray:
    return contributions.held_out_rows(store, 1000)


def margin_of(model: Any, **batch: torch.Tensor) -> float:
    with torch.inference_mode():
        logits = model(**batch).logits[0]
    return float(logits[1] - logits[0])
