"""Draw the folds: whole donors, every class in every test fold."""

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read expression.h5ad; write folds.tsv and folds.json."""
    with entry.job(__doc__) as job:
        from epigpt.dataset import storage
        from epigpt.evaluation import cross_validation
        from epigpt.samples.classes import class_order

        [observed] = storage.parts(job.file("expression"), "obs")
        assessment = cross_validation.assess(observed, job.settings["folds"])
        table = cross_validation.folds(
            observed, job.settings["folds"], job.settings["repeats"], job.settings["seed"]
        )
        classes = class_order(
            observed["label"], job.settings["row.case"], job.settings["row.control"]
        )
        if assessment.assessable:
            job.log.info("%d folds, drawn %d times", assessment.folds, job.settings["repeats"])
        if assessment.reason:
            job.log.info(
                "%s",
                (
                    assessment.reason
                    if assessment.assessable
                    else f"not assessable: {assessment.reason}"
                ),
            )
        files.write_tsv(job.file("folds"), table)
        files.write_json(
            job.file("summary"), cross_validation.summary(table, assessment, classes, observed)
        )


if __name__ == "__main__":
    main()
