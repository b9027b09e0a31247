"""Pretrained weights.

Purpose: fetch what the key weights names from a model hub, on the machine that runs Snakemake; every other rule works offline.
Inputs: the hub (HF_ENDPOINT, else huggingface.co).
Outputs: results/weights/{repository}/ with config.json, safetensors, and source.json that names the commit.
"""


rule weights:
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
        *fingerprint("weights"),
        start=stage("weights"),
        settings=reads("weights"),
        preset=PRESET.name,
    shell:
        "{params.start} --preset {params.preset} --output-folder {output.folder:q}"
        " --settings {params.settings:q} --log {log:q}"
