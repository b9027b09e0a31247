"""Write the page that shows all data sets side by side."""

from pathlib import Path

from epigpt.report import index
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    parser = entry.parser(__doc__)
    parser.add_argument(
        "--results", type=Path, required=True, help="the folder that holds one folder per data set"
    )
    parser.add_argument(
        "--datasets",
        required=True,
        help="ids of the data sets, comma-separated, in the order of the table",
    )
    parser.add_argument("--output", type=Path, required=True, help="the page to write")
    with entry.job(parser) as job:
        names = [name for name in job.options.datasets.split(",") if name]
        index.write(job.options.results, names, job.options.output)
        job.log.info("Index: %s", job.options.output.resolve().as_uri())


if __name__ == "__main__":
    main()
