"""Draw the folds: whole donors, every class in every test fold; and say what of the answer is
known already."""

import json

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read expression.h5ad and what is known of the samples; write folds.tsv and folds.json."""
    with entry.job(__doc__) as job:
        import pandas as pd

        from epigpt.dataset import storage
        from epigpt.evaluation import cross_validation, foregone
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
        samples = pd.read_csv(job.file("samples"), sep="\t", dtype=str, keep_default_na=False)
        reading = json.loads(job.file("reading").read_text(encoding="utf-8"))
        judged = foregone.judge(job.file("quality"), reading, samples, table)
        labelled = observed[["sample", "label"]].astype(str).drop_duplicates()
        files.write_tsv(job.file("folds"), table)
        files.write_json(
            job.file("summary"),
            cross_validation.summary(table, assessment, classes, observed)
            | foregone.summary(judged, table.merge(labelled, on="sample"), classes),
        )


if __name__ == "__main__":
    main()
