"""From an accession or local files to raw counts.

Purpose: download what a data set is made of, read its matrix, match it to its samples.
Inputs: GEO (or a mirror, or local files named in the data set table).
Outputs: results/{dataset}/geo/, samples.tsv, counts.h5ad, reading.json (what was found, chosen, left out and refused).
"""


rule download:
    input:
        local_files,
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
        *fingerprint("download"),
        start=stage("download"),
        settings=reads(
            "geo.base_url",
            "geo.ncbi_counts",
            "geo.max_unpacked_gb",
            "row.matrix",
        ),
        patience=reads_unwatched(
            "geo.retries", "geo.backoff_seconds", "geo.timeout_seconds"
        ),
        source=cell("source"),
        sheet=cell("samples"),
    shell:
        "{params.start} --dataset {wildcards.dataset} --source {params.source:q} --samples-sheet={params.sheet:q}"
        " --manifest {output.manifest:q} --settings {params.settings:q} --settings {params.patience:q} --log {log:q}"


rule counts:
    input:
        local_files,
        manifest="results/{dataset}/geo/manifest.tsv",
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
        mem_mb=with_attempt(8000),
        runtime=with_attempt(60),
    params:
        *fingerprint("counts"),
        start=stage("counts"),
        settings=reads(
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
        ),
    shell:
        "{params.start} --dataset {wildcards.dataset} --manifest {input.manifest:q}"
        " --samples {output.samples:q} --counts {output.counts:q} --reading {output.reading:q}"
        " --settings {params.settings:q} --log {log:q}"
