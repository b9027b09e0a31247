"""Score GPT-2 under labels permuted between groups, its whole pipeline run again for each
permutation."""

import json

from epigpt import files
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
        found = refit_pipeline.permuted_scores(
            pipeline, job.file("expression"), folds, classes, permutations=wanted, log=job.log
        )
        files.write_tsv(job.file("scores"), found)


if __name__ == "__main__":
    main()
