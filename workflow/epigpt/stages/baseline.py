"""Predict every sample with a baseline that was fitted on the other folds."""

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read expression and folds, write the held-out predictions of one baseline."""
    with entry.job(__doc__) as job:
        from epigpt.dataset import expression_data
        from epigpt.evaluation import baselines, cross_validation

        model, seed = job.text("baseline"), job.settings["seed"]
        folds = cross_validation.read(job.file("folds"))
        data = expression_data.read(job.file("expression"))
        predicted = baselines.cross_predict(model, data, folds, seed)
        files.write_tsv(job.file("predictions"), predicted)
        job.log.info(
            "%s: %d held-out predictions",
            model,
            predicted.groupby(["repeat", "sample"]).ngroups,
        )


if __name__ == "__main__":
    main()
