"""Judge every sample or cell, normalise the kept ones, and lay them out by PCA and UMAP."""

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read counts.h5ad; write expression.h5ad and quality.tsv."""
    with entry.job(__doc__) as job:
        from epigpt.dataset import cell_sample, expression_writer, storage
        from epigpt.expression import cells_by_blocks, embedding, quality, replicates, scverse
        from epigpt.genes import exclusion

        path = job.file("counts")
        counts = storage.described(path)
        assay = str(counts.uns["assay"])
        limits = quality.limits(job.settings, assay, counts.n_vars)
        judged, genes = cells_by_blocks.judged(path, counts, limits)
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
        for line in quality.in_words(judged):
            job.log.info("  %s", line)
        rows = cells_by_blocks.laid_out(counts, kept)
        expression = cells_by_blocks.read(path, counts, rows, genes)
        if asked := job.settings["exclude_genes"]:
            var = expression.var
            left_out = exclusion.find(
                asked, str(expression.uns["organism"]), list(var.index), list(var["symbol"])
            )
            var["excluded"] = left_out.genes
            job.log.info("%d genes are kept from the models", left_out.genes.sum())
            for name in left_out.absent:
                job.log.warning("exclude_genes names '%s', which this data set lacks", name)
        merged = replicates.merge(expression)
        if merged.samples:
            job.log.info("%s", merged.in_words())
            expression.obs["group"] = merged.group
            expression.uns["merged_donors"] = merged.in_words()
        embedding.embed(expression, job.settings["seed"])
        described = cells_by_blocks.whole(path, counts, kept, expression)
        del expression
        scverse.describe(described, judged[kept])
        if assay == "single_cell":
            asked = job.settings["cells_per_donor"]
            totals = judged.loc[kept, "total_counts"].to_numpy()
            observed = cell_sample.observed(described.obs, totals, asked)
            described.obs[cell_sample.COLUMN] = (
                True
                if observed == cell_sample.SUMS
                else cell_sample.draw(described.obs, asked, job.settings["seed"])
            )
            described.uns[cell_sample.OBSERVED] = observed
            said = cell_sample.in_words(described.obs, described.uns)
            job.log.info("%s (key cells_per_donor)", said)
        with files.path(job.file("expression"), path.stat().st_size) as temporary:
            expression_writer.write(
                temporary,
                described,
                cells_by_blocks.kept_blocks(path, kept, genes),
                cells_by_blocks.scale(described),
            )
            if assay == "single_cell":
                storage.keep_sums(temporary)
        files.write_tsv(job.file("quality"), quality.table(judged, assay))


if __name__ == "__main__":
    main()
