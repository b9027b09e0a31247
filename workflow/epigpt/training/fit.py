"""One fit from tokens to finished model: plan, model, loop, weights, held-out predictions."""

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from epigpt import atomic
from epigpt.encoding import store as token_store
from epigpt.encoding.store import Store
from epigpt.models import card, classifier, presets, scoring
from epigpt.refusal import Refusal
from epigpt.training import batches, launch, loop, plan, variants
from epigpt.training.launch import Placement

PREDICTION_COLUMNS = ["model", "repeat", "fold", "sample", "group", "truth", "class", "probability"]
SCORING_BATCH = 32


@dataclass(frozen=True)
class Request:
    """What the rule train asks for; `settings` are its settings, keys as in the configuration; `variant` is one of `variants.NAMES`."""

    tokens: Path
    fit: str
    preset: str
    checkpoints: Path
    output: Path
    settings: dict[str, Any]
    variant: str = variants.FINETUNED


def run(request: Request, threads: int, log: logging.Logger) -> None:
    """Fine-tune on the training samples of a fit, score the held-out ones, write every file of the fit's folder."""
    settings = request.settings
    preset = variants.architecture(presets.load(request.preset), request.variant)
    store = variants.shown(token_store.load(request.tokens), request.variant, settings["seed"])
    examples = batches.training_examples(store)
    _check(store, examples, settings)
    placement = launch.start(threads)
    planned = _plan(preset, store, examples, settings, placement)
    log.info("%s: %s; %s", request.fit, f"{planned.parameters:,} parameters", "; ".join(planned.why))
    model = _model(preset, store, settings, request.variant)
    recipe = loop.Recipe(learning_rate=settings["learning_rate"], seed=settings["seed"])
    session = loop.Session(loop.engine(model, planned, recipe), store, examples, planned, recipe, placement)
    steps_file = request.checkpoints / "training.jsonl"
    loop.train(session, loop.recorder(steps_file, log, planned.steps, placement.is_first))
    weights = loop.gathered_weights(session.engine)
    if placement.is_first:
        _save(request, model, weights)
        _describe(request, store, planned, steps_file)
        atomic.write_tsv(request.output / "predictions.tsv", _held_out(request, store, placement.device))
    launch.stop()


def _check(store: Store, examples: batches.Examples, settings: dict[str, Any]) -> None:
    if len(np.unique(examples.labels)) < 2:
        raise Refusal(
            "training samples of a single class", "tokens/index.tsv", "there is nothing to tell apart", "check label, case and control"
        )
    for key, built in (("tuning", ("full", "frozen")), ("weights", ("none",))):
        if settings[key] not in built:
            raise Refusal(f"{key}: {settings[key]}", f"key {key}", "this version does not offer it", f"set {key}: {built[0]}")


def _plan(
    preset: presets.ModelPreset, store: Store, examples: batches.Examples, settings: dict[str, Any], placement: Placement
) -> plan.Plan:
    hardware, available = launch.present_hardware(placement)
    work = plan.Workload(
        examples=len(examples),
        length=store.tokens.shape[2],
        vocabulary=store.size,
        classes=len(store.classes),
        epochs=settings["epochs"],
        global_batch_size=settings["global_batch_size"],
        precision=settings["precision"],
    )
    return plan.make(preset, hardware, work, available)


def _model(preset: presets.ModelPreset, store: Store, settings: dict[str, Any], variant: str) -> classifier.GPT2PreTrainedModel:
    config = classifier.configuration(preset, store.recipe.encoding, store.size, store.tokens.shape[2], store.classes)
    model = classifier.build(config, settings["seed"])
    if variant != variants.RANDOM_WEIGHTS:
        classifier.start_from_axes(model, store.reference.axes)
    if settings["tuning"] == "frozen":
        model.transformer.requires_grad_(False)
    return model


def _held_out(request: Request, store: Store, device: torch.device) -> pd.DataFrame:
    """Score the held-out samples with the weights as they were saved, so that whoever loads them gets the same figures."""
    if request.fit == "final":
        return pd.DataFrame(columns=PREDICTION_COLUMNS)
    model = classifier.load(request.output, device)
    rows = np.flatnonzero((store.index["set"] == "test").to_numpy())
    scored = probabilities_of_rows(model, store, rows, device)
    samples, means = scoring.by_sample(store.index.iloc[rows], scored)
    repeat, fold = (int("".join(filter(str.isdigit, part))) for part in request.fit.split("/"))
    return pd.DataFrame(
        [
            (request.variant, repeat, fold, row.sample, row.group, row.label, name, means[number, column])
            for number, row in enumerate(samples[["sample", "group", "label"]].itertuples(index=False))
            for column, name in enumerate(store.classes)
        ],
        columns=PREDICTION_COLUMNS,
    )


def probabilities_of_rows(model: torch.nn.Module, store: Store, rows: np.ndarray, device: torch.device) -> np.ndarray:
    """Class probabilities of every view of the store's `rows`, float64, shape (rows, views, classes)."""
    views = store.recipe.views
    which, view = np.repeat(rows, views), np.tile(np.arange(views), len(rows))
    parts = (slice(start, start + SCORING_BATCH) for start in range(0, len(which), SCORING_BATCH))
    scored = scoring.probabilities(model, (batches.collate(store, which[part], view[part]) for part in parts), device)
    return scored.reshape(len(rows), views, -1)


def _save(request: Request, model: classifier.GPT2PreTrainedModel, weights: dict[str, torch.Tensor]) -> None:
    output = request.output
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".weights.", dir=output) as folder:
        classifier.save(model, Path(folder), weights)
        for name in ("config.json", "model.safetensors"):
            (Path(folder) / name).chmod(0o644)  # safetensors writes for the owner alone, which others on a cluster trip over
            (Path(folder) / name).replace(output / name)


def _describe(request: Request, store: Store, planned: plan.Plan, steps_file: Path) -> None:
    """Write what the weights need to be used: vocabulary, reference, classes and encoding, plan, steps, model card."""
    output = request.output
    store.vocabulary.save(output / "vocabulary.json")
    store.reference.save(output / "reference.npz")
    atomic.write_json(output / "labels.json", {"classes": store.classes, **vars(store.recipe)})
    atomic.write_json(output / "plan.json", planned.as_dict())
    atomic.write_text(output / "training.jsonl", steps_file.read_text(encoding="utf-8"))
    atomic.write_text(output / "README.md", card.text(request.preset, request.fit, store, planned, request.settings))
