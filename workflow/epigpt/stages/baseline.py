"""Predict every sample with a baseline that was fitted on the other folds, and score it under
permuted labels."""

import json

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read expression and folds, write the held-out predictions of one baseline and its scores
    under permuted labels."""
    with entry.job(__doc__) as job:
        from epigpt.dataset import expression_data
        from epigpt.evaluation import baselines, cross_validation

        model, seed = job.text("baseline"), job.settings["seed"]
        folds = cross_validation.read(job.file("folds"))
        data = expression_data.read(job.file("expression"))
        classes = json.loads(job.file("summary").read_text(encoding="utf-8"))["classes"]
        predicted = baselines.cross_predict(model, data, folds, seed)
        chance = baselines.permuted_scores(
            model,
            data,
            folds,
            classes=classes,
            seed=seed,
            permutations=job.settings["permutations.baselines"],
        )
        files.write_tsv(job.file("predictions"), predicted)
        files.write_tsv(job.file("null"), chance)
        job.log.info(
            "%s: %d held-out predictions",
            model,
            predicted.groupby(["repeat", "sample"]).ngroups,
        )


if __name__ == "__main__":
    main()
