"""From raw counts to expression, contrasts and folds.

Purpose: quality control, normalisation, PCA and UMAP, differential expression, folds by group.
Inputs: results/{dataset}/counts.h5ad.
Outputs: results/{dataset}/expression.h5ad, quality.tsv, differential_expression.tsv, folds.tsv, folds.json.
"""


rule expression:
    input:
        counts="results/{dataset}/counts.h5ad",
    output:
        expression="results/{dataset}/expression.h5ad",
        quality="results/{dataset}/quality.tsv",
    log:
        "results/{dataset}/logs/expression.log",
    benchmark:
        "results/{dataset}/benchmarks/expression.tsv"
    conda:
        "../envs/prepare.yaml"
    resources:
        mem_mb=with_attempt(8000),
        runtime=with_attempt(60),
    params:
        *fingerprint("expression"),
        start=stage("expression"),
        settings=reads(
            "quality.min_counts",
            "quality.min_genes",
            "quality.max_mitochondrial_percent",
            "seed",
        ),
    shell:
        "{params.start} --counts {input.counts:q} --output {output.expression:q} --quality {output.quality:q}"
        " --settings {params.settings:q} --log {log:q}"


rule differential_expression:
    input:
        expression="results/{dataset}/expression.h5ad",
    output:
        table=report(
            "results/{dataset}/differential_expression.tsv",
            caption="../workflow/report/differential_expression.rst",
            category="Tables",
            subcategory="{dataset}",
            labels={"data set": "{dataset}", "result": "differential expression"},
        ),
    log:
        "results/{dataset}/logs/differential_expression.log",
    benchmark:
        "results/{dataset}/benchmarks/differential_expression.tsv"
    conda:
        "../envs/prepare.yaml"
    threads: 1
    resources:
        mem_mb=with_attempt(8000),
        runtime=with_attempt(60),
    params:
        *fingerprint("differential_expression"),
        start=stage("differential_expression"),
        settings=reads("row.case", "row.control", "row.covariates"),
    shell:
        "{params.start} --expression {input.expression:q} --output {output.table:q}"
        " --settings {params.settings:q} --threads {threads} --log {log:q}"


# A checkpoint, because the number of folds follows from the groups that are found in the data.
checkpoint folds:
    input:
        expression="results/{dataset}/expression.h5ad",
    output:
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
    log:
        "results/{dataset}/logs/folds.log",
    benchmark:
        "results/{dataset}/benchmarks/folds.tsv"
    conda:
        "../envs/prepare.yaml"
    resources:
        mem_mb=with_attempt(4000),
        runtime=with_attempt(20),
    params:
        *fingerprint("folds"),
        start=stage("folds"),
        settings=reads("folds", "repeats", "seed", "row.case", "row.control"),
    shell:
        "{params.start} --expression {input.expression:q} --output {output.folds:q} --summary {output.summary:q}"
        " --settings {params.settings:q} --log {log:q}"
