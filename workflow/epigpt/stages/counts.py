"""Read the matrix of a data set, match it to its samples and write raw counts."""

from epigpt import files
from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.matrices.streams import Budget
from epigpt.matrices.unmatched import UnmatchedColumns
from epigpt.provenance import downloads
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    with entry.job(__doc__) as job:
        cells = {
            key.removeprefix("row."): value
            for key, value in job.settings.items()
            if key.startswith("row.")
        }
        # Rows that are printed to paste name local files as the table does.
        cells |= {
            key.removeprefix("written."): value
            for key, value in job.settings.items()
            if key.startswith("written.")
        }
        row = Row(**{**cells, "dataset": job.text("dataset")})
        budget = Budget.of_gigabytes(job.settings.get("geo.max_unpacked_gb", 200.0))
        listed = downloads.paths(job.file("manifest"))
        allowed = frozenset(job.settings.get("allow_values", ()))
        sample_map = job.optional("sample_map")
        try:
            sample_table, adata, reading = read_dataset(
                row,
                listed,
                allowed,
                budget,
                transcripts=job.optional("transcripts"),
                sample_map=sample_map,
            )
        except UnmatchedColumns as refusal:
            template = job.file("counts").with_name("logs") / "sample_map.tsv"
            files.write_text(template, refusal.template)
            raise refusal.with_template_at(str(template)) from None
        job.log.info("%s", reading["how"])
        for warning in reading["warnings"]:
            job.log.warning("Warning: %s", warning["text"])
        written_table = sample_table.rename_axis("sample").reset_index()
        values = adata.X
        size = sum(part.nbytes for part in (values.data, values.indices, values.indptr))
        with files.path(job.file("counts"), size) as temporary:
            adata.write_h5ad(temporary)
            files.write_tsv(job.file("samples"), written_table)
            files.write_json(job.file("reading"), reading)


if __name__ == "__main__":
    main()
