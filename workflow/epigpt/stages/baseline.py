"""Predict every sample with a baseline that was fitted on the other folds, and score it under
permuted labels."""

import json
from pathlib import Path

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read expression and folds, write the held-out predictions of one baseline and its scores
    under permuted labels."""
    parser = entry.parser(__doc__)
    parser.add_argument(
        "--model",
        required=True,
        help="one of the key baselines, such as logistic_l2",
    )
    parser.add_argument("--expression", type=Path, required=True)
    parser.add_argument("--folds", type=Path, required=True)
    parser.add_argument(
        "--folds-summary",
        type=Path,
        required=True,
        help="folds.json, which names the classes in their order",
    )
    parser.add_argument(
        "--permutations",
        type=int,
        required=True,
        help="label permutations; 0: the table of scores has a header only",
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="predictions, a row per sample, repeat and class"
    )
    parser.add_argument("--null", type=Path, required=True, help="scores under permuted labels")
    with entry.job(parser) as job:
        from epigpt.dataset import expression_data
        from epigpt.evaluation import baselines, cross_validation

        options, seed = job.options, job.settings["seed"]
        folds = cross_validation.read(options.folds)
        data = expression_data.read(options.expression)
        classes = json.loads(options.folds_summary.read_text(encoding="utf-8"))["classes"]
        predicted = baselines.cross_predict(options.model, data, folds, seed)
        chance = baselines.permuted_scores(
            options.model,
            data,
            folds,
            classes=classes,
            seed=seed,
            permutations=options.permutations,
        )
        files.write_tsv(options.output, predicted)
        files.write_tsv(options.null, chance)
        job.log.info(
            "%s: %d held-out predictions",
            options.model,
            predicted.groupby(["repeat", "sample"]).ngroups,
        )


if __name__ == "__main__":
    main()
