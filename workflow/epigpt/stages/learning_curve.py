"""Show how a baseline's AUC grows with the number of groups it learns from."""

import json

from epigpt import files, model_names
from epigpt.stages import entry


def main() -> None:
    """Read expression and folds, write the learning curve of one baseline."""
    with entry.job(__doc__) as job:
        from epigpt.dataset import expression_data
        from epigpt.evaluation import cross_validation, learning_curve

        classes = json.loads(job.file("summary").read_text(encoding="utf-8"))["classes"]
        data = expression_data.read(job.file("expression"))
        folds = cross_validation.read(job.file("folds"))
        files.write_tsv(
            job.file("curve"),
            learning_curve.curve(model_names.REFERENCE, data, folds, classes, job.settings["seed"]),
        )


if __name__ == "__main__":
    main()
