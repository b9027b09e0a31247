"""All that needs a data set's models, in one job: train them, train their variants, attribute them
to genes. For large models, whose job has a GPU and the weights at hand."""

from pathlib import Path

from epigpt.stages import attributions, comparison, entry, models
from epigpt.training import gpus


def main() -> None:
    """Write the folders of the models, the predictions of their variants and the attributions."""
    with entry.job(__doc__) as job:
        if not models.wanted(job):
            for path in job.files("comparisons"):
                comparison.write_none(path)
            attributions.write(job, [], [])
            return
        gpus.claim()
        from epigpt.training import fits

        asked, places = models.requests(job), models.folders(job)
        fits.train(asked, places, job.threads, job.log)
        stores = job.files("tokens")
        tested = [number for number, request in enumerate(asked) if request.fit != "final"]
        attributions.write(
            job,
            [stores[number] for number in tested],
            [places.waiting / asked[number].fit for number in tested],
        )
        # Last: a variant with random weights puts the blocks away that attributions read again.
        for path in job.files("comparisons"):
            comparison.write(job, path.stem, _root(stores), path)
        fits.hand_over([request.fit for request in asked], places)


def _root(stores: list[Path]) -> Path:
    """Return the folder that holds the tokens of every fit."""
    return next(store for store in stores if store.name == "final").parent


if __name__ == "__main__":
    main()
