"""Encode and fit GPT-2, or a variant of it, on one more draw of the folds, and predict its held-out
samples."""

import json

from epigpt import files
from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read expression and folds, write the held-out predictions of one draw."""
    with entry.job(__doc__) as job:
        gpus.claim()
        from epigpt.dataset.count_blocks import open_observations
        from epigpt.evaluation import cross_validation, refit_pipeline

        settings = job.settings
        classes = json.loads(job.file("summary").read_text(encoding="utf-8"))["classes"]
        variant = job.text("redrawn")
        pipeline = refit_pipeline.Pipeline(settings["model"], settings, variant, job.threads)
        folds = cross_validation.read(job.file("folds"))
        drawn = folds[folds["repeat"] == int(job.text("repeat"))]
        observations = open_observations(job.file("expression"))
        predictions = refit_pipeline.from_expression(pipeline, observations, drawn, classes)
        files.write_tsv(job.file("predictions"), predictions)


if __name__ == "__main__":
    main()
