"""Whole trainings at several sizes, the flat recipe against the scaled one: peak loss and AUC.

    make bench-recipe                                       # 2 × 64 and 6 × 256, folds of a simulated series
    python tests/benchmarks/recipe_sizes.py --sizes 12x768  # tens of minutes on a CPU

The series is simulated, with a planted effect; what counts is that the peak loss of the scaled recipe stays near its start at every size,
and that no AUC is bought with it.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.token_dataset import EncodingConfig, TokenDataset
from epigpt.encoding.vocabulary import SPECIAL, Vocabulary
from epigpt.evaluation.metrics import held_out, scores
from epigpt.models import classifier, presets, recipes
from epigpt.training import batches, engine, held_out_predictions, launch, plan, training_loop

FLAT = recipes.LearningRates(1e-3, 1e-3, 1e-3)
GENES, SAMPLES, FOLDS, VIEWS, EPOCHS = 32, 40, 2, 2, 10


def main() -> None:
    """Print a row for each size and recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["2x64", "6x256"], help="layers x width")
    options = parser.parse_args()
    placement = launch.start(1)
    print(f"{'size':>8} {'recipe':>8} {'peak loss':>10} {'AUC':>6} {'seconds':>8}")
    for size in options.sizes:
        layers, width = (int(part) for part in size.split("x"))
        base = 3e-3 if width <= 256 else 1e-3
        scaled = recipes.LearningRates(base * 64 / width, 1e-3, base * 64 / width)
        for name, start, rates in (("flat", "standard", FLAT), ("scaled", "zero", scaled)):
            preset = replace(
                presets.load("tiny"), name=size, layers=layers, width=width, heads=width // 64
            )
            began = time.monotonic()
            peak, auc = trained(preset, start, rates, placement)
            seconds = time.monotonic() - began
            print(f"{size:>8} {name:>8} {peak:>10.2f} {auc:>6.3f} {seconds:>8.0f}", flush=True)


def trained(
    preset: presets.ModelPreset, start: str, rates: recipes.LearningRates, placement: Any
) -> tuple[float, float]:
    """Train every fold; return the largest loss of a step and the AUC of the held-out samples."""
    peak, parts = 0.0, []
    for fold, store in enumerate(stores()):
        examples = batches.training_examples(store)
        work = plan.Workload(len(examples), GENES, store.size, 2, EPOCHS, 16, "fp32")
        hardware, room = launch.present_hardware(placement, False)
        made = plan.make(preset, hardware, work, room)
        config = classifier.configuration(preset, "gene-values", store.size, GENES, store.classes)
        model = classifier.build(config, seed=1)
        if start == "zero":
            classifier.start_at_zero(model, blocks=True)
        recipe = engine.Recipe(rates, seed=1)
        running = engine.start(model, made, recipe, placement.device)
        losses: list[float] = []
        session = training_loop.Session(running, store, examples, made, recipe, placement)
        training_loop.train(session, lambda loss, losses=losses, **_: losses.append(loss))
        peak = max(peak, *losses)
        rows = np.flatnonzero((store.index["set"] == "test").to_numpy())
        found = held_out_predictions.probabilities_of_rows(
            model.eval(), store, rows, placement.device
        ).mean(axis=1)
        parts.append(_table(store, rows, found, fold))
    held = held_out(pd.concat(parts, ignore_index=True), ["control", "case"])
    return peak, float(scores(held, held.unit_weights())["auc"][0])


def _table(store: TokenDataset, rows: np.ndarray, found: np.ndarray, fold: int) -> pd.DataFrame:
    index = store.index.iloc[rows]
    return pd.concat(
        pd.DataFrame(
            {
                "model": "finetuned",
                "repeat": 0,
                "fold": fold,
                "sample": index["sample"].to_numpy(),
                "group": index["group"].to_numpy(),
                "truth": index["label"].to_numpy(),
                "class": name,
                "probability": found[:, column],
            }
        )
        for column, name in enumerate(store.classes)
    )


def stores() -> Iterator[TokenDataset]:
    """Yield the folds of a series in which four genes of 32 lean to one class."""
    generator = np.random.default_rng(0)
    labels = np.arange(SAMPLES) % 2
    values = generator.normal(0, 1, (SAMPLES, VIEWS, GENES)).astype(np.float32)
    values[:, :, :4] += (2 * labels[:, None, None] - 1) * 0.6
    tokens = np.broadcast_to(np.arange(GENES) + len(SPECIAL), values.shape).astype(np.int32)
    names = [f"S{number:02d}" for number in range(SAMPLES)]
    known = tuple(f"G{number}" for number in range(GENES))
    none = np.zeros(0, dtype=np.float32)
    reference = GeneStatistics(none, none, none, 1e6, none.reshape(0, 0))
    for fold in range(FOLDS):
        index = pd.DataFrame(
            {
                "observation": names,
                "sample": names,
                "group": names,
                "label": np.where(labels, "case", "control"),
                "set": np.where(np.arange(SAMPLES) // 2 % FOLDS == fold, "test", "train"),
            }
        )
        yield TokenDataset(
            index,
            tokens,
            np.full((SAMPLES, VIEWS), GENES, dtype=np.int32),
            values,
            Vocabulary(known, known),
            reference,
            EncodingConfig("gene-values", GENES, GENES, VIEWS, 1),
            ["control", "case"],
        )


if __name__ == "__main__":
    main()
