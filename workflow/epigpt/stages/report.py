"""Write the report of one data set: a self-contained page, its figures, what to take along."""

from epigpt.report import page
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    with entry.job(__doc__) as job:
        target = job.file("page")
        page.write(target.parent, target, job.file("figures"), job.file("exports"), job.threads)
        job.log.info("Report: %s", target.resolve().as_uri())


if __name__ == "__main__":
    main()
