"""Fine-tune GPT-2 on the training samples of one fit and score the held-out ones."""

from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read a token store, write a fit's model folder.

    training.jsonl has one line a step: step, epoch, loss, learning_rate, tokens_per_second,
    utilisation (share of the measured peak, or null), memory_bytes, seconds (wall time of the
    step), and inner_loss after an epoch with early stopping.
    """
    with entry.job(__doc__) as job:
        gpus.claim()
        # Imported here: torch and transformers take seconds, and --help and wrong options need not
        # wait for them.
        from epigpt.training import ablations, fit
        from epigpt.training.request import Request

        request = Request(
            tokens=job.file("tokens"),
            fit=job.text("fit"),
            preset=job.text("preset"),
            checkpoints=job.file("checkpoints"),
            output=job.file("weights").parent,
            settings=job.settings,
            variant=job.text("variant", ablations.FINETUNED),
            checkpoint_minutes=float(job.text("checkpoint_minutes", "15")),
            adapted=job.optional("adapted"),
        )
        fit.run(request, job.threads, job.log)


if __name__ == "__main__":
    main()
