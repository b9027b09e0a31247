"""Test every gene for a difference between the classes, the donor as the unit."""

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read expression.h5ad; write differential_expression.tsv and its design."""
    with entry.job(__doc__) as job:
        from epigpt.config.dataset_row import split_names
        from epigpt.dataset import storage
        from epigpt.dataset.assemble import CELL_TYPE
        from epigpt.expression import contrasts

        expression = storage.by_sample(job.file("expression"), CELL_TYPE)
        result = contrasts.compare(
            expression,
            job.settings["row.case"],
            job.settings["row.control"],
            split_names(job.settings["row.covariates"]),
            job.settings["row.contrasts"],
        )
        notes = list(result.notes)
        if "excluded" in expression.var and (number := int(expression.var["excluded"].sum())):
            notes.append(
                f"{number} genes that the key exclude_genes keeps from the models are tested here"
                " all the same"
            )
        for key, value in result.summary.items():
            if key != "notes":
                job.log.info("%s: %s", key.replace("_", " "), value)
        for note in notes:
            job.log.info("note: %s", note)
        files.write_tsv(job.file("contrasts"), result.table)
        counted = {"genes_at_fdr_5_percent": result.significant}
        files.write_json(job.file("design"), {**result.summary, **counted, "notes": notes})


if __name__ == "__main__":
    main()
