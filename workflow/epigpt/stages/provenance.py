"""Record versions, checksums, seeds and settings behind a data set's results; fill the reporting
sheet."""

from epigpt import files
from epigpt.evaluation import reporting_evidence, reporting_sheet
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
        told = reporting_sheet.sheet(reporting_evidence.read(target.parent, recorded))
        files.write_json(target, recorded)
        files.write_tsv(job.file("reporting"), told)


if __name__ == "__main__":
    main()
