"""Learn from the series of the corpus, before any label, how genes move together."""

from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read corpus.tsv and its shards, write a folder of pretrained weights."""
    with entry.job(__doc__) as job:
        gpus.claim()
        from epigpt.corpus import pretraining
        from epigpt.corpus.shards import SHARDS

        request = pretraining.Request(
            table=job.file("table"),
            shards=job.file("table").parent / SHARDS,
            name=job.text("corpus"),
            preset=job.text("preset"),
            checkpoints=job.file("checkpoints"),
            output=job.file("pretrained"),
            start=job.optional("start"),
            settings=job.settings,
            checkpoint_minutes=float(job.text("checkpoint_minutes", "15")),
        )
        pretraining.run(request, job.threads, job.log)


if __name__ == "__main__":
    main()
