"""All fits of a data set in one process, one after the other: every fold's model and the final one.

Finished fits wait in the folder of the checkpoints until all are there: Snakemake deletes what a
failed job declares as its outputs, and with them the fits that were finished. A fit whose tokens,
settings and code are what they were is not repeated.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from epigpt import files
from epigpt.models import presets
from epigpt.training import checkpoint_lock, fit, launch
from epigpt.training.finished_fit import WEIGHTS
from epigpt.training.request import Kept, Request

WAITING = "finished"


@dataclass(frozen=True)
class Folders:
    """Where the fits of a preset go.

    Attributes
    ----------
    models
        Of all fits; each has a folder below, named as the fit.
    checkpoints
        For trainings in progress, and for finished fits until all are there.
    keep_fold_weights
        Whether the whole weights of folds are handed over with what else a fit writes.
    """

    models: Path
    checkpoints: Path
    keep_fold_weights: bool = True

    @property
    def waiting(self) -> Path:
        """Where finished fits wait."""
        return self.checkpoints / WAITING

    def kept(self, fit: str) -> Kept:
        """Return what a fit leaves behind."""
        return Kept.WHOLE if self.keep_fold_weights or fit == "final" else Kept.CHANGES


def train(requests: Sequence[Request], folders: Folders, threads: int, log: logging.Logger) -> None:
    """Train what is not finished; all fits then wait to be handed over.

    Parameters
    ----------
    requests
        One for each fit; where they write follows from `folders`.
    """
    names = [request.fit for request in requests]
    checkpoint_lock.take(folders.checkpoints, log)
    _take_back(names, folders)
    launch.keep(threads)
    for number, request in enumerate(requests, start=1):
        log.info("%s (%d of %d)", request.fit, number, len(requests))
        own = replace(
            request,
            output=folders.waiting / request.fit,
            checkpoints=folders.checkpoints / request.fit,
            kept=folders.kept(request.fit),
        )
        fit.run(own, threads, log)
        fit.free_cycles(presets.load(request.preset))
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _take_back(names: Sequence[str], folders: Folders) -> None:
    """Bring fits that an earlier job has handed over to where finished ones wait; forget those that
    nobody asks for any more."""
    for name in names:
        target = folders.waiting / name
        if not target.exists() and (folders.models / name).is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            (folders.models / name).rename(target)
    for place in [*folders.waiting.glob("repeat*/fold*"), *folders.waiting.glob("final")]:
        if place.relative_to(folders.waiting).as_posix() not in names:
            shutil.rmtree(place)


def hand_over(names: Sequence[str], folders: Folders) -> None:
    """Move all fits to their places, at the end of a job: what fails afterwards would lose them."""
    for place in [*folders.models.glob("repeat*"), *folders.models.glob("final")]:
        shutil.rmtree(place)
    for name in names:
        target = folders.models / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (folders.waiting / name).rename(target)
        if folders.kept(name) is not Kept.WHOLE:
            (target / WEIGHTS).unlink(missing_ok=True)
    for place in {folders.models / name.partition("/")[0] for name in names}:
        files.note_written(place)
    shutil.rmtree(folders.checkpoints, ignore_errors=True)
    checkpoint_lock.release(folders.checkpoints)
