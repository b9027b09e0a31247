"""Predict every sample with a variant of GPT-2 that was trained on the other folds; all
folds that have tokens in one process."""

from pathlib import Path

import pandas as pd

from epigpt import files
from epigpt.evaluation.predictions import COLUMNS
from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read the tokens of every fold, write the held-out predictions of one variant."""
    with entry.job(__doc__) as job:
        gpus.claim()
        write(job, job.text("variant"), job.file("tokens"), job.file("predictions"))


def write(job: entry.Job, variant: str, tokens: Path, target: Path) -> None:
    """Fit a variant on every fold; `tokens` holds those of all folds that have any."""
    from epigpt.evaluation import cross_validation, refit_pipeline

    settings = job.settings
    pipeline = refit_pipeline.Pipeline(settings["model"], settings, variant, job.threads)
    folds = cross_validation.read(job.file("folds"))
    own = folds[folds["repeat"] < settings["repeats.own"]]
    predicted = refit_pipeline.from_tokens(pipeline, tokens, own)
    files.write_tsv(target, predicted)
    number = predicted.groupby(["repeat", "sample"]).ngroups
    job.log.info("%s: %d held-out predictions", variant, number)


def write_none(target: Path) -> None:
    """Write the table of a data set that has no folds."""
    files.write_tsv(target, pd.DataFrame(columns=COLUMNS))


if __name__ == "__main__":
    main()
