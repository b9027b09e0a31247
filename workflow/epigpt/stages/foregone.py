"""Say what of the answer is known before any model is trained."""

import json

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read the folds and what is known of the samples, write foregone.json."""
    with entry.job(__doc__) as job:
        import pandas as pd

        from epigpt.dataset import storage
        from epigpt.evaluation import cross_validation, foregone

        folds = cross_validation.read(job.file("folds"))
        classes = json.loads(job.file("summary").read_text(encoding="utf-8"))["classes"]
        samples = pd.read_csv(job.file("samples"), sep="\t", dtype=str, keep_default_na=False)
        reading = json.loads(job.file("reading").read_text(encoding="utf-8"))
        judged = foregone.judge(job.file("quality"), reading, samples, folds)
        [observed] = storage.parts(job.file("expression"), "obs")
        labelled = observed[["sample", "label"]].astype(str).drop_duplicates()
        known = foregone.summary(judged, folds.merge(labelled, on="sample"), classes)
        files.write_json(job.file("known"), known)
        for name in known["confounders"]:
            job.log.info("'%s' goes with the label", name)
        if not known["enough_groups"]:
            job.log.info("so few groups that even a perfect score would show nothing")


if __name__ == "__main__":
    main()
