"""Show how a baseline's AUC grows with the number of groups it learns from."""

import json
from pathlib import Path

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read expression and folds, write the learning curve of one baseline."""
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
    parser.add_argument("--output", type=Path, required=True)
    with entry.job(parser) as job:
        from epigpt.dataset import expression_data
        from epigpt.evaluation import cross_validation, learning_curve

        options = job.options
        classes = json.loads(options.folds_summary.read_text(encoding="utf-8"))["classes"]
        data, folds = expression_data.read(options.expression), cross_validation.read(options.folds)
        files.write_tsv(
            options.output,
            learning_curve.curve(options.model, data, folds, classes, job.settings["seed"]),
        )


if __name__ == "__main__":
    main()
