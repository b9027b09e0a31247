"""Judge every sample or cell, normalise the kept ones, and lay them out by PCA and UMAP."""

from pathlib import Path

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read counts.h5ad; write expression.h5ad and quality.tsv."""
    parser = entry.parser(__doc__)
    parser.add_argument("--counts", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="expression.h5ad")
    parser.add_argument(
        "--quality", type=Path, required=True, help="table of all samples or cells, kept or not"
    )
    with entry.job(parser) as job:
        import anndata

        from epigpt.dataset import normalization
        from epigpt.expression import embedding, quality

        counts = anndata.read_h5ad(job.options.counts)
        assay = str(counts.uns["assay"])
        limits = quality.limits(job.settings, assay, counts.n_vars)
        judged = quality.judge(quality.measure(counts), limits)
        quality.require_some(judged, limits, f"data set '{counts.uns.get('dataset', '')}'")
        kept = judged["kept"].to_numpy()
        job.log.info(
            "%d of %d kept (at least %d counts, %d genes, at most %g %% mitochondrial)",
            kept.sum(),
            len(kept),
            limits.min_counts,
            limits.min_genes,
            limits.max_mitochondrial_percent,
        )
        for name, reason in judged.loc[judged["reason"] != "", "reason"].head(50).items():
            job.log.info("  %s: %s", name, reason)
        expression = normalization.normalise(counts, kept)
        embedding.embed(expression, job.settings["seed"])
        with files.path(job.options.output) as temporary:
            expression.write_h5ad(temporary, compression="gzip")
        files.write_tsv(job.options.quality, quality.table(judged, assay))


if __name__ == "__main__":
    main()
