"""Put two data sets over the human genes that both have, the one to train on, the other to test
on."""

from pathlib import Path

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read two expression.h5ad; write the joined one, folds that test the second alone, and a
    summary."""
    parser = entry.parser(__doc__)
    for name in ("--trained", "--tested"):
        parser.add_argument(name, required=True, help="id of the data set")
        parser.add_argument(f"{name}-expression", type=Path, required=True)
    for name in ("--output", "--folds", "--summary"):
        parser.add_argument(name, type=Path, required=True)
    with entry.job(parser) as job:
        from epigpt.transfer import paired_dataset

        options, settings = job.options, job.settings
        trained = paired_dataset.read(
            options.trained,
            options.trained_expression,
            settings["trained.case"],
            settings["trained.control"],
        )
        tested = paired_dataset.read(
            options.tested,
            options.tested_expression,
            settings["tested.case"],
            settings["tested.control"],
        )
        joined, folds, summary = paired_dataset.join(trained, tested)
        with files.path(options.output) as temporary:
            joined.write_h5ad(temporary, compression="gzip")
        files.write_tsv(options.folds, folds)
        files.write_json(options.summary, summary)
        if summary["reason"]:
            job.log.warning(
                "%s -> %s cannot be tested: %s", trained.name, tested.name, summary["reason"]
            )
        job.log.info(
            "%s -> %s: %d shared genes", trained.name, tested.name, summary["shared_genes"]
        )


if __name__ == "__main__":
    main()
