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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers.models.gpt2.configuration_gpt2 import GPT2Config

from epigpt import files
from epigpt.corpus import card, components
from epigpt.corpus.selection import HELD_OUT, TRAIN
from epigpt.corpus.shards import AXES, Shard, load
from epigpt.corpus.store import CorpusStore, open_store
from epigpt.encoding import encoders
from epigpt.errors import InputError
from epigpt.models import classifier, presets
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

HELD_OUT_COLUMNS = ["series", "organism", "examples", "loss", "perplexity"]


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
        Keys as in the configuration.
    """

    table: Path
    shards: Path
    name: str
    preset: str
    checkpoints: Path
    output: Path
    settings: dict[str, Any]
    checkpoint_minutes: float = 15.0


def run(request: Request, threads: int, log: logging.Logger) -> None:
    """Pretrain on the series that the table says, write every file of the model's folder."""
    table = pd.read_csv(request.table, sep="\t", dtype=str, keep_default_na=False)
    used = table[table["use"].isin([TRAIN, HELD_OUT])]
    shards = [load(request.shards / identity) for identity in used["shard"]]
    store = open_store(request.shards, shards)
    trained, held = (np.flatnonzero(used["use"] == use).tolist() for use in (TRAIN, HELD_OUT))
    examples, watched = store.examples(trained), store.examples(held)
    settings, placement = training_settings(request.settings), launch.start(threads)
    preset = presets.load(request.preset)
    _check_batch(len(examples), settings)
    planned = preparation.planned_for(preset, store, len(examples), settings, placement)  # type: ignore[arg-type]
    kept = preparation.kept_checkpoints(request.checkpoints, planned, placement)
    log.info("corpus %s: %s", request.name, "; ".join(planned.why))
    numbers = {gene: number for number, gene in enumerate(store.vocabulary.genes)}
    axes = components.over_series([shards[one] for one in trained], request.shards, numbers)
    model = untrained(preset, store, axes, settings["seed"])
    session = preparation.session(
        model,
        planned,
        placement,
        preset=preset,
        store=store,  # type: ignore[arg-type]
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
    identity = _identity(used, settings, preset, planned.precision)
    session, steps = resumed_steps.take(session, taking, identity, kept, log)
    weights = states.weights(session.engine, kept=placement.is_first)
    if session.patience is not None and placement.is_first:
        weights = session.patience.best_weights()
    if placement.is_first:
        with files.path(request.output) as folder:
            folder.mkdir(parents=True)
            classifier.save(model, folder, weights)
            store.vocabulary.save(folder / "vocabulary.json")
            components.save(folder / components.FILE, store.vocabulary.genes, axes)
            files.write_tsv(folder / "gene_statistics.tsv", gene_statistics(shards, request.shards))
            files.write_text(folder / "training.jsonl", steps.read_text(encoding="utf-8"))
            files.write_json(folder / "plan.json", planned.as_dict())
            files.write_tsv(folder / "corpus.tsv", table)
            found = held_out(folder, store, held, planned.micro_batch_size, placement.device)
            files.write_tsv(folder / "held_out.tsv", found)
            described = card.describe(
                request.name, request.preset, store.recipe, table, found, identity=identity
            )
            files.write_json(folder / card.FILE, described)
            files.write_text(folder / "README.md", card.text(described, planned))
            for path in folder.iterdir():
                path.chmod(0o644)  # safetensors writes for the owner alone
        shutil.rmtree(request.checkpoints, ignore_errors=True)
        checkpoint_lock.release(request.checkpoints)
    launch.stop()


def training_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a training for those of a pretraining: all weights, from a random
    start."""
    return {
        "epochs": settings["pretraining.epochs"],
        "early_stopping": settings["pretraining.patience"],
        "global_batch_size": settings["pretraining.global_batch_size"],
        "learning_rate": settings["pretraining.learning_rate"],
        "precision": settings["precision"],
        "seed": settings["seed"],
        "tuning": "full",
        "weights": "none",
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


def gene_statistics(shards: Sequence[Shard], folder: Path) -> pd.DataFrame:
    """List the genes that the model knows: series that have them, samples or cells in these, mean
    and scale over series."""
    parts = []
    for shard in shards:
        with np.load(folder / shard.identity / AXES, allow_pickle=False) as stored:
            own = {"gene": shard.genes, "mean": stored["centre"], "scale": stored["scale"]}
        parts.append(pd.DataFrame(own).assign(observations=shard.observations))
    grouped = pd.concat(parts).groupby("gene", sort=True)
    return pd.DataFrame(
        {
            "series": grouped.size(),
            "observations": grouped["observations"].sum(),
            "mean": grouped["mean"].mean(),
            "scale": grouped["scale"].mean(),
        }
    ).reset_index()


def held_out(
    folder: Path, store: CorpusStore, held: Sequence[int], batch: int, device: torch.device
) -> pd.DataFrame:
    """Measure the finished model on the series held out, one row per series; columns as in
    `HELD_OUT_COLUMNS`, perplexity where tokens are predicted."""
    has_values = store.values is not None
    kind = NextValue if has_values else NextGene
    model = kind.from_pretrained(folder, dtype=torch.float32).eval().to(device)
    rows = []
    for one in held:
        examples, total = store.examples([one]), 0.0
        for start in range(0, len(examples), batch):
            part = slice(start, start + batch)
            shown = batches.collate(store, examples.rows[part], examples.views[part])  # type: ignore[arg-type]
            with torch.no_grad():
                loss = model(**{name: tensor.to(device) for name, tensor in shown.items()}).loss
            total += float(loss.sum())
        mean = total / len(examples)
        shard = store.shards[one]
        perplexity = None if has_values else float(np.exp(mean))
        rows.append((shard.series, shard.organism, len(examples), mean, perplexity))
    return pd.DataFrame(rows, columns=HELD_OUT_COLUMNS)
