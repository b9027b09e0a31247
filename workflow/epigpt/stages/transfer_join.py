"""Put two data sets over the human genes that both have, the one to train on, the other to test
on."""

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read two expression.h5ad; write the joined one, folds that test the second alone, and a
    summary."""
    with entry.job(__doc__) as job:
        from epigpt.transfer import paired_dataset

        settings = job.settings
        both = [job.file("trained_expression"), job.file("tested_expression")]
        summed = any(map(paired_dataset.are_sums, both))
        trained = paired_dataset.read(
            job.text("dataset"),
            job.file("trained_expression"),
            settings["trained.case"],
            settings["trained.control"],
            summed,
        )
        tested = paired_dataset.read(
            job.text("tested"),
            job.file("tested_expression"),
            settings["tested.case"],
            settings["tested.control"],
            summed,
        )
        joined, folds, summary = paired_dataset.join(trained, tested)
        size = job.file("tested_expression").stat().st_size
        with files.path(job.file("expression"), size) as temporary:
            joined.write_h5ad(temporary, compression="gzip")
        files.write_tsv(job.file("folds"), folds)
        files.write_json(job.file("summary"), summary)
        if summary["reason"]:
            job.log.warning(
                "%s -> %s cannot be tested: %s", trained.name, tested.name, summary["reason"]
            )
        job.log.info(
            "%s -> %s: %d shared genes", trained.name, tested.name, summary["shared_genes"]
        )


if __name__ == "__main__":
    main()
