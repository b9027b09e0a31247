"""Predict every sample with a variant of GPT-2 that was trained on the other folds; all
folds that have tokens in one process."""

from epigpt import files
from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read the tokens of every fold, write the held-out predictions of one variant."""
    with entry.job(__doc__) as job:
        gpus.claim()
        from epigpt.evaluation import cross_validation, refit_pipeline

        settings, variant = job.settings, job.text("variant")
        pipeline = refit_pipeline.Pipeline(settings["model"], settings, variant, job.threads)
        folds = cross_validation.read(job.file("folds"))
        own = folds[folds["repeat"] < settings["repeats.own"]]
        predicted = refit_pipeline.from_tokens(pipeline, job.file("tokens"), own)
        files.write_tsv(job.file("predictions"), predicted)
        job.log.info(
            "%s: %d held-out predictions",
            variant,
            predicted.groupby(["repeat", "sample"]).ngroups,
        )


if __name__ == "__main__":
    main()
