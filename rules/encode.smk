"""From expression to gene tokens.

Purpose: fit vocabulary and gene reference on the training samples of each fit, encode every sample's views with them.
Inputs: results/{dataset}/expression.h5ad, folds.tsv.
Outputs: results/{dataset}/tokens/{fit}/ (fit: repeat{r}/fold{k}, or final for all samples).
"""


rule encode:
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
    output:
        tokens=directory("results/{dataset}/tokens/{fit}"),
    log:
        "results/{dataset}/logs/encode/{fit}.log",
    benchmark:
        "results/{dataset}/benchmarks/encode/{fit}.benchmark.tsv"
    conda:
        TRAINING_ENVIRONMENT
    resources:
        mem_mb=with_attempt(4000),
        runtime=with_attempt(60),
    params:
        *fingerprint("encode"),
        start=stage("encode"),
        settings=reads(
            *ENCODING_KEYS,
            "row.case",
            "row.control",
        ),
    shell:
        "{params.start} --expression {input.expression:q} --folds {input.folds:q} --fit {wildcards.fit}"
        " --output-folder {output.tokens:q} --settings {params.settings:q} --log {log:q}"
