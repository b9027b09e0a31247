"""From predictions to metrics and a verdict.

Purpose: score the baselines on the same folds, compare GPT-2 with them, decide by fixed rules.
Inputs: results/{dataset}/expression.h5ad, folds.tsv, samples.tsv, the fold models' predictions.
Outputs: results/{dataset}/baselines/{baseline}.tsv, predictions.tsv, metrics.tsv, verdict.json.
"""


rule baseline:
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
    output:
        predictions="results/{dataset}/baselines/{baseline}.tsv",
    log:
        "results/{dataset}/logs/baseline/{baseline}.log",
    benchmark:
        "results/{dataset}/benchmarks/baseline/{baseline}.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        mem_mb=with_attempt(4000),
        runtime=with_attempt(60),
    params:
        *fingerprint("baseline"),
        start=stage("baseline"),
        settings=reads("seed"),
    shell:
        "{params.start} --model {wildcards.baseline} --expression {input.expression:q} --folds {input.folds:q}"
        " --output {output.predictions:q} --settings {params.settings:q} --log {log:q}"


rule evaluate:
    input:
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
        samples="results/{dataset}/samples.tsv",
        finetuned=fold_files("predictions.tsv"),
        baselines=expand(
            "results/{{dataset}}/baselines/{baseline}.tsv", baseline=BASELINES
        ),
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
    shell:
        "{params.start} --folds {input.folds:q} --folds-summary {input.summary:q} --samples {input.samples:q}"
        " --predictions-in {input.finetuned:q} {input.baselines:q}"
        " --predictions {output.predictions:q} --metrics {output.metrics:q} --verdict {output.verdict:q}"
        " --settings {params.settings:q} --log {log:q}"
