"""Compare the classes, and tell them apart, within each kind of cell."""

import json

from epigpt import files
from epigpt.config.dataset_row import split_names
from epigpt.stages import entry


def main() -> None:
    """Read expression and folds; write a row for each kind of cell, and its contrasts."""
    with entry.job(__doc__) as job:
        from epigpt.dataset import storage
        from epigpt.dataset.assemble import CELL_TYPE
        from epigpt.evaluation import cell_types, cross_validation

        summary = json.loads(job.file("summary").read_text(encoding="utf-8"))
        path = job.file("expression")
        single = storage.text(path, "assay") == "single_cell"
        samples = storage.by_sample(path, CELL_TYPE) if single else storage.described(path)
        table, contrasts = cell_types.each(
            samples,
            cross_validation.read(job.file("folds")),
            [str(name) for name in summary["classes"]],
            split_names(job.settings["row.covariates"]),
            seed=job.settings["seed"],
            bootstrap=job.settings["bootstrap"],
        )
        job.log.info("%d kinds of cells", len(table))
        files.write_tsv(job.file("types"), table)
        files.write_tsv(job.file("contrasts"), contrasts)


if __name__ == "__main__":
    main()
