"""Record versions, checksums, seeds and settings behind a data set's results."""

from epigpt import files
from epigpt.provenance.record import record
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    with entry.job(__doc__) as job:
        target = job.file("provenance")
        recorded = record(
            target.parent,
            job.file("manifest"),
            job.file("folds"),
            job.settings,
            job.text("snakemake"),
        )
        files.write_json(target, recorded)


if __name__ == "__main__":
    main()
