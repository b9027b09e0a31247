"""Score GPT-2 under labels permuted between groups, its whole pipeline run again for each
permutation."""

import json
from pathlib import Path

from epigpt import files
from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read expression and folds, write the scores of some of the permutations."""
    parser = entry.parser(__doc__)
    parser.add_argument("--expression", type=Path, required=True)
    parser.add_argument("--folds", type=Path, required=True)
    parser.add_argument("--folds-summary", type=Path, required=True)
    parser.add_argument(
        "--first", type=int, required=True, help="number of the first permutation, from 0"
    )
    parser.add_argument("--last", type=int, required=True, help="number after the last permutation")
    parser.add_argument("--output", type=Path, required=True)
    with entry.job(parser) as job:
        gpus.claim()
        from epigpt.evaluation import cross_validation, refit_pipeline

        options, settings = job.options, job.settings
        classes = json.loads(options.folds_summary.read_text(encoding="utf-8"))["classes"]
        pipeline = refit_pipeline.Pipeline(settings["model"], settings, threads=job.threads)
        wanted = range(options.first, options.last)
        folds = cross_validation.read(options.folds)
        found = refit_pipeline.permuted_scores(
            pipeline, options.expression, folds, classes, permutations=wanted, log=job.log
        )
        files.write_tsv(options.output, found)


if __name__ == "__main__":
    main()
