"""Describe a data set's results as an RO-Crate."""

from epigpt import files
from epigpt.provenance import crate
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    with entry.job(__doc__) as job:
        target = job.file("crate")
        files.write_json(target, crate.describe(target.parent))


if __name__ == "__main__":
    main()
