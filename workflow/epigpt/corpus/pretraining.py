"""Learn from the series of a corpus how genes move together: next-gene or next-value modelling with
the loop, plan, engine and checkpoints of a fine-tuning.

Which example a step sees follows from seed and step alone (`epigpt.training.batches.Order`), each
process reads its own part of it from the shards, and a checkpoint says after which step it was
written: a training goes on with another number of devices in the middle of an epoch, and every
example is seen once in it.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers.models.gpt2.configuration_gpt2 import GPT2Config

from epigpt import files
from epigpt.corpus import components, pretrained_folder
from epigpt.corpus.pretrained_folder import LearntFrom
from epigpt.corpus.selection import HELD_OUT, TRAIN
from epigpt.corpus.shards import load
from epigpt.corpus.store import BLOCK, CorpusStore, open_store
from epigpt.encoding import encoders, shared_programs
from epigpt.encoding.shared_programs import SharedPrograms
from epigpt.errors import InputError
from epigpt.models import classifier, presets, pretrained, weights_check
from epigpt.models.language_model import NextGene
from epigpt.models.next_value import NextValue
from epigpt.models.presets import ModelPreset
from epigpt.provenance.fingerprint import fingerprint
from epigpt.training import (
    batches,
    checkpoint_lock,
    launch,
    preparation,
    resumed_steps,
    states,
)
from epigpt.training import checkpoint as checkpoints
from epigpt.training.continued_pretraining import mean_loss
from epigpt.training.request import Request as TrainingRequest


@dataclass(frozen=True)
class Request:
    """What the rule pretrain asks for.

    Attributes
    ----------
    table
        corpus.tsv.
    shards
        Folder of the shards.
    settings
        Keys as in the configuration; `pretraining.weights` identifies what `start` holds.
    start
        Folder of the weights to begin with; None: random ones.
    """

    table: Path
    shards: Path
    name: str
    preset: str
    checkpoints: Path
    output: Path
    settings: dict[str, Any]
    start: Path | None = None
    checkpoint_minutes: float = 15.0


def _opened(request: Request) -> LearntFrom:
    table = pd.read_csv(request.table, sep="\t", dtype=str, keep_default_na=False)
    used = table[table["use"].isin([TRAIN, HELD_OUT])]
    shards = [load(request.shards / identity) for identity in used["shard"]]
    trained, held = (np.flatnonzero(used["use"] == use).tolist() for use in (TRAIN, HELD_OUT))
    store = open_store(request.shards, shards)
    return LearntFrom(request.shards, table, used, shards, store, trained, held)


def run(request: Request, threads: int, log: logging.Logger) -> None:
    """Pretrain on the series that the table says, write every file of the model's folder."""
    corpus = _opened(request)
    store = corpus.store
    examples, watched = store.examples(corpus.trained), store.examples(corpus.held)
    settings, placement = training_settings(request.settings), launch.start(threads)
    preset = presets.load(request.preset)
    _check_batch(len(examples), settings)
    planned = preparation.planned_for(preset, store, len(examples), settings, placement)
    kept = preparation.kept_checkpoints(request.checkpoints, planned, placement)
    log.info("corpus %s: %s", request.name, "; ".join(planned.why))
    numbers = {gene: number for number, gene in enumerate(store.vocabulary.genes)}
    learnt_from = [corpus.shards[one] for one in corpus.trained]
    axes = components.over_series(learnt_from, request.shards, numbers)
    model = untrained(preset, store, axes, settings["seed"])
    if request.start is not None:
        pretrained.start(
            model,
            weights_check.check(request.start, preset),
            store.recipe.encoding,
            store.vocabulary,
            typical_value=typical_value(store, examples),
        )
    session = preparation.session(
        model,
        planned,
        placement,
        preset=preset,
        store=store,
        examples=examples,
        settings=settings,
        swap=request.checkpoints / checkpoints.SWAP,
    )
    session = replace(session, objective=mean_loss, held=watched if len(watched) else None)
    taking = TrainingRequest(
        tokens=request.table,
        fit=request.name,
        preset=request.preset,
        checkpoints=request.checkpoints,
        output=request.output,
        settings=settings,
        checkpoint_minutes=request.checkpoint_minutes,
    )
    identity = _identity(corpus.used, settings, preset, planned.precision)
    session, steps = resumed_steps.take(session, taking, identity, kept, log)
    weights = states.weights(session.engine, kept=placement.is_first)
    if session.patience is not None and placement.is_first:
        weights = session.patience.best_weights()
    if placement.is_first:
        with files.path(request.output) as folder:
            folder.mkdir(parents=True)
            classifier.save(model, folder, weights)
            files.write_text(folder / "training.jsonl", steps.read_text(encoding="utf-8"))
            SharedPrograms(np.array(store.vocabulary.genes, dtype=str), axes).save(
                folder / shared_programs.FILE
            )
            pretrained_folder.describe(
                folder,
                corpus,
                planned,
                request.settings["pretraining.weights"],
                named=(request.name, request.preset, identity),
                device=placement.device,
            )
        shutil.rmtree(request.checkpoints, ignore_errors=True)
        checkpoint_lock.release(request.checkpoints)
    launch.stop()


def training_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a training for those of a pretraining: all weights are trained."""
    return {
        "epochs": settings["pretraining.epochs"],
        "early_stopping": settings["pretraining.patience"],
        "global_batch_size": settings["pretraining.global_batch_size"],
        "learning_rate": settings["pretraining.learning_rate"],
        "precision": settings["precision"],
        "seed": settings["seed"],
        "tuning": "full",
        "weights": settings["pretraining.weights"],
    }


def _check_batch(examples: int, settings: Mapping[str, Any]) -> None:
    if examples < settings["global_batch_size"]:
        raise InputError(
            f"a batch of {settings['global_batch_size']} and {examples} examples in the corpus",
            "key pretraining.global_batch_size",
            "a step would see an example twice",
            f"set it to at most {max(1, examples)}, or add series to the corpus",
        )


def untrained(
    preset: ModelPreset, store: CorpusStore, axes: np.ndarray, seed: int
) -> NextGene | NextValue:
    """Build the model before its first step: random weights, and where tokens have values,
    embeddings that begin on the common axes of the series."""
    described = classifier.configuration(
        preset, store.recipe.encoding, store.size, store.tokens.shape[2], []
    ).to_dict()
    # Stock GPT-2 in any case: what has values is the classifier.
    own = ("model_type", "linear_path")
    config = GPT2Config(**{key: value for key, value in described.items() if key not in own})
    kind = NextValue if encoders.find(store.recipe.encoding).has_values else NextGene
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config)
    if kind is NextValue:
        classifier.start_from_axes(model, axes)
    return model


def typical_value(store: CorpusStore, examples: batches.Examples) -> float:
    """Return the root mean square of the values of some examples; 1 for encodings without."""
    if store.values is None:
        return 1.0
    some = slice(None, None, max(1, len(examples) // BLOCK))
    shown = store.values[examples.rows[some], examples.views[some], :]
    known = np.arange(shown.shape[1]) < examples.lengths[some, None]
    return float(np.sqrt(np.mean(shown[known] ** 2))) if known.any() else 1.0


def _identity(
    used: pd.DataFrame, settings: Mapping[str, Any], preset: ModelPreset, precision: str
) -> str:
    """Hash what decides the weights: a checkpoint is taken up only by its own training."""
    described = {
        "code": fingerprint("pretrain"),
        "preset": preset.architecture,
        "precision": precision,
        "settings": dict(settings),
        "shards": used[["shard", "use"]].to_numpy().tolist(),
    }
    text = json.dumps(described, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
