"""From predictions to metrics and a verdict.

Purpose: score the baselines and variants of GPT-2 on the same folds, also under permuted labels, compare, decide by fixed rules.
Inputs: results/{dataset}/expression.h5ad, folds.tsv, folds.json, samples.tsv, tokens/, the fold models' predictions.
Outputs: results/{dataset}/baselines/, comparisons/, redraws/, foregone.json, null/, learning_curve.tsv, cell_types.tsv, cell_type_contrasts.tsv, locus.json, locus.tsv, predictions.tsv, metrics.tsv, verdict.json, comparison.tsv,
calibration.tsv, confounding.tsv, null.tsv, models/{preset}/final/answer.json.
"""


rule baseline:
    """Fit one baseline on every fold."""
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
    output:
        predictions="results/{dataset}/baselines/{baseline}.tsv",
    log:
        "results/{dataset}/logs/baseline/{baseline}.log",
    benchmark:
        "results/{dataset}/benchmarks/baseline/{baseline}.benchmark.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        **grows(mem_mb=4000, minutes=120),
    params:
        **stage("baseline", "seed"),
    shell:
        "{params.command} --log {log:q}"


rule baseline_null:
    """Score one baseline under permuted labels, where the setting permutations asks for it."""
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
    output:
        scores="results/{dataset}/null/baselines/{baseline}.tsv",
    log:
        "results/{dataset}/logs/null/{baseline}.log",
    benchmark:
        "results/{dataset}/benchmarks/null/{baseline}.benchmark.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        **grows(mem_mb=4000, minutes=120),
    params:
        **stage("baseline_null", "permutations.baselines", "seed"),
    shell:
        "{params.command} --log {log:q}"


rule learning_curve:
    """Fit logistic regression on a growing number of groups."""
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
    output:
        curve="results/{dataset}/learning_curve.tsv",
    log:
        "results/{dataset}/logs/learning_curve.log",
    benchmark:
        "results/{dataset}/benchmarks/learning_curve.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        **grows(mem_mb=4000, minutes=60),
    params:
        **stage("learning_curve", "seed"),
    shell:
        "{params.command} --log {log:q}"


rule cell_types:
    """Compare the classes, and tell them apart, within each kind of cell; of bulk, tables without rows."""
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
    output:
        types="results/{dataset}/cell_types.tsv",
        contrasts="results/{dataset}/cell_type_contrasts.tsv",
    log:
        "results/{dataset}/logs/cell_types.log",
    benchmark:
        "results/{dataset}/benchmarks/cell_types.tsv"
    conda:
        "../envs/prepare.yaml"
    resources:
        **grows(mem_mb=4000, minutes=60),
    params:
        **stage("cell_types", "seed", "bootstrap", "row.covariates"),
    shell:
        "{params.command} --log {log:q}"


if not ALL_IN_ONE:

    rule comparison:
        """Fit a variant of GPT-2 on every fold; one job, because its imports take longer than a small model's training."""
        input:
            of_fits(FitFiles.fold_tokens),
            folds="results/{dataset}/folds.tsv",
            pretrained=fetched_weights,
        output:
            predictions=f"{COMPARISONS}/{{variant}}.tsv",
        log:
            "results/{dataset}/logs/comparison/{variant}.log",
        benchmark:
            "results/{dataset}/benchmarks/comparison/{variant}.benchmark.tsv"
        conda:
            TRAINING_ENVIRONMENT
        resources:
            **refitting_resources(),
        params:
            **stage("comparison", "model", "repeats.own", *TRAINING_KEYS),
            tokens="results/{dataset}/tokens",
        shell:
            "{params.command} --tokens {params.tokens:q} --log {log:q}"


rule redraw:
    """Encode and fit GPT-2, or a variant of it, on another draw of the folds, all of them in one process."""
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        pretrained=fetched_weights,
        summary="results/{dataset}/folds.json",
    output:
        predictions="results/{dataset}/redraws/{redrawn}/{repeat}.tsv",
    log:
        "results/{dataset}/logs/redraw/{redrawn}/{repeat}.log",
    benchmark:
        "results/{dataset}/benchmarks/redraw/{redrawn}/{repeat}.benchmark.tsv"
    conda:
        TRAINING_ENVIRONMENT
    resources:
        **refitting_resources(),
    params:
        **stage("redraw", "model", *ENCODING_KEYS, *TRAINING_KEYS),
    shell:
        "{params.command} --log {log:q}"


checkpoint foregone:
    """Say what of the answer is known before any training; a checkpoint, because permutations that decide nothing are not run."""
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
        samples="results/{dataset}/samples.tsv",
        quality="results/{dataset}/quality.tsv",
        reading="results/{dataset}/reading.json",
    output:
        known="results/{dataset}/foregone.json",
    log:
        "results/{dataset}/logs/foregone.log",
    benchmark:
        "results/{dataset}/benchmarks/foregone.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        **grows(mem_mb=4000, minutes=20),
    params:
        **stage("foregone"),
    shell:
        "{params.command} --log {log:q}"


rule null:
    """Run GPT-2's whole pipeline again under permuted labels, a few permutations to a job."""
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        pretrained=fetched_weights,
        summary="results/{dataset}/folds.json",
        looked=once_due(FitFiles.first_permuted),
        true=once_due(FitFiles.true_scores),
    output:
        scores="results/{dataset}/null/{first}-{last}.tsv",
    log:
        "results/{dataset}/logs/null/{first}-{last}.log",
    benchmark:
        "results/{dataset}/benchmarks/null/{first}-{last}.benchmark.tsv"
    conda:
        TRAINING_ENVIRONMENT
    resources:
        **refitting_resources(),
    params:
        **stage("null", "model", *ENCODING_KEYS, *TRAINING_KEYS),
    shell:
        "{params.command} --log {log:q}"


rule locus:
    """Ask whether the deciding genes crowd one place of the genome; if so, fit every model again without it."""
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        pretrained=fetched_weights,
        summary="results/{dataset}/folds.json",
        attributions="results/{dataset}/attributions.tsv",
        finetuned=of_fits(FitFiles.of_folds, "predictions.tsv"),
        baselines=expand("results/{{dataset}}/baselines/{baseline}.tsv", baseline=BASELINES),
    output:
        locus="results/{dataset}/locus.json",
        scores="results/{dataset}/locus.tsv",
    log:
        "results/{dataset}/logs/locus.log",
    benchmark:
        "results/{dataset}/benchmarks/locus.tsv"
    conda:
        TRAINING_ENVIRONMENT
    resources:
        # A large model is not fitted again, so that a data set stays one job of a GPU.
        **(grows(mem_mb=4000, minutes=120) if ALL_IN_ONE else refitting_resources()),
    params:
        **stage("locus", "model", "bootstrap", *ENCODING_KEYS, *TRAINING_KEYS),
    shell:
        "{params.command} --log {log:q}"


rule evaluate:
    """Score every model on the same folds and decide the answer."""
    input:
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
        samples="results/{dataset}/samples.tsv",
        quality="results/{dataset}/quality.tsv",
        reading="results/{dataset}/reading.json",
        locus="results/{dataset}/locus.json",
        finetuned=of_fits(FitFiles.of_folds, "predictions.tsv"),
        redraws=of_fits(FitFiles.redraws, [model_names.FINETUNED, *SETTINGS.comparisons]),
        baselines=expand("results/{{dataset}}/baselines/{baseline}.tsv", baseline=BASELINES),
        comparisons=expand(
            "results/{{dataset}}/comparisons/{variant}.tsv", variant=SETTINGS.comparisons
        ),
        chance=expand(
            "results/{{dataset}}/null/baselines/{baseline}.tsv",
            baseline=BASELINES if RUN.permutations["baselines"] else [],
        ),
        refitted=of_fits(FitFiles.permuted),
    output:
        predictions="results/{dataset}/predictions.tsv",
        metrics=shown_table("metrics"),
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
        **grows(mem_mb=4000, minutes=60),
    params:
        **stage(
            "evaluate", "model", "bootstrap", "seed", "ignore_confounders", "permutations.fixed"
        ),
    shell:
        "{params.command} --log {log:q}"


rule model_answer:
    """Give the final model the answer of its series to take along, and how far held-out samples lie from their fold's reference."""
    input:
        expression="results/{dataset}/expression.h5ad",
        folds="results/{dataset}/folds.tsv",
        answer="results/{dataset}/verdict.json",
        reading="results/{dataset}/reading.json",
        vocabularies=of_fits(FitFiles.of_folds, "vocabulary.json"),
        references=of_fits(FitFiles.of_folds, "reference.npz"),
    output:
        told=fit_files("{dataset}").answer,
    log:
        f"results/{{dataset}}/logs/model_answer/{PRESET.name}.log",
    benchmark:
        f"results/{{dataset}}/benchmarks/model_answer/{PRESET.name}.benchmark.tsv"
    conda:
        TRAINING_ENVIRONMENT
    resources:
        **grows(mem_mb=4000, minutes=30),
    params:
        **stage("model_answer", "row.source"),
        final=f"{MODELS}/final",
    shell:
        "{params.command} --final {params.final:q} --log {log:q}"
