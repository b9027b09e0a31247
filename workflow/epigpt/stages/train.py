"""Fine-tune GPT-2 on the training samples of one fit and score the held-out ones."""

from pathlib import Path

from epigpt.stages import entry
from epigpt.training import gpus

# As in epigpt.training.ablations, which costs a second to import.
VARIANTS = (
    "finetuned",
    "finetuned_random_weights",
    "finetuned_shuffled_genes",
    "finetuned_no_blocks",
)


def main() -> None:
    """Read a token store, write a fit's model folder.

    training.jsonl has one line a step: step, epoch, loss, learning_rate, tokens_per_second,
    utilisation (share of the measured peak, or null), memory_bytes, seconds (wall time of the
    step), and inner_loss after an epoch with early stopping.
    """
    parser = entry.parser(__doc__)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--fit", required=True, help="repeat{r}/fold{k}, or final")
    parser.add_argument("--preset", required=True)
    parser.add_argument(
        "--variant",
        default=VARIANTS[0],
        choices=VARIANTS,
        help="which model (default: %(default)s)",
    )
    parser.add_argument(
        "--checkpoints", type=Path, required=True, help="folder for training in progress"
    )
    parser.add_argument(
        "--checkpoint-minutes",
        type=float,
        default=15,
        help="time between checkpoints (default: %(default)g)",
    )
    parser.add_argument(
        "--adapted", type=Path, help="weights that the stage adapt has made of these tokens"
    )
    parser.add_argument("--output-folder", type=Path, required=True)
    with entry.job(parser) as job:
        gpus.claim()
        # Imported here: torch and transformers take seconds, and --help and wrong options shall not
        # wait for them.
        from epigpt.training import fit

        options = job.options
        request = fit.Request(
            tokens=options.tokens,
            fit=options.fit,
            preset=options.preset,
            checkpoints=options.checkpoints,
            output=options.output_folder,
            settings=job.settings,
            variant=options.variant,
            checkpoint_minutes=options.checkpoint_minutes,
            adapted=options.adapted,
        )
        fit.run(request, job.threads, job.log)


if __name__ == "__main__":
    main()
