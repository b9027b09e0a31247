"""From gene tokens to fine-tuned models.

Purpose: fine-tune GPT-2 on the training samples of each fit and score the held-out ones; before it, where the key adapt asks for it,
next-gene language modelling on the same samples. On one device the rule models trains all fits of a data set in one job; on several
devices the rule train trains each fit on all of them.
Inputs: results/{dataset}/tokens/{fit}/.
Outputs: results/{dataset}/models/{preset}/{fit}/ with weights, vocabulary, reference, training.jsonl, plan.json, predictions.tsv.
"""

COMPARISONS = "results/{dataset}/comparisons"
ATTRIBUTIONS = {
    "attributions": "results/{dataset}/attributions.tsv",
    "agreement": "results/{dataset}/attribution_agreement.tsv",
    "summary": "results/{dataset}/attributions.json",
}
MODELS = f"results/{{dataset}}/models/{PRESET.name}"
# What the job that trains all fits of a data set reads beside the tokens, and what it makes.
MODEL_INPUTS = {}
MODEL_FOLDERS = {
    "repeats": [directory(f"{MODELS}/repeat{repeat}") for repeat in range(RUN.repeats["own"])],
    "final": directory(f"{MODELS}/final"),
}
if ALL_IN_ONE:
    if SETTINGS.comparisons:
        MODEL_INPUTS["folds"] = "results/{dataset}/folds.tsv"
    MODEL_INPUTS["contrasts"] = "results/{dataset}/differential_expression.tsv"
    MODEL_FOLDERS |= {
        "comparisons": [f"{COMPARISONS}/{variant}.tsv" for variant in SETTINGS.comparisons],
        **ATTRIBUTIONS,
    }


if TOGETHER:
    MODELS_STAGE = (
        stage(
            "models_and_attributions",
            "model",
            "attributions",
            "knockouts",
            "repeats.own",
            *TRAINING_KEYS,
            unwatched=("keep_fold_weights",),
            launch=on_hardware,
        )
        if ALL_IN_ONE
        else stage("models", *TRAINING_KEYS, unwatched=("keep_fold_weights",), launch=on_hardware)
    )

    rule models:
        """Fine-tune every fold's model of a data set and the final one in one process."""
        input:
            **MODEL_INPUTS,
            tokens=of_fits(FitFiles.tokens),
            pretrained=fetched_weights,
            adapted=of_fits(FitFiles.adapted),
        output:
            **MODEL_FOLDERS,
        log:
            f"results/{{dataset}}/logs/models/{PRESET.name}.log",
        benchmark:
            f"results/{{dataset}}/benchmarks/models/{PRESET.name}.benchmark.tsv"
        priority: LONGEST_PATH
        conda:
            TRAINING_ENVIRONMENT
        threads: TRAINING_THREADS
        resources:
            **models_resources(),
        params:
            **MODELS_STAGE,
            # Outside the declared outputs, which Snakemake deletes when a job fails: training resumes from here.
            checkpoints=f"results/{{dataset}}/checkpoints/{PRESET.name}",
            name=PRESET.name,
        shell:
            "{params.command} --preset {params.name} --checkpoints {params.checkpoints:q} --log {log:q}"


rule train:
    """Fine-tune GPT-2 on the training samples of one fit, score the held-out ones."""
    input:
        tokens="results/{dataset}/tokens/{fit}",
        pretrained=fetched_weights,
        adapted=adapted_weights,
    output:
        weights="results/{dataset}/models/{preset}/{fit}/model.safetensors",
        config="results/{dataset}/models/{preset}/{fit}/config.json",
        vocabulary="results/{dataset}/models/{preset}/{fit}/vocabulary.json",
        reference="results/{dataset}/models/{preset}/{fit}/reference.npz",
        labels="results/{dataset}/models/{preset}/{fit}/labels.json",
        card="results/{dataset}/models/{preset}/{fit}/README.md",
        checksums="results/{dataset}/models/{preset}/{fit}/checksums.json",
        steps="results/{dataset}/models/{preset}/{fit}/training.jsonl",
        plan="results/{dataset}/models/{preset}/{fit}/plan.json",
        predictions="results/{dataset}/models/{preset}/{fit}/predictions.tsv",
    log:
        "results/{dataset}/logs/train/{preset}/{fit}.log",
    benchmark:
        "results/{dataset}/benchmarks/train/{preset}/{fit}.benchmark.tsv"
    priority: LONGEST_PATH
    conda:
        TRAINING_ENVIRONMENT
    threads: TRAINING_THREADS
    resources:
        **training_resources(),
    params:
        **stage("train", *TRAINING_KEYS, launch=on_hardware),
        # Outside the declared outputs, which Snakemake deletes when a job fails: training resumes from here.
        checkpoints="results/{dataset}/checkpoints/{preset}/{fit}",
    shell:
        "{params.command} --checkpoints {params.checkpoints:q} --log {log:q}"


rule adapt:
    """Continue pretraining on the training samples of one fit, without their labels."""
    input:
        tokens="results/{dataset}/tokens/{fit}",
        pretrained=fetched_weights,
    output:
        adapted=directory("results/{dataset}/adapted/{preset}/{fit}"),
    log:
        "results/{dataset}/logs/adapt/{preset}/{fit}.log",
    benchmark:
        "results/{dataset}/benchmarks/adapt/{preset}/{fit}.benchmark.tsv"
    priority: LONGEST_PATH
    conda:
        TRAINING_ENVIRONMENT
    threads: TRAINING_THREADS
    resources:
        **training_resources(),
    params:
        **stage(
            "adapt",
            "preset",
            "adapt",
            "learning_rate",
            "global_batch_size",
            "precision",
            "weights",
            "seed",
            launch=on_hardware,
        ),
        checkpoints="results/{dataset}/checkpoints/adapt/{preset}/{fit}",
    shell:
        "{params.command} --checkpoints {params.checkpoints:q} --log {log:q}"
