"""Token stores and sessions of any size without a series behind them, for benchmarks and tests on
GPUs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.token_dataset import EncodingConfig, TokenDataset
from epigpt.encoding.vocabulary import SPECIAL, Vocabulary
from epigpt.models import classifier, presets, recipes, resident
from epigpt.training import batches, engine, launch, plan, training_loop, tuning

RECIPE = engine.Recipe(recipes.LearningRates(1e-4, 1e-4, 1e-4), seed=1)


def store(samples: int, length: int, genes: int, shortest: int | None = None) -> TokenDataset:
    """Gene tokens of two classes; lengths between `shortest` and `length`, or all the same."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(shortest or length, length + 1, (samples, 1)).astype(np.int32)
    tokens = generator.integers(len(SPECIAL), genes + len(SPECIAL), (samples, 1, length)).astype(
        np.int32
    )
    tokens[np.arange(length) >= lengths[:, :, None]] = 0
    names = [f"S{number}" for number in range(samples)]
    index = pd.DataFrame(
        {
            "observation": names,
            "sample": names,
            "group": names,
            "label": ["a", "b"] * (samples // 2),
            "set": "train",
        }
    )
    none = np.zeros(0, dtype=np.float32)
    known = tuple(f"G{number}" for number in range(genes))
    reference = GeneStatistics(none, none, none, 1e6, none.reshape(0, 0))
    return TokenDataset(
        index,
        tokens,
        lengths,
        None,
        Vocabulary(known, known),
        reference,
        EncodingConfig("gene-tokens", length, genes, 1, 1),
        ["a", "b"],
    )


def session(
    preset: presets.ModelPreset,
    tokens: TokenDataset,
    placement: launch.Placement,
    tuned: str = "full",
    **changes: Any,
) -> training_loop.Session:
    """Everything ready for `loop.train`; `changes` go into the plan that epigpt makes by itself.

    With `shared`, an origin of `epigpt.models.resident`, frozen blocks are those of the session
    before.
    """
    examples = batches.training_examples(tokens)
    batch, precision = changes.pop("global_batch_size", 8), changes.pop("precision", "fp32")
    shared = changes.pop("shared", None)
    work = plan.Workload(
        len(examples), tokens.tokens.shape[2], tokens.size, 2, 1, batch, precision, tuned
    )
    hardware, room = launch.present_hardware(placement, precision != "fp32")
    made = replace(plan.make(preset, hardware, work, room), **changes)
    config = classifier.configuration(
        preset, "gene-tokens", tokens.size, tokens.tokens.shape[2], ["a", "b"]
    )
    built = classifier.build(config, 1)
    own = dict(built.named_parameters())
    model = tuning.prepare(built, tuned, new_embedding=True, seed=1)
    resident.lend(resident.find(shared), own)
    peak = placement.world_size * hardware.measured_tflops * 1e12
    operations = plan.flops_per_token(preset, tokens.tokens.shape[2])
    started = engine.start(model, made, RECIPE, placement.device)
    resident.keep(shared, own)
    return training_loop.Session(
        started,
        tokens,
        examples,
        made,
        RECIPE,
        placement,
        peak,
        operations,
    )
