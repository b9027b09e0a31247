"""What a training needs before its first step: recipe, plan, room on disk, and the session that
takes the steps."""

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import nn

from epigpt.config import repetitions
from epigpt.models import presets, published
from epigpt.training import batches, checkpoint, checkpoint_lock, engine, launch, machine, plan
from epigpt.training.launch import Placement
from epigpt.training.training_loop import Session


def recipe_for(preset: presets.ModelPreset, settings: dict[str, Any]) -> engine.Recipe:
    """Return the preset's recipe for the tuning and start that the settings name."""
    rates = preset.recipe.rates(
        settings["tuning"], settings["weights"] != published.NONE, settings["learning_rate"]
    )
    return engine.Recipe(rates=rates, seed=settings["seed"])


def learns_embedding(settings: dict[str, Any], store: batches.Store) -> bool:
    """Return whether the token embedding is learnt beside LoRA's adapters."""
    return not published.embeddings_are_published(settings["weights"], store.recipe.encoding)


def planned_for(
    preset: presets.ModelPreset,
    store: batches.Store,
    examples: int,
    settings: dict[str, Any],
    placement: Placement,
    *,
    assay: str = "bulk",
) -> plan.Plan:
    """Plan the training of a preset on the tokens of a store, on the devices of this job; `assay`
    decides what `auto` passes are."""
    hardware, room = launch.present_hardware(placement, settings["precision"] != "fp32")
    length = store.tokens.shape[2]
    work = plan.Workload(
        examples=examples,
        length=length,
        vocabulary=store.size,
        classes=len(store.classes),
        epochs=repetitions.epochs(settings["epochs"], examples, length, assay),
        global_batch_size=settings["global_batch_size"],
        precision=settings["precision"],
        tuning=settings["tuning"],
        new_embedding=learns_embedding(settings, store),
        linear_path=store.recipe.encoding in published.LINEAR_ENCODINGS,
    )
    rates = asdict(recipe_for(preset, settings).rates)
    return replace(plan.make(preset, hardware, work, room), learning_rates=rates)


def kept_checkpoints(folder: Path, planned: plan.Plan, placement: Placement) -> int:
    """Return how many checkpoints the disk holds beside the one being written; refuse where there
    is no room for one, or where another training writes there."""
    if placement.is_first:  # before anything in the folder is deleted
        checkpoint_lock.take(folder, logging.getLogger("epigpt"))
    return plan.kept_checkpoints(
        planned, launch.shared(checkpoint.make_room(folder) if placement.is_first else 0, placement)
    )


def session(
    model: nn.Module,
    planned: plan.Plan,
    placement: Placement,
    *,
    preset: presets.ModelPreset,
    store: batches.Store,
    examples: batches.Examples,
    settings: dict[str, Any],
    swap: Path,
) -> Session:
    """Put a model into the engine that its plan needs, and that together with what it is trained
    on.

    Parameters
    ----------
    model
        With its untrained weights frozen (`epigpt.training.tuning.prepare`).
    preset
        What the model was built from.
    swap
        Folder for what the plan puts on disk.
    """
    recipe = recipe_for(preset, settings)
    measured = machine.measured_peak(placement.device, planned.precision == "bf16")
    return Session(
        engine=engine.start(model, planned, recipe, placement.device, str(swap)),
        store=store,
        examples=examples,
        plan=planned,
        recipe=recipe,
        placement=placement,
        peak=placement.world_size * measured,
        operations=plan.flops_per_token(preset, store.tokens.shape[2]),
    )
