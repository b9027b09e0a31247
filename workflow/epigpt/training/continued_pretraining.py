"""The step `adapt`: next-gene language modelling on all training samples' views, before the
classifier sees a label.

Nothing of held-out samples takes part: the tokens are those of one fit, its training rows alone are
read, and vocabulary and reference are fitted on them. All weights are trained, with the
classifier's loop, plan, checkpoints and recipe.

Variants and refits under permuted labels take the step too (`epigpt.evaluation.refit_pipeline`):
shuffled genes are adapted to as they are shown, a model without blocks starts from the embedding of
the whole adapted one, random weights alone stay as they were drawn.
"""

import logging
import shutil
from dataclasses import replace
from typing import Any, cast

import torch
from transformers.models.gpt2.modeling_gpt2 import GPT2Model

from epigpt import files
from epigpt.encoding import token_dataset as token_store
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.models import classifier, presets, published
from epigpt.models.language_model import NextGene
from epigpt.provenance.fingerprint import fingerprint
from epigpt.training import (
    ablations,
    batches,
    checkpoint,
    checkpoint_lock,
    launch,
    preparation,
    resumed_steps,
    states,
    untrained,
)
from epigpt.training.request import Request


def run(request: Request, threads: int, log: logging.Logger) -> None:
    """Adapt the starting weights to the training samples of a fit; write them to `request.output`
    as a folder of weights."""
    settings = {**request.settings, "epochs": request.settings["adapt"], "tuning": "full"}
    preset, stored = presets.load(request.preset), token_store.load(request.tokens)
    store = ablations.shown(stored, request.variant, settings["seed"])
    examples = batches.training_examples(store)
    placement = launch.start(threads)
    planned = preparation.planned_for(preset, store, len(examples), settings, placement)
    kept = preparation.kept_checkpoints(request.checkpoints, planned, placement)
    log.info("%s, next gene: %s", request.fit, "; ".join(planned.why))
    model = unadapted(request.preset, store, settings)
    session = preparation.session(
        model,
        planned,
        placement,
        preset=preset,
        store=store,
        examples=examples,
        settings=settings,
        swap=request.checkpoints / checkpoint.SWAP,
    )
    described = {
        "code": fingerprint("adapt"),
        "preset": preset.architecture,
        "variant": request.variant,
        "precision": planned.precision,
        "settings": settings,
        "corpus": published.corpus_card(settings["weights"]).get("identity", ""),
    }
    _, steps = resumed_steps.take(
        replace(session, objective=mean_loss),
        replace(request, settings=settings),
        checkpoint.identity(stored, described),
        kept,
        log,
    )
    weights = states.weights(session.engine, kept=placement.is_first)
    if placement.is_first:
        with files.path(request.output) as folder:
            folder.mkdir(parents=True)
            classifier.save(model, folder, weights)
            store.vocabulary.save(folder / "vocabulary.json")
            files.write_text(folder / "training.jsonl", steps.read_text(encoding="utf-8"))
        shutil.rmtree(request.checkpoints, ignore_errors=True)
        checkpoint_lock.release(request.checkpoints)
    launch.stop()


def unadapted(preset: str, store: TokenDataset, settings: dict[str, Any]) -> NextGene:
    """Return the model before its first step: what the classifier would start from, without its
    head."""
    start = untrained.build(preset, store, settings, ablations.FINETUNED)
    with torch.device("meta"):
        model = NextGene(start.config)
    model.transformer = cast(GPT2Model, start.get_submodule("transformer"))
    return model


def mean_loss(
    output: Any, labels: torch.Tensor, weights: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Return the mean over the sequences; labels and their weights take no part."""
    loss: torch.Tensor = output.loss.mean()
    return loss
