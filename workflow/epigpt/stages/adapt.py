"""Adapt weights to the training samples of one fit by next-gene language modelling, without
labels."""

from pathlib import Path

from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read a token store, write a folder of weights."""
    parser = entry.parser(__doc__)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--fit", required=True, help="repeat{r}/fold{k}, or final")
    parser.add_argument("--preset", required=True)
    parser.add_argument(
        "--checkpoints", type=Path, required=True, help="folder for training in progress"
    )
    parser.add_argument(
        "--checkpoint-minutes",
        type=float,
        default=15,
        help="time between checkpoints (default: %(default)g)",
    )
    parser.add_argument("--output-folder", type=Path, required=True)
    with entry.job(parser) as job:
        gpus.claim()
        from epigpt.training import continued_pretraining, fit

        options = job.options
        request = fit.Request(
            tokens=options.tokens,
            fit=options.fit,
            preset=options.preset,
            checkpoints=options.checkpoints,
            output=options.output_folder,
            settings=job.settings,
            checkpoint_minutes=options.checkpoint_minutes,
        )
        continued_pretraining.run(request, job.threads, job.log)


if __name__ == "__main__":
    main()
