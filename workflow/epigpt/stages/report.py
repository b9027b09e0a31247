"""Write the report of one data set: a self-contained page and its figures."""

from pathlib import Path

from epigpt.report import page
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    parser = entry.parser(__doc__)
    parser.add_argument(
        "--results", type=Path, required=True, help="the data set's folder of result files"
    )
    parser.add_argument("--output", type=Path, required=True, help="the page to write")
    parser.add_argument(
        "--figures", type=Path, required=True, help="the folder of figures to write"
    )
    with entry.job(parser) as job:
        page.write(job.options.results, job.options.output, job.options.figures)
        job.log.info("Report: %s", job.options.output.resolve().as_uri())


if __name__ == "__main__":
    main()
