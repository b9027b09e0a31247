"""Across series: trained on one data set, tested on another.

Purpose: for each pair of the key transfer, join two data sets over the human genes both have, train on the first, test on the second.
Inputs: results/{dataset}/expression.h5ad of both; {dataset} is trained on, {tested} is tested on.
Outputs: results/{dataset}/transfer/{tested}/ with expression.h5ad, folds.tsv, genes.json, tokens/, models/, predictions.tsv, metrics.tsv,
comparison.tsv; results/{dataset}/transfer.tsv with the metrics of all pairs that a data set takes part in.
"""


# A checkpoint: whether a pair can be tested at all shows in what the two series hold.
checkpoint transfer_join:
    input:
        trained=pair_expression("dataset"),
        tested=pair_expression("tested"),
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
        mem_mb=with_attempt(8000),
        runtime=with_attempt(30),
    params:
        *fingerprint("transfer_join"),
        start=stage("transfer_join"),
        settings=pair_cells,
    shell:
        "{params.start} --trained {wildcards.dataset} --trained-expression {input.trained:q}"
        " --tested {wildcards.tested} --tested-expression {input.tested:q} --output {output.expression:q}"
        " --folds {output.folds:q} --summary {output.summary:q} --settings {params.settings:q} --log {log:q}"


use rule encode as transfer_encode with:
    input:
        expression="results/{dataset}/transfer/{tested}/expression.h5ad",
        folds="results/{dataset}/transfer/{tested}/folds.tsv",
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
        steps="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/training.jsonl",
        plan="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/plan.json",
        predictions="results/{dataset}/transfer/{tested}/models/{preset}/{fit}/predictions.tsv",
    log:
        "results/{dataset}/logs/transfer/{tested}/train/{preset}/{fit}.log",
    benchmark:
        "results/{dataset}/benchmarks/transfer/{tested}/train/{preset}/{fit}.benchmark.tsv"
    params:
        folder="results/{dataset}/transfer/{tested}/models/{preset}/{fit}",
        checkpoints="results/{dataset}/transfer/{tested}/checkpoints/{preset}/{fit}",


rule transfer:
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
        mem_mb=with_attempt(4000),
        runtime=with_attempt(60),
    params:
        *fingerprint("transfer"),
        start=stage("transfer"),
        settings=reads("model", "baselines", "bootstrap", "seed"),
    shell:
        "{params.start} --expression {input.expression:q} --folds {input.folds:q} --join-summary {input.summary:q}"
        " --gpt2 {input.gpt2:q} --predictions {output.predictions:q} --metrics {output.metrics:q}"
        " --comparison {output.comparison:q} --settings {params.settings:q} --log {log:q}"


rule transfer_table:
    input:
        metrics=pair_metrics,
        untested=untested_pairs,
    output:
        "results/{dataset}/transfer.tsv",
    log:
        "results/{dataset}/logs/transfer_table.log",
    benchmark:
        "results/{dataset}/benchmarks/transfer_table.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        *fingerprint("transfer_table"),
        start=stage("transfer_table"),
    shell:
        "{params.start} --metrics {input.metrics:q} --untested {input.untested:q} --output {output:q} --log {log:q}"
