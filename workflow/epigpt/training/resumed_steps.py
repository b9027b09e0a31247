"""The steps that are left of a training, from its newest checkpoint on."""

import logging
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from epigpt.training import checkpoint, early_stopping, launch, training_loop
from epigpt.training.checkpoint_schedule import CheckpointScheduler, Stopped
from epigpt.training.progress import Recorder
from epigpt.training.request import Request


def take(
    session: training_loop.Session, request: Request, identity: str, kept: int, log: logging.Logger
) -> tuple[training_loop.Session, Path]:
    """Take the steps that are left of a training.

    Parameters
    ----------
    identity
        Of everything that decides the weights: a checkpoint is taken up only by the training it
        belongs to.
    kept
        Checkpoints that the disk holds beside the one being written.

    Returns
    -------
    The session as it ended, and the file with one line a step.
    """
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
