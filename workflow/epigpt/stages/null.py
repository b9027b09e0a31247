"""Score GPT-2 under labels permuted between groups, its whole pipeline run again for each
permutation."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from epigpt import files
from epigpt.evaluation import permutation_test, predictions
from epigpt.evaluation.metrics import held_out, scores
from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read expression and folds, write the scores of some of the permutations."""
    with entry.job(__doc__) as job:
        gpus.claim()
        from epigpt.evaluation import cross_validation, refit_pipeline

        settings = job.settings
        classes = json.loads(job.file("summary").read_text(encoding="utf-8"))["classes"]
        pipeline = refit_pipeline.Pipeline(settings["model"], settings, threads=job.threads)
        wanted = range(int(job.text("first")), int(job.text("last")))
        folds = cross_validation.read(job.file("folds"))
        if _settled(job.files("looked"), _predicted(job), classes):
            job.log.info("Not run: the first permutations do as well as the true labels.")
            files.write_tsv(job.file("scores"), pd.DataFrame(columns=permutation_test.NULL_COLUMNS))
            return
        found = refit_pipeline.permuted_scores(
            pipeline, job.file("expression"), folds, classes, permutations=wanted, log=job.log
        )
        files.write_tsv(job.file("scores"), found)


def _predicted(job: entry.Job) -> list[Path]:
    """Return the predictions under the true labels: files, and those in the folders of fits."""
    return files.beneath(job.files("true"), "predictions.tsv")


def _settled(looked: Sequence[Path], true: Sequence[Path], classes: list[str]) -> bool:
    """Return whether the first permutations leave no chance of a p of 0.05, so that the others need
    not run."""
    if not looked:
        return False
    held = held_out(predictions.collect(true), classes)
    reached = float(scores(held, held.unit_weights())["auc"][0])
    read = pd.concat([pd.read_csv(path, sep="\t") for path in looked], ignore_index=True)
    permuted = read.loc[read["metric"] == "auc", "value"]
    return permutation_test.is_settled(reached, permuted.to_numpy(dtype=float))


if __name__ == "__main__":
    main()
