"""From expression to gene tokens.

Purpose: fit vocabulary and gene reference on the training samples of each fit, encode every sample's views with them.
Inputs: results/{dataset}/expression.h5ad, folds.tsv; after pretraining on a corpus the programmes that its series share.
Outputs: results/{dataset}/tokens/{fit}/ (fit: repeat{r}/fold{k}, or final for all samples).
"""


rule encode:
    """Encode every sample as gene tokens, with what is fitted on the training samples of one fit."""
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        pretrained=corpus_programs,
    output:
        tokens=directory("results/{dataset}/tokens/{fit}"),
    log:
        "results/{dataset}/logs/encode/{fit}.log",
    benchmark:
        "results/{dataset}/benchmarks/encode/{fit}.benchmark.tsv"
    priority: LONGEST_PATH
    conda:
        TRAINING_ENVIRONMENT
    resources:
        **grows(mem_mb=4000, minutes=60),
    params:
        **stage("encode", *ENCODING_KEYS, "seed", "row.case", "row.control"),
    shell:
        "{params.command} --log {log:q}"
