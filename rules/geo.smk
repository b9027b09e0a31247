"""From an accession or local files to raw counts.

Purpose: download what a data set is made of, read its matrix, match it to its samples.
Inputs: GEO (or a mirror, or local files named in the data set table).
Outputs: results/{dataset}/geo/, samples.tsv, counts.h5ad, reading.json (what was found, chosen, left out and refused).
"""


rule download:
    """Download a series from GEO, or note down where local files are."""
    input:
        signed(lambda wildcards: ROWS[wildcards.dataset].inputs),
    output:
        # The files beside it are no declared outputs: Snakemake would delete them before a retry, and the download start anew.
        manifest="results/{dataset}/geo/manifest.tsv",
    log:
        "results/{dataset}/logs/download.log",
    benchmark:
        "results/{dataset}/benchmarks/download.tsv"
    localrule: True
    conda:
        "../envs/geo.yaml"
    params:
        **stage(
            "download",
            *GEO_KEYS,
            "row.matrix",
            "path.source",
            "path.samples",
            unwatched=PATIENCE_KEYS,
        ),
    shell:
        "{params.command} --log {log:q}"


rule counts:
    """Read the matrix, match it to its samples, write raw counts."""
    input:
        signed(lambda wildcards: ROWS[wildcards.dataset].inputs),
        manifest="results/{dataset}/geo/manifest.tsv",
        sample_map=signed(lambda wildcards: ROWS[wildcards.dataset].map_files),
        transcripts=[SETTINGS.transcripts] if SETTINGS.transcripts else [],
    output:
        samples="results/{dataset}/samples.tsv",
        counts="results/{dataset}/counts.h5ad",
        reading="results/{dataset}/reading.json",
    log:
        "results/{dataset}/logs/counts.log",
    benchmark:
        "results/{dataset}/benchmarks/counts.tsv"
    conda:
        "../envs/geo.yaml"
    resources:
        **grows(mem_mb=8000, minutes=60),
    params:
        **stage(
            "counts",
            "allow_values",
            "geo.max_unpacked_gb",
            "row.source",
            "row.organism",
            "row.assay",
            "row.matrix",
            "row.label",
            "row.case",
            "row.control",
            "row.group",
            "row.include",
            unwatched=("written.source", "written.samples", "written.sample_map"),
        ),
    shell:
        "{params.command} --log {log:q}"
