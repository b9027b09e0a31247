"""One fit from tokens to finished model: plan, model, loop, weights, held-out predictions."""

import gc
import logging
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from transformers.models.gpt2.configuration_gpt2 import GPT2Config

from epigpt import files
from epigpt.dataset import normalization
from epigpt.encoding import token_dataset as token_store
from epigpt.errors import InputError
from epigpt.models import classifier, presets, published, resident
from epigpt.provenance.fingerprint import fingerprint
from epigpt.training import (
    ablations,
    batches,
    changed_weights,
    checkpoint,
    checkpoint_lock,
    dataset_cost,
    early_stopping,
    finished_fit,
    held_out_predictions,
    launch,
    plan,
    preparation,
    resumed_steps,
    states,
    training_loop,
    tuning,
    untrained,
)
from epigpt.training.request import Kept, Request

# Parameters from which on it is worth looking at every object for cycles that hold weights.
_LARGE = 10_000_000


@dataclass(frozen=True)
class _Task:
    """What a fit trains on, by which plan, and where.

    Attributes
    ----------
    settings, preset
        Those of the request's variant.
    held
        Examples held back for early stopping.
    """

    settings: dict[str, Any]
    preset: presets.ModelPreset
    store: token_store.TokenDataset
    examples: batches.Examples
    held: batches.Examples | None
    planned: plan.Plan
    placement: launch.Placement


def run(request: Request, threads: int, log: logging.Logger) -> None:
    """Fine-tune on the training samples of a fit, score the held-out ones, write what the request
    keeps."""
    stored = token_store.load(request.tokens)
    task = _task(request, stored, threads, log)
    planned, placement = task.planned, task.placement
    identity = checkpoint.identity(stored, _described(request, planned))
    if finished_fit.is_finished(request.output, identity, request.kept):
        log.info("%s: finished before, nothing it rests on has changed", request.fit)
        launch.stop()
        return
    kept = preparation.kept_checkpoints(request.checkpoints, planned, placement)
    log.info(
        "%s: %s; %s", request.fit, f"{planned.parameters:,} parameters", "; ".join(planned.why)
    )
    model, session, shares = _begin(request, task)
    session, steps = resumed_steps.take(session, request, identity, kept, log)
    weights = states.weights(session.engine, kept=placement.is_first, copied=shares)
    if session.patience is not None and placement.is_first:
        weights = session.patience.best_weights()
    del session  # frees gradients and optimizer before anything is copied
    free_cycles(task.preset)
    if placement.is_first:
        request.output.mkdir(parents=True, exist_ok=True)
        blocks = _frozen_blocks(request, task)
        if request.kept is Kept.CHANGES and blocks is not None:
            changed_weights.save(request.output, weights, blocks, planned.precision)
            finished_fit.save_config(request.output, model, planned.precision)
            weights = tuning.merged(weights)
        else:
            weights = tuning.merged(weights)
            if request.kept is not Kept.NOTHING:
                finished_fit.save_weights(request.output, model, weights)
        config = model.config
        del model
        if request.kept is not Kept.NOTHING:
            finished_fit.describe(request, task.store, planned, steps)
        _score(request, task, config, weights)
        finished_fit.sign(request.output, identity)
        shutil.rmtree(request.checkpoints, ignore_errors=True)
        checkpoint_lock.release(request.checkpoints)
    launch.stop()


def free_cycles(preset: presets.ModelPreset) -> None:
    """Free what only cycles of references hold. For a small model Python does that in time, and the
    look at every object takes as long as the model trains."""
    if preset.parameters() > _LARGE:
        gc.collect()


def _score(request: Request, task: _Task, config: GPT2Config, weights: dict[str, Any]) -> None:
    """Write the held-out predictions of a fit; of the final one, which holds none out, a header."""
    scored = pd.DataFrame(columns=held_out_predictions.PREDICTION_COLUMNS)
    if request.fit != "final":
        device = task.placement.device
        model = classifier.assembled(config, weights, device)
        scored = held_out_predictions.predictions(
            model, request.fit, request.variant, task.store, device
        )
    files.write_tsv(request.output / "predictions.tsv", scored)


def _task(
    request: Request, stored: token_store.TokenDataset, threads: int, log: logging.Logger
) -> _Task:
    settings = request.settings
    if request.variant == ablations.RANDOM_WEIGHTS:
        settings = {**settings, "weights": "none"}
    preset = ablations.architecture(presets.load(request.preset), request.variant)
    store = ablations.shown(stored, request.variant, settings["seed"])
    examples, held = batches.training_examples(store), None
    _check(examples)
    if settings.get("early_stopping", 0):
        examples, held = early_stopping.split(store, examples, settings["seed"])
    placement = launch.start(threads)
    assay = normalization.assay_of(stored.reference.target)
    planned = preparation.planned_for(
        preset, store, len(examples), settings, placement, assay=assay
    )
    if request.scope is not None:
        samples, views = store.index["sample"].nunique(), store.recipe.views
        scope = replace(request.scope, samples=samples, views=views)
        cost = dataset_cost.of_dataset(planned, placement.device.type, scope)
        log.info("%s: the whole job: %s", request.fit, cost.sentence())
        planned = replace(planned, job=cost.as_dict())
    return _Task(settings, preset, store, examples, held, planned, placement)


def _begin(
    request: Request, task: _Task
) -> tuple[classifier.GPT2PreTrainedModel, training_loop.Session, bool]:
    """Return the model before its first step, the session that trains it, and whether its blocks
    are those of the job's next fit too."""
    settings, store = task.settings, task.store
    origin = _origin(request, task)
    there = resident.find(origin)
    model = untrained.build(
        request.preset,
        store,
        settings,
        request.variant,
        adapted=request.adapted,
        elsewhere=there,
    )
    own = dict(model.named_parameters())
    trained = tuning.prepare(
        model, settings["tuning"], preparation.learns_embedding(settings, store), settings["seed"]
    )
    resident.lend(there, own)
    session = preparation.session(
        trained,
        task.planned,
        task.placement,
        preset=task.preset,
        store=store,
        examples=task.examples,
        settings=settings,
        swap=request.checkpoints / checkpoint.SWAP,
    )
    return model, replace(session, held=task.held), resident.keep(origin, own)


def _origin(request: Request, task: _Task) -> tuple[str, ...] | None:
    """Return what tells blocks apart that the job's fits share; None where they are a fit's own."""
    folder = _frozen_blocks(request, task)
    if folder is None or task.planned.needs_deepspeed:
        return None
    return resident.origin(folder, task.planned.precision, task.placement.device)


def _frozen_blocks(request: Request, task: _Task) -> Path | None:
    """Return the folder of the pretrained weights whose blocks a fit leaves as they are; None where
    it has none or changes them."""
    if request.adapted or task.settings["tuning"] == "full" or not task.preset.layers:
        return None
    return untrained.weights_of(request.settings, request.variant, None)


def _described(request: Request, planned: plan.Plan) -> dict[str, Any]:
    """Everything that decides the weights, beside the tokens: a checkpoint is taken up only by the
    training it belongs to."""
    corpus = published.corpus_card(request.settings["weights"])
    return {
        "code": fingerprint("train"),
        "preset": presets.load(request.preset).architecture,
        "variant": request.variant,
        "precision": planned.precision,
        "settings": request.settings,
        # The name of a corpus stays when its series change.
        **({"corpus": corpus["identity"]} if corpus else {}),
    }


def _check(examples: batches.Examples) -> None:
    if len(np.unique(examples.labels)) < 2:
        raise InputError(
            "training samples of a single class",
            "tokens/index.tsv",
            "there is nothing to tell apart",
            "check label, case and control",
        )
