"""Write the page that shows all data sets side by side."""

import json

from epigpt.report import index
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    with entry.job(__doc__) as job:
        names = [page.parent.name for page in job.files("pages")]
        target = job.file("index")
        refused = json.loads(job.text("refused", "{}"))
        index.write(target.parent, names, target, refused)
        job.log.info("Index: %s", target.resolve().as_uri())


if __name__ == "__main__":
    main()
