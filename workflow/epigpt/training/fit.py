"""One fit from tokens to finished model: plan, model, loop, weights, held-out predictions."""

import gc
import json
import logging
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from epigpt import files
from epigpt.encoding import token_dataset as token_store
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.errors import InputError
from epigpt.models import classifier, presets, pretrained, published, scoring
from epigpt.provenance.fingerprint import fingerprint
from epigpt.training import (
    ablations,
    batches,
    checkpoint,
    checkpoint_lock,
    early_stopping,
    engine,
    launch,
    machine,
    model_card,
    plan,
    states,
    training_loop,
    tuning,
)
from epigpt.training.checkpoint_schedule import CheckpointScheduler, Stopped
from epigpt.training.launch import Placement
from epigpt.training.progress import Recorder

PREDICTION_COLUMNS = ["model", "repeat", "fold", "sample", "group", "truth", "class", "probability"]
SCORING_BATCH = 32
# What scores new samples.
MODEL_FILES = (
    "config.json",
    "labels.json",
    "model.safetensors",
    "reference.npz",
    "vocabulary.json",
)
# What a finished fit was made from, beside its files.
SIGNATURE = "fit.json"


@dataclass(frozen=True)
class Request:
    """What the rule train asks for.

    Attributes
    ----------
    settings
        Keys as in the configuration.
    variant
        One of `variants.NAMES`.
    adapted
        Weights that the step `adapt` has made of the same tokens
        (`epigpt.training.continued_pretraining`).
    """

    tokens: Path
    fit: str
    preset: str
    checkpoints: Path
    output: Path
    settings: dict[str, Any]
    variant: str = ablations.FINETUNED
    checkpoint_minutes: float = 15.0
    adapted: Path | None = None


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
    _check(store, examples, settings)
    held = None
    if settings.get("early_stopping", 0):
        examples, held = early_stopping.split(store, examples, settings["seed"])
    placement = launch.start(threads)
    recipe = recipe_for(preset, settings)
    planned = replace(
        planned_for(preset, store, len(examples), settings, placement),
        learning_rates=asdict(recipe.rates),
    )
    identity = checkpoint.identity(stored, _described(request, planned))
    if finished(request.output, identity):
        log.info("%s: finished before, nothing it rests on has changed", request.fit)
        launch.stop()
        return
    kept = kept_checkpoints(request.checkpoints, planned, placement)
    log.info(
        "%s: %s; %s", request.fit, f"{planned.parameters:,} parameters", "; ".join(planned.why)
    )
    model = untrained(request.preset, store, settings, request.variant, request.adapted)
    trained = tuning.prepare(
        model, settings["tuning"], _new_embedding(settings, store), settings["seed"]
    )
    session = training_loop.Session(
        engine=engine.start(
            trained,
            planned,
            recipe,
            placement.device,
            str(request.checkpoints / checkpoint.SWAP),
        ),
        store=store,
        examples=examples,
        plan=planned,
        recipe=recipe,
        placement=placement,
        peak=placement.world_size
        * machine.measured_peak(placement.device, planned.precision == "bf16"),
        operations=plan.flops_per_token(preset, store.tokens.shape[2]),
        held=held,
    )
    session, steps = take_steps(session, request, identity, kept, log)
    weights = states.weights(session.engine, kept=placement.is_first)
    if session.patience is not None and placement.is_first:
        weights = session.patience.best_weights()
    del session, trained  # frees gradients and optimizer before the held-out samples are scored
    gc.collect()
    if placement.is_first:
        _save(request, model, tuning.merged(weights))
        _describe(request, store, planned, steps)
        files.write_tsv(
            request.output / "predictions.tsv", _held_out(request, store, placement.device)
        )
        _sign(request.output, identity)
        shutil.rmtree(request.checkpoints, ignore_errors=True)
        checkpoint_lock.release(request.checkpoints)
    launch.stop()


def finished(folder: Path, identity: str) -> bool:
    """Whether a fit's folder holds everything that the training of this identity writes."""
    try:
        signed = json.loads((folder / SIGNATURE).read_text(encoding="utf-8"))
        return bool(signed["identity"] == identity) and all(
            (folder / name).stat().st_size == size for name, size in signed["files"].items()
        )
    except (OSError, ValueError, KeyError):
        return False


def _sign(folder: Path, identity: str) -> None:
    """Write, last of all, what the fit was made from and which files belong to it."""
    sizes = {
        path.name: path.stat().st_size
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != SIGNATURE
    }
    files.write_json(folder / SIGNATURE, {"identity": identity, "files": sizes})


def kept_checkpoints(folder: Path, planned: plan.Plan, placement: Placement) -> int:
    """Return how many checkpoints the disk holds beside the one being written; refuse where there
    is no room for one, or where another training writes there."""
    if placement.is_first:  # before anything in the folder is deleted
        checkpoint_lock.take(folder, logging.getLogger("epigpt"))
    return plan.kept_checkpoints(
        planned, launch.shared(checkpoint.make_room(folder) if placement.is_first else 0, placement)
    )


def _described(request: Request, planned: plan.Plan) -> dict[str, Any]:
    """Everything that decides the weights, beside the tokens: a checkpoint is taken up only by the
    training it belongs to."""
    return {
        "code": fingerprint("train"),
        "preset": presets.load(request.preset).architecture,
        "variant": request.variant,
        "precision": planned.precision,
        "settings": request.settings,
    }


def take_steps(
    session: training_loop.Session, request: Request, identity: str, kept: int, log: logging.Logger
) -> tuple[training_loop.Session, Path]:
    """Take the steps that are left of a training; give the session as it ended, and the file with
    one line a step."""
    folder, placement = request.checkpoints / identity, session.placement
    found = launch.shared(checkpoint.newest(folder, log) if placement.is_first else None, placement)
    done = found.step if found else 0
    if found is not None:
        checkpoint.restore(found, session.engine)
        log.info("going on after step %d of %d, from %s", done, session.plan.steps, found.folder)
    steps = folder / "training.jsonl"
    recorder = Recorder(
        steps,
        log,
        session.plan.steps,
        placement.is_first,
        list(checkpoint.remembered(steps, found)),
    )

    if session.held is not None:
        patience = early_stopping.EarlyStopping(
            request.settings["early_stopping"],
            folder / "best.safetensors",
            found.extra if found else None,
        )
        session = replace(session, patience=patience)

    def save(wrapped: Any, step: int) -> None:
        extra = session.patience.memory if session.patience else None
        checkpoint.save(folder, wrapped, step, writes=placement.is_first, kept=kept, extra=extra)

    keeper = CheckpointScheduler(save, request.checkpoint_minutes, log)
    try:
        with keeper.listening(), recorder.shown(done):
            training_loop.train(session, recorder, keeper, done)
    except Stopped as stopped:
        log.error(
            "Told to stop; a checkpoint after step %d of %d is written, and the same command goes"
            " on there.",
            stopped.step,
            session.plan.steps,
        )
        if placement.is_first:
            shutil.rmtree(request.checkpoints / checkpoint.SWAP, ignore_errors=True)
        launch.stop()
        sys.exit(stopped.exit_status)
    return session, steps


def _check(store: TokenDataset, examples: batches.Examples, settings: dict[str, Any]) -> None:
    if len(np.unique(examples.labels)) < 2:
        raise InputError(
            "training samples of a single class",
            "tokens/index.tsv",
            "there is nothing to tell apart",
            "check label, case and control",
        )


def recipe_for(preset: presets.ModelPreset, settings: dict[str, Any]) -> engine.Recipe:
    """Return the preset's recipe for the tuning and start that the settings name."""
    rates = preset.recipe.rates(
        settings["tuning"], settings["weights"] != published.NONE, settings["learning_rate"]
    )
    return engine.Recipe(rates=rates, seed=settings["seed"])


def _new_embedding(settings: dict[str, Any], store: TokenDataset) -> bool:
    """Whether the token embedding is learnt beside LoRA's adapters."""
    return not published.embeddings_are_published(settings["weights"], store.recipe.encoding)


def planned_for(
    preset: presets.ModelPreset,
    store: TokenDataset,
    examples: int,
    settings: dict[str, Any],
    placement: Placement,
) -> plan.Plan:
    """Plan the training of a preset on the tokens of a store, on the devices of this job."""
    hardware, room = launch.present_hardware(placement, settings["precision"] != "fp32")
    work = plan.Workload(
        examples=examples,
        length=store.tokens.shape[2],
        vocabulary=store.size,
        classes=len(store.classes),
        epochs=settings["epochs"],
        global_batch_size=settings["global_batch_size"],
        precision=settings["precision"],
        tuning=settings["tuning"],
        new_embedding=_new_embedding(settings, store),
    )
    return plan.make(preset, hardware, work, room)


def untrained(
    name: str,
    store: TokenDataset,
    settings: dict[str, Any],
    variant: str,
    adapted: Path | None = None,
) -> classifier.GPT2PreTrainedModel:
    """Build a variant of the preset called `name` as it is before its first step."""
    preset = ablations.architecture(presets.load(name), variant)
    config = classifier.configuration(
        preset, store.recipe.encoding, store.size, store.tokens.shape[2], store.classes
    )
    model = classifier.build(config, settings["seed"])
    weights = adapted or published.in_use(settings["weights"])
    if preset.recipe.start == "zero":
        # Frozen blocks, and blocks that are only adapted, must let something through.
        classifier.start_at_zero(model, blocks=settings["tuning"] == "full")
    programs = store.reference.programs
    if variant == ablations.RANDOM_WEIGHTS:
        return model
    if programs is not None:
        classifier.start_from_programs(model, programs)
    if weights is not None:
        pretrained.start(
            model,
            published.check(weights, presets.load(name)),
            store.recipe.encoding,
            store.vocabulary,
            programs,
            typical_value=typical_value(store),
        )
    elif programs is None:
        classifier.start_from_axes(model, store.reference.axes)
    return model


def typical_value(store: TokenDataset) -> float:
    """Return the root mean square of the training rows' values; 1 for encodings without values."""
    if store.values is None:
        return 1.0
    rows = np.flatnonzero((store.index["set"] == "train").to_numpy())
    values = np.asarray(store.values[rows], dtype=np.float64)
    shown = np.arange(values.shape[2]) < np.asarray(store.lengths[rows])[:, :, None]
    return float(np.sqrt(np.mean(values[shown] ** 2))) if shown.any() else 1.0


def _held_out(request: Request, store: TokenDataset, device: torch.device) -> pd.DataFrame:
    """Score the held-out samples with the weights as they were saved, so that whoever loads them
    gets the same figures."""
    if request.fit == "final":
        return pd.DataFrame(columns=PREDICTION_COLUMNS)
    model = classifier.load(request.output, device)
    rows = np.flatnonzero((store.index["set"] == "test").to_numpy())
    scored = probabilities_of_rows(model, store, rows, device)
    samples, means = scoring.by_sample(store.index.iloc[rows], scored)
    repeat, fold = (int("".join(filter(str.isdigit, part))) for part in request.fit.split("/"))
    return pd.DataFrame(
        [
            (
                request.variant,
                repeat,
                fold,
                row.sample,
                row.group,
                row.label,
                name,
                means[number, column],
            )
            for number, row in enumerate(
                samples[["sample", "group", "label"]].itertuples(index=False)
            )
            for column, name in enumerate(store.classes)
        ],
        columns=PREDICTION_COLUMNS,
    )


def probabilities_of_rows(
    model: torch.nn.Module, store: TokenDataset, rows: np.ndarray, device: torch.device
) -> np.ndarray:
    """Class probabilities of every view of the store's `rows`, float64, shape (rows, views,
    classes)."""
    views = store.recipe.views
    which, view = np.repeat(rows, views), np.tile(np.arange(views), len(rows))
    parts = (slice(start, start + SCORING_BATCH) for start in range(0, len(which), SCORING_BATCH))
    scored = scoring.probabilities(
        model, (batches.collate(store, which[part], view[part]) for part in parts), device
    )
    return scored.reshape(len(rows), views, -1)


def _save(
    request: Request, model: classifier.GPT2PreTrainedModel, weights: dict[str, torch.Tensor]
) -> None:
    output = request.output
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".weights.", dir=output) as folder:
        classifier.save(model, Path(folder), weights)
        for name in ("config.json", "model.safetensors"):
            (Path(folder) / name).chmod(
                0o644
            )  # safetensors writes for the owner alone, which others on a cluster trip over
            (Path(folder) / name).replace(output / name)
            files.note_written(output / name)


def _describe(request: Request, store: TokenDataset, planned: plan.Plan, steps: Path) -> None:
    """Write what the weights need to be used: vocabulary, reference, classes and encoding, plan,
    steps, model card."""
    output = request.output
    store.vocabulary.save(output / "vocabulary.json")
    store.reference.save(output / "reference.npz")
    described = json.loads((output / "config.json").read_text(encoding="utf-8"))
    files.write_json(
        output / "labels.json",
        {
            "classes": store.classes,
            "model_type": described["model_type"],
            **vars(store.recipe),
        },
    )
    files.write_json(output / "plan.json", planned.as_dict())
    files.write_text(output / "training.jsonl", steps.read_text(encoding="utf-8"))
    files.write_text(
        output / "README.md",
        model_card.text(request.preset, request.fit, store, planned, request.settings),
    )
    files.write_checksums(output, MODEL_FILES)
