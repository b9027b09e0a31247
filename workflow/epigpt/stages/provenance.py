"""Record versions, checksums, seeds and settings behind a data set's results."""

from pathlib import Path

from epigpt import files
from epigpt.provenance.record import record
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    parser = entry.parser(__doc__)
    parser.add_argument("--results", type=Path, required=True, help="the data set's folder")
    parser.add_argument(
        "--manifest", type=Path, required=True, help="table of the files the data set is made of"
    )
    parser.add_argument("--folds", type=Path, required=True, help="JSON summary of the folds")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--snakemake", default="", help="version of Snakemake")
    with entry.job(parser) as job:
        options = job.options
        files.write_json(
            options.output,
            record(
                options.results, options.manifest, options.folds, job.settings, options.snakemake
            ),
        )


if __name__ == "__main__":
    main()
