"""Adapt weights to the training samples of one fit by next-gene language modelling, without
labels."""

from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read a token store, write a folder of weights."""
    with entry.job(__doc__) as job:
        gpus.claim()
        from epigpt.training import continued_pretraining
        from epigpt.training.request import Request

        request = Request(
            tokens=job.file("tokens"),
            fit=job.text("fit"),
            preset=job.text("preset"),
            checkpoints=job.file("checkpoints"),
            output=job.file("adapted"),
            settings=job.settings,
            checkpoint_minutes=float(job.text("checkpoint_minutes", "15")),
        )
        continued_pretraining.run(request, job.threads, job.log)


if __name__ == "__main__":
    main()
