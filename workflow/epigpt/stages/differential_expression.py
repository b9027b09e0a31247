"""Test every gene for a difference between the classes, the donor as the unit."""

from pathlib import Path

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read expression.h5ad; write differential_expression.tsv."""
    parser = entry.parser(__doc__)
    parser.add_argument("--expression", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="table of contrasts and genes")
    parser.add_argument(
        "--summary", type=Path, help="JSON file with the design, the units and the notes"
    )
    with entry.job(parser) as job:
        import anndata

        from epigpt.config.dataset_table import Row
        from epigpt.expression import contrasts

        found = contrasts.compare(
            anndata.read_h5ad(job.options.expression),
            job.settings["row.case"],
            job.settings["row.control"],
            Row(dataset="", source="", covariates=job.settings["row.covariates"]).covariate_names,
        )
        for key, value in found.summary.items():
            if key != "notes":
                job.log.info("%s: %s", key.replace("_", " "), value)
        for note in found.notes:
            job.log.info("note: %s", note)
        if job.options.summary:
            files.write_json(job.options.summary, found.summary)
        files.write_tsv(job.options.output, found.table)


if __name__ == "__main__":
    main()
