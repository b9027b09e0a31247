"""From raw counts to expression, contrasts and folds.

Purpose: quality control, normalisation, PCA and UMAP, differential expression, folds by group.
Inputs: results/{dataset}/counts.h5ad.
Outputs: results/{dataset}/expression.h5ad, quality.tsv, differential_expression.tsv and its design (.json), folds.tsv, folds.json.
"""


rule expression:
    """Judge samples or cells, normalise those that are kept, embed them."""
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
        **grows(mem_mb=8000, minutes=60),
    params:
        **stage("expression", *QUALITY_KEYS, "exclude_genes", "cells_per_donor", "seed"),
    shell:
        "{params.command} --log {log:q}"


rule differential_expression:
    """Test every gene for a difference between the classes."""
    input:
        expression="results/{dataset}/expression.h5ad",
    output:
        contrasts=shown_table("differential_expression"),
        design="results/{dataset}/differential_expression.json",
    log:
        "results/{dataset}/logs/differential_expression.log",
    benchmark:
        "results/{dataset}/benchmarks/differential_expression.tsv"
    conda:
        "../envs/prepare.yaml"
    resources:
        **grows(mem_mb=8000, minutes=60),
    params:
        **stage(
            "differential_expression", "row.case", "row.control", "row.covariates", "row.contrasts"
        ),
    shell:
        "{params.command} --log {log:q}"


checkpoint folds:
    """Draw folds by group; a checkpoint, because their number follows from the groups that the data has."""
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
        **grows(mem_mb=4000, minutes=20),
    params:
        **stage("folds", "folds", "repeats", "seed", "row.case", "row.control"),
    shell:
        "{params.command} --log {log:q}"
