"""From predictions to metrics and a verdict.

Purpose: score the baselines and variants of GPT-2 on the same folds, also under permuted labels, compare, decide by fixed rules.
Inputs: results/{dataset}/expression.h5ad, folds.tsv, folds.json, samples.tsv, tokens/, the fold models' predictions.
Outputs: results/{dataset}/baselines/, comparisons/, null/, learning_curve.tsv, predictions.tsv, metrics.tsv, verdict.json, comparison.tsv,
calibration.tsv, confounding.tsv, null.tsv.
"""


rule baseline:
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
    output:
        predictions="results/{dataset}/baselines/{baseline}.tsv",
        null="results/{dataset}/baselines/{baseline}.null.tsv",
    log:
        "results/{dataset}/logs/baseline/{baseline}.log",
    benchmark:
        "results/{dataset}/benchmarks/baseline/{baseline}.benchmark.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        mem_mb=with_attempt(4000),
        runtime=with_attempt(120),
    params:
        *fingerprint("baseline"),
        start=stage("baseline"),
        settings=reads("seed"),
        permutations=PERMUTATIONS["baselines"],
    shell:
        "{params.start} --model {wildcards.baseline} --expression {input.expression:q} --folds {input.folds:q}"
        " --folds-summary {input.summary:q} --permutations {params.permutations}"
        " --output {output.predictions:q} --null {output.null:q} --settings {params.settings:q} --log {log:q}"


rule learning_curve:
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
    output:
        "results/{dataset}/learning_curve.tsv",
    log:
        "results/{dataset}/logs/learning_curve.log",
    benchmark:
        "results/{dataset}/benchmarks/learning_curve.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        mem_mb=with_attempt(4000),
        runtime=with_attempt(60),
    params:
        *fingerprint("learning_curve"),
        start=stage("learning_curve"),
        settings=reads("seed"),
    shell:
        "{params.start} --model logistic_l2 --expression {input.expression:q} --folds {input.folds:q}"
        " --folds-summary {input.summary:q} --output {output:q} --settings {params.settings:q} --log {log:q}"


# All folds in one job: the imports of a job take longer than a small model's training.
rule comparison:
    input:
        fold_tokens,
        folds="results/{dataset}/folds.tsv",
    output:
        "results/{dataset}/comparisons/{variant}.tsv",
    log:
        "results/{dataset}/logs/comparison/{variant}.log",
    benchmark:
        "results/{dataset}/benchmarks/comparison/{variant}.benchmark.tsv"
    conda:
        TRAINING_ENVIRONMENT
    threads: 1
    resources:
        **refitting_resources(),
    params:
        *fingerprint("comparison"),
        start=stage("comparison"),
        settings=reads("model", *TRAINING_KEYS, "adapt"),
        tokens="results/{dataset}/tokens",
    shell:
        "{params.start} --variant {wildcards.variant} --tokens {params.tokens:q} --folds {input.folds:q}"
        " --output {output:q} --settings {params.settings:q} --threads {threads} --log {log:q}"


# The whole pipeline again under permuted labels; a few permutations to a job, so that several cores or nodes share them.
rule null:
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
    output:
        "results/{dataset}/null/{first}-{last}.tsv",
    log:
        "results/{dataset}/logs/null/{first}-{last}.log",
    benchmark:
        "results/{dataset}/benchmarks/null/{first}-{last}.benchmark.tsv"
    conda:
        TRAINING_ENVIRONMENT
    threads: 1
    resources:
        **refitting_resources(),
    params:
        *fingerprint("null"),
        start=stage("null"),
        settings=reads("model", *ENCODING_KEYS, *TRAINING_KEYS, "adapt"),
    shell:
        "{params.start} --expression {input.expression:q} --folds {input.folds:q} --folds-summary {input.summary:q}"
        " --first {wildcards.first} --last {wildcards.last} --output {output:q}"
        " --settings {params.settings:q} --threads {threads} --log {log:q}"


rule evaluate:
    input:
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
        samples="results/{dataset}/samples.tsv",
        finetuned=fold_files("predictions.tsv"),
        baselines=expand(
            "results/{{dataset}}/baselines/{baseline}.tsv", baseline=BASELINES
        ),
        comparisons=expand(
            "results/{{dataset}}/comparisons/{variant}.tsv",
            variant=SETTINGS.comparisons,
        ),
        chance=expand(
            "results/{{dataset}}/baselines/{baseline}.null.tsv", baseline=BASELINES
        ),
        refitted=null_files,
    output:
        predictions="results/{dataset}/predictions.tsv",
        metrics=report(
            "results/{dataset}/metrics.tsv",
            caption="../workflow/report/metrics.rst",
            category="Tables",
            subcategory="{dataset}",
            labels={"data set": "{dataset}", "result": "metrics"},
        ),
        verdict="results/{dataset}/verdict.json",
        confounding="results/{dataset}/confounding.tsv",
        comparison="results/{dataset}/comparison.tsv",
        calibration="results/{dataset}/calibration.tsv",
        null="results/{dataset}/null.tsv",
    log:
        "results/{dataset}/logs/evaluate.log",
    benchmark:
        "results/{dataset}/benchmarks/evaluate.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        mem_mb=with_attempt(4000),
        runtime=with_attempt(60),
    params:
        *fingerprint("evaluate"),
        start=stage("evaluate"),
        settings=reads("model", "bootstrap", "seed", "ignore_confounders"),
        fixed=PERMUTATIONS["fixed"],
    shell:
        "{params.start} --folds {input.folds:q} --folds-summary {input.summary:q} --samples {input.samples:q}"
        " --predictions-in {input.finetuned:q} {input.comparisons:q} {input.baselines:q}"
        " --null-in {input.chance:q} {input.refitted:q} --fixed-permutations {params.fixed}"
        " --predictions {output.predictions:q} --metrics {output.metrics:q} --verdict {output.verdict:q}"
        " --confounding {output.confounding:q} --comparison {output.comparison:q}"
        " --calibration {output.calibration:q} --null {output.null:q}"
        " --settings {params.settings:q} --log {log:q}"
