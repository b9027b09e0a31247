"""Predict every sample with a baseline that was fitted on the other folds."""

import json
from pathlib import Path

from epigpt import atomic
from epigpt.stages import entry


def main() -> None:
    """Read expression and folds, write the held-out predictions of one baseline."""
    parser = entry.parser(__doc__)
    parser.add_argument("--model", required=True, help="majority, logistic_l1, logistic_l2, pca_logistic, random_forest, gradient_boosting")
    parser.add_argument("--expression", type=Path, required=True)
    parser.add_argument("--folds", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="predictions, a row per sample, repeat and class")
    parser.add_argument("--folds-summary", type=Path, help="folds.json, which names the classes in their order; for the two below")
    parser.add_argument("--null", type=Path, help="scores under permuted labels; their number is the setting permutations")
    parser.add_argument("--learning-curve", type=Path, help="AUC with a growing share of the training groups")
    with entry.job(parser) as job:
        from epigpt import splits
        from epigpt.evaluation import baselines, learning, observations

        folds = splits.read(job.options.folds)
        data = observations.read(job.options.expression)
        predicted = baselines.cross_predict(job.options.model, data, folds, job.settings["seed"])
        atomic.write_tsv(job.options.output, predicted)
        classes = json.loads(job.options.folds_summary.read_text(encoding="utf-8"))["classes"] if job.options.folds_summary else []
        if job.options.null is not None:
            chance = {"classes": classes, "seed": job.settings["seed"], "permutations": job.settings["permutations"]}
            atomic.write_tsv(job.options.null, baselines.permuted_scores(job.options.model, data, folds, **chance))
        if job.options.learning_curve is not None:
            atomic.write_tsv(job.options.learning_curve, learning.curve(job.options.model, data, folds, classes, job.settings["seed"]))
        job.log.info("%s: %d held-out predictions", job.options.model, predicted.groupby(["repeat", "sample"]).ngroups)


if __name__ == "__main__":
    main()
