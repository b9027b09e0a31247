"""Across series: trained on one data set, tested on another.

Purpose: for each pair of the key transfer, join two data sets over the human genes both have, train on the first, test on the second.
Inputs: results/{dataset}/expression.h5ad of both; {dataset} is trained on, {tested} is tested on.
Outputs: results/{dataset}/transfer/{tested}/ with expression.h5ad, folds.tsv, genes.json, tokens/, models/, predictions.tsv, metrics.tsv,
comparison.tsv; results/{dataset}/transfer.tsv with the metrics of all pairs that a data set takes part in.
"""


checkpoint transfer_join:
    """Join two data sets over the human genes that both have; a checkpoint, because a pair may prove untestable."""
    input:
        trained_expression="results/{dataset}/expression.h5ad",
        tested_expression="results/{tested}/expression.h5ad",
    output:
        expression="results/{dataset}/transfer/{tested}/expression.h5ad",
        folds="results/{dataset}/transfer/{tested}/folds.tsv",
        summary="results/{dataset}/transfer/{tested}/genes.json",
    log:
        "results/{dataset}/logs/transfer/{tested}/join.log",
    benchmark:
        "results/{dataset}/benchmarks/transfer/{tested}/join.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        **grows(mem_mb=8000, minutes=30),
    params:
        **stage("transfer_join", "trained.case", "trained.control", "tested.case", "tested.control"),
    shell:
        "{params.command} --log {log:q}"


use rule encode as transfer_encode with:
    input:
        expression="results/{dataset}/transfer/{tested}/expression.h5ad",
        folds="results/{dataset}/transfer/{tested}/folds.tsv",
        pretrained=corpus_programs,
    output:
        tokens=directory("results/{dataset}/transfer/{tested}/tokens/{fit}"),
    log:
        "results/{dataset}/logs/transfer/{tested}/encode/{fit}.log",
    benchmark:
        "results/{dataset}/benchmarks/transfer/{tested}/encode/{fit}.benchmark.tsv"


use rule train as transfer_train with:
    input:
        tokens="results/{dataset}/transfer/{tested}/tokens/{fit}",
        pretrained=fetched_weights,
    output:
        weights="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/model.safetensors",
        config="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/config.json",
        vocabulary="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/vocabulary.json",
        reference="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/reference.npz",
        labels="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/labels.json",
        card="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/README.md",
        checksums="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/checksums.json",
        steps="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/training.jsonl",
        plan="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/plan.json",
        predictions="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/predictions.tsv",
    log:
        "results/{dataset}/logs/transfer/{tested}/train/{preset}/{fit}.log",
    benchmark:
        "results/{dataset}/benchmarks/transfer/{tested}/train/{preset}/{fit}.benchmark.tsv"
    params:
        checkpoints="results/{dataset}/transfer/{tested}/checkpoints/{preset}/{fit}",


rule transfer:
    """Score GPT-2 and the baselines, trained on one series, on another."""
    input:
        expression="results/{dataset}/transfer/{tested}/expression.h5ad",
        folds="results/{dataset}/transfer/{tested}/folds.tsv",
        summary="results/{dataset}/transfer/{tested}/genes.json",
        gpt2=f"results/{{dataset}}/transfer/{{tested}}/models/{PRESET.name}/repeat0/fold0/predictions.tsv",
    output:
        predictions="results/{dataset}/transfer/{tested}/predictions.tsv",
        metrics="results/{dataset}/transfer/{tested}/metrics.tsv",
        comparison="results/{dataset}/transfer/{tested}/comparison.tsv",
    log:
        "results/{dataset}/logs/transfer/{tested}/transfer.log",
    benchmark:
        "results/{dataset}/benchmarks/transfer/{tested}/transfer.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        **grows(mem_mb=4000, minutes=60),
    params:
        **stage("transfer", "model", "baselines", "bootstrap", "seed"),
    shell:
        "{params.command} --log {log:q}"


rule transfer_table:
    """Collect the scores of all pairs that a data set takes part in."""
    input:
        metrics=of_pairs("metrics.tsv", testable=True),
        untested=of_pairs("genes.json", testable=False),
    output:
        table="results/{dataset}/transfer.tsv",
    log:
        "results/{dataset}/logs/transfer_table.log",
    benchmark:
        "results/{dataset}/benchmarks/transfer_table.tsv"
    localrule: True
    conda:
        "../envs/evaluate.yaml"
    params:
        **stage("transfer_table"),
    shell:
        "{params.command} --log {log:q}"
