"""From models and contrasts to the biology the report is read for.

Purpose: what the folds' models attribute to each gene on held-out samples; marker sets with their expected directions, tests of whole
sets (the user's too), the excitation/inhibition score, the paper's claims.
Inputs: results/{dataset}/differential_expression.tsv, expression.h5ad, the folds' tokens and models.
Outputs: results/{dataset}/attributions.tsv, attributions.json, attribution_agreement.tsv, markers.tsv, marker_sets.tsv,
gene_set_enrichment.tsv, excitation_inhibition.tsv, claims.tsv.
"""

if not ALL_IN_ONE:

    rule attributions:
        """Attribute the folds' models to genes on held-out samples."""
        input:
            weights=explained(of_fits(FitFiles.of_folds, "model.safetensors")),
            configs=[] if TOGETHER else explained(of_fits(FitFiles.of_folds, "config.json")),
            tokens=explained(of_fits(FitFiles.fold_tokens)),
            contrasts="results/{dataset}/differential_expression.tsv",
        output:
            **ATTRIBUTIONS,
        log:
            "results/{dataset}/logs/attributions.log",
        benchmark:
            "results/{dataset}/benchmarks/attributions.tsv"
        priority: LONGEST_PATH
        conda:
            TRAINING_ENVIRONMENT
        resources:
            **refitting_resources(),
        params:
            **stage("attributions", "attributions", "knockouts"),
        shell:
            "{params.command} --log {log:q}"


rule enrichment:
    """Ask where gene sets lie in the ranking of all genes."""
    input:
        contrasts="results/{dataset}/differential_expression.tsv",
        expression="results/{dataset}/expression.h5ad",
        gene_sets=SETTINGS.gene_sets,
    output:
        enrichment="results/{dataset}/gene_set_enrichment.tsv",
    log:
        "results/{dataset}/logs/enrichment.log",
    benchmark:
        "results/{dataset}/benchmarks/enrichment.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        **grows(mem_mb=4000, minutes=30),
    params:
        **stage("enrichment", "seed", "pathways"),
    shell:
        "{params.command} --log {log:q}"


rule markers:
    """Hold marker genes, marker sets and published claims against the data set."""
    input:
        contrasts="results/{dataset}/differential_expression.tsv",
        expression="results/{dataset}/expression.h5ad",
        attributions="results/{dataset}/attributions.tsv",
        answer="results/{dataset}/verdict.json",
        reading="results/{dataset}/reading.json",
        gene_sets=SETTINGS.gene_sets,
    output:
        markers=shown_table("markers"),
        sets="results/{dataset}/marker_sets.tsv",
        balance="results/{dataset}/excitation_inhibition.tsv",
        claims=shown_table("claims"),
    log:
        "results/{dataset}/logs/markers.log",
    benchmark:
        "results/{dataset}/benchmarks/markers.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        **grows(mem_mb=4000, minutes=30),
    params:
        **stage("markers", "domain"),
    shell:
        "{params.command} --log {log:q}"
