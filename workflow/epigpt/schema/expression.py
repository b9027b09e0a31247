"""Files of a data set up to its folds: what was read, judged and tested for differences."""

from epigpt.schema.tables import ResultFile, columns

FILES = (
    ResultFile("report.html", "the report, one file without references to anything outside"),
    ResultFile("figures/", "every figure as SVG, PDF and PNG with its data as TSV"),
    ResultFile(
        "exports/",
        (
            "normalised matrix (TSV, GCT), notebook and R script of the figures with their tables, "
            "MultiQC content"
        ),
    ),
    ResultFile("geo/", "the files that were downloaded"),
    ResultFile(
        "geo/manifest.tsv",
        "what was downloaded or read",
        rows="a file",
        columns=columns("""
            file              text     name, relative to the manifest
            url               text     where it came from
            bytes             integer  size in bytes
            sha256            text     checksum
            time              text     when it was downloaded, UTC
        """),
    ),
    ResultFile(
        "samples.tsv",
        "the samples that are analysed, with their characteristics",
        rows="a sample",
        columns=columns("""
            sample label group
            title             text     what the record calls the sample; empty for local sources
        """),
        open_ended=True,
    ),
    ResultFile(
        "reading.json",
        (
            "which matrix was read and why: orientation, kind of values with "
            "evidence, gene ids, how columns and samples met, what `label` and `group` auto "
            "decided (with rows to paste), warnings, what was left out or refused"
        ),
    ),
    ResultFile(
        "counts.h5ad",
        (
            "raw counts; rows are samples or cells, columns genes by canonical id; "
            '`uns["genes"]` says how ids were mapped'
        ),
    ),
    ResultFile(
        "quality.tsv",
        "quality of each sample or cell, whether it was kept and, if not, why",
        rows="a sample, or a cell (then the first column is `cell`)",
        columns=columns("""
            sample
            total_counts      number   sum of the counts
            n_genes           integer  genes detected
            mitochondrial_percent  number   share of mitochondrial genes in the counts, percent
            kept              boolean  whether it is analysed
            reason            text     why it is not
        """),
        open_ended=True,
    ),
    ResultFile(
        "expression.h5ad",
        ("after quality control; layers `counts` and `lognorm`, `obsm` `X_pca` and `X_umap`"),
    ),
    ResultFile(
        "differential_expression.tsv",
        "change of every gene between the classes (PyDESeq2 over donors; routines of EpiGPT's)",
        rows="a contrast and gene",
        columns=columns("""
            contrast gene symbol
            base_mean         number   mean of the normalised counts
            log2_fold_change
            se                number   standard error of the log2 fold change
            p padj
        """),
    ),
    ResultFile(
        "differential_expression.json",
        "the design behind it: formula, unit, what was left out and why, PyDESeq2's remarks",
    ),
    ResultFile(
        "folds.tsv",
        "the fold in which each sample is tested",
        rows="a repeat and sample",
        columns=columns("""
            sample group repeat fold
        """),
    ),
    ResultFile(
        "folds.json",
        "number of folds and repeats, classes, checksum, or why there are none",
    ),
    ResultFile(
        "foregone.json",
        "what of the answer is known before any training (`permutations: auto`): characteristics"
        " that tell the classes apart, and whether the groups are enough to show anything",
    ),
)
