"""From gene tokens to fine-tuned models.

Purpose: fine-tune GPT-2 on the training samples of each fit and score the held-out ones; before it, where the key adapt asks for it,
next-gene language modelling on the same samples.
Inputs: results/{dataset}/tokens/{fit}/.
Outputs: results/{dataset}/models/{preset}/{fit}/ with weights, vocabulary, reference, training.jsonl, plan.json, predictions.tsv.
"""


rule train:
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
        steps="results/{dataset}/models/{preset}/{fit}/training.jsonl",
        plan="results/{dataset}/models/{preset}/{fit}/plan.json",
        predictions="results/{dataset}/models/{preset}/{fit}/predictions.tsv",
    log:
        "results/{dataset}/logs/train/{preset}/{fit}.log",
    benchmark:
        "results/{dataset}/benchmarks/train/{preset}/{fit}.benchmark.tsv"
    conda:
        TRAINING_ENVIRONMENT
    threads: 1 if HARDWARE.device == "cpu" and HARDWARE.devices == 1 else 2 * HARDWARE.devices
    resources:
        **training_resources(),
    params:
        *fingerprint("train"),
        start=training("train"),
        threads_each=threads_per_process,
        settings=reads(*TRAINING_KEYS, "adapt"),
        adapted=adapted_option,
        checkpoint_minutes=checkpoint_minutes,
        folder="results/{dataset}/models/{preset}/{fit}",
        # Outside the declared outputs, which Snakemake deletes when a job fails: training resumes from here.
        checkpoints="results/{dataset}/checkpoints/{preset}/{fit}",
    shell:
        "{params.start} --tokens {input.tokens:q} --fit {wildcards.fit} --preset {wildcards.preset}"
        " --checkpoints {params.checkpoints:q} --checkpoint-minutes {params.checkpoint_minutes}"
        " --output-folder {params.folder:q}"
        " {params.adapted} --settings {params.settings:q} --threads {params.threads_each} --log {log:q}"


rule adapt:
    input:
        tokens="results/{dataset}/tokens/{fit}",
        pretrained=fetched_weights,
    output:
        folder=directory("results/{dataset}/adapted/{preset}/{fit}"),
    log:
        "results/{dataset}/logs/adapt/{preset}/{fit}.log",
    benchmark:
        "results/{dataset}/benchmarks/adapt/{preset}/{fit}.benchmark.tsv"
    conda:
        TRAINING_ENVIRONMENT
    threads: 1 if HARDWARE.device == "cpu" and HARDWARE.devices == 1 else 2 * HARDWARE.devices
    resources:
        **training_resources(),
    params:
        *fingerprint("adapt"),
        start=training("adapt"),
        threads_each=threads_per_process,
        settings=reads(
            "preset",
            "adapt",
            "learning_rate",
            "global_batch_size",
            "precision",
            "weights",
            "seed",
        ),
        checkpoint_minutes=checkpoint_minutes,
        checkpoints="results/{dataset}/checkpoints/adapt/{preset}/{fit}",
    shell:
        "{params.start} --tokens {input.tokens:q} --fit {wildcards.fit} --preset {wildcards.preset}"
        " --checkpoints {params.checkpoints:q} --checkpoint-minutes {params.checkpoint_minutes}"
        " --output-folder {output.folder:q}"
        " --settings {params.settings:q} --threads {params.threads_each} --log {log:q}"
