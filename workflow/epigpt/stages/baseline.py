"""Predict every sample with a baseline that was fitted on the other folds."""

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
    with entry.job(parser) as job:
        from epigpt.evaluation import baselines, observations

        folds = observations.read_folds(job.options.folds)
        data = observations.read(job.options.expression)
        predicted = baselines.cross_predict(job.options.model, data, folds, job.settings["seed"])
        atomic.write_tsv(job.options.output, predicted)
        job.log.info("%s: %d held-out predictions", job.options.model, predicted.groupby(["repeat", "sample"]).ngroups)


if __name__ == "__main__":
    main()
