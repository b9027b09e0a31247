"""Pretrained weights.

Purpose: fetch what the key weights, or pretraining.weights, names from a model hub, on the machine that runs Snakemake; every other rule works offline.
Inputs: the hub (HF_ENDPOINT, else huggingface.co).
Outputs: results/weights/{repository}/ with config.json, safetensors, and source.json that names the commit.
"""


rule weights:
    """Fetch pretrained weights from a model hub, on the machine that runs Snakemake: compute nodes often have no way out."""
    output:
        folder=directory("results/weights/{repository}"),
    log:
        "results/weights/{repository}.log",
    benchmark:
        "results/weights/{repository}.benchmark.tsv"
    # Compute nodes of clusters often have no way out.
    localrule: True
    conda:
        TRAINING_ENVIRONMENT
    params:
        **stage("weights", "model", "fetched"),
    shell:
        "{params.command} --log {log:q}"
