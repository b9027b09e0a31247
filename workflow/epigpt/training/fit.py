"""One fit from tokens to finished model: plan, model, loop, weights, held-out predictions."""

import gc
import logging
import shutil
from dataclasses import replace
from typing import Any

import numpy as np

from epigpt import files
from epigpt.encoding import token_dataset as token_store
from epigpt.errors import InputError
from epigpt.models import presets, published
from epigpt.provenance.fingerprint import fingerprint
from epigpt.training import (
    ablations,
    batches,
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
    tuning,
    untrained,
)
from epigpt.training.request import Request


def run(request: Request, threads: int, log: logging.Logger) -> None:
    """Fine-tune on the training samples of a fit, score the held-out ones, write every file of the
    fit's folder."""
    settings = request.settings
    if request.variant == ablations.RANDOM_WEIGHTS:
        settings = {**settings, "weights": "none"}
    preset = ablations.architecture(presets.load(request.preset), request.variant)
    stored = token_store.load(request.tokens)
    store = ablations.shown(stored, request.variant, settings["seed"])
    examples = batches.training_examples(store)
    _check(examples)
    inner = None
    if settings.get("early_stopping", 0):
        examples, inner = early_stopping.split(store, examples, settings["seed"])
    placement = launch.start(threads)
    planned = preparation.planned_for(preset, store, len(examples), settings, placement)
    if request.scope is not None:
        samples, views = store.index["sample"].nunique(), store.recipe.views
        scope = replace(request.scope, samples=samples, views=views)
        cost = dataset_cost.of_dataset(planned, placement.device.type, scope)
        planned = replace(planned, job=cost.as_dict())
        log.info("%s: the whole job: %s", request.fit, cost.sentence())
    identity = checkpoint.identity(stored, _described(request, planned))
    if finished_fit.is_finished(request.output, identity):
        log.info("%s: finished before, nothing it rests on has changed", request.fit)
        launch.stop()
        return
    kept = preparation.kept_checkpoints(request.checkpoints, planned, placement)
    log.info(
        "%s: %s; %s", request.fit, f"{planned.parameters:,} parameters", "; ".join(planned.why)
    )
    model = untrained.build(request.preset, store, settings, request.variant, request.adapted)
    trained = tuning.prepare(
        model, settings["tuning"], preparation.learns_embedding(settings, store), settings["seed"]
    )
    session = preparation.session(
        trained,
        planned,
        placement,
        preset=preset,
        store=store,
        examples=examples,
        settings=settings,
        swap=request.checkpoints / checkpoint.SWAP,
    )
    session = replace(session, held=inner)
    session, steps = resumed_steps.take(session, request, identity, kept, log)
    weights = states.weights(session.engine, kept=placement.is_first)
    if session.patience is not None and placement.is_first:
        weights = session.patience.best_weights()
    del session, trained  # frees gradients and optimizer before the held-out samples are scored
    gc.collect()
    if placement.is_first:
        finished_fit.save_weights(request.output, model, tuning.merged(weights))
        finished_fit.describe(request, store, planned, steps)
        scored = held_out_predictions.predictions(
            request.output, request.fit, request.variant, store, placement.device
        )
        files.write_tsv(request.output / "predictions.tsv", scored)
        finished_fit.sign(request.output, identity)
        shutil.rmtree(request.checkpoints, ignore_errors=True)
        checkpoint_lock.release(request.checkpoints)
    launch.stop()


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
