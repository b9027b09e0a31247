"""Describe a data set's results as an RO-Crate."""

from pathlib import Path

from epigpt import files
from epigpt.provenance import crate
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    parser = entry.parser(__doc__)
    parser.add_argument("--results", type=Path, required=True, help="the data set's folder")
    parser.add_argument("--output", type=Path, required=True, help="JSON-LD file to write")
    with entry.job(parser) as job:
        files.write_json(job.options.output, crate.describe(job.options.results))


if __name__ == "__main__":
    main()
