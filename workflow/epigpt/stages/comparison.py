"""Predict every sample with a variant of GPT-2 that was trained on the other folds; all folds in
one process."""

from pathlib import Path

from epigpt import files
from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read the tokens of every fold, write the held-out predictions of one variant."""
    parser = entry.parser(__doc__)
    parser.add_argument(
        "--variant",
        required=True,
        help=(
            "finetuned_random_weights, finetuned_shuffled_genes, finetuned_no_blocks,"
            " frozen_logistic"
        ),
    )
    parser.add_argument(
        "--tokens",
        type=Path,
        required=True,
        help="folder that holds repeat{r}/fold{k}/ of every fold",
    )
    parser.add_argument("--folds", type=Path, required=True)
    parser.add_argument(
        "--output", type=Path, required=True, help="predictions, a row per sample, repeat and class"
    )
    with entry.job(parser) as job:
        gpus.claim()
        from epigpt.evaluation import cross_validation, refit_pipeline

        options, settings = job.options, job.settings
        pipeline = refit_pipeline.Pipeline(
            settings["model"], settings, options.variant, job.threads
        )
        predicted = refit_pipeline.from_tokens(
            pipeline, options.tokens, cross_validation.read(options.folds)
        )
        files.write_tsv(options.output, predicted)
        job.log.info(
            "%s: %d held-out predictions",
            options.variant,
            predicted.groupby(["repeat", "sample"]).ngroups,
        )


if __name__ == "__main__":
    main()
