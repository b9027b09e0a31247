"""Record versions, checksums, seeds and settings behind a data set's results."""

from pathlib import Path

from epigpt import atomic
from epigpt.provenance import record
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    parser = entry.parser(__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="table of the files the data set is made of")
    parser.add_argument("--folds", type=Path, required=True, help="JSON summary of the folds")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    with entry.job(parser) as job:
        atomic.write_json(job.options.output, record(job.options.manifest, job.options.folds, job.settings))


if __name__ == "__main__":
    main()
