"""Fine-tune GPT-2 on the training samples of one fit and score the held-out ones."""

from pathlib import Path

from epigpt.stages import entry


def main() -> None:
    """Read a token store, write a fit's model folder."""
    parser = entry.parser(__doc__)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--fit", required=True, help="repeat{r}/fold{k}, or final")
    parser.add_argument("--preset", required=True)
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder for training in progress")
    parser.add_argument("--output-folder", type=Path, required=True)
    with entry.job(parser) as job:
        # Imported here: torch and transformers take seconds, and --help and wrong options shall not wait for them.
        from epigpt.training import fit

        options = job.options
        request = fit.Request(options.tokens, options.fit, options.preset, options.checkpoints, options.output_folder, job.settings)
        fit.run(request, job.threads, job.log)


if __name__ == "__main__":
    main()
