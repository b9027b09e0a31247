"""From result files to pages people read.

Purpose: record where a result comes from, write one self-contained page per data set and one over all of them.
Inputs: every result file of a data set.
Outputs: results/{dataset}/provenance.json, reporting.tsv, report.html, figures/, exports/, ro-crate-metadata.json; results/index.html.
"""


rule provenance:
    """Record versions, checksums, seeds and settings behind a data set's results; fill the reporting sheet."""
    input:
        # It reads the logs and benchmarks of the jobs that make these, and follows them.
        of_fits(FitFiles.reported),
        expand(
            "results/{{dataset}}/{file}",
            file=["metrics.tsv", "markers.tsv", "samples.tsv", "quality.tsv", "folds.tsv"]
            + ["confounding.tsv", "predictions.tsv", "verdict.json", "locus.json"],
        ),
        manifest="results/{dataset}/geo/manifest.tsv",
        reading="results/{dataset}/reading.json",
        folds="results/{dataset}/folds.json",
    output:
        provenance="results/{dataset}/provenance.json",
        reporting=shown_table("reporting", "reporting sheet"),
    log:
        "results/{dataset}/logs/provenance.log",
    benchmark:
        "results/{dataset}/benchmarks/provenance.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        **stage("provenance", everything=True),
        # As it asks for resources, another version is no reason to run again.
        snakemake=lambda wildcards, resources: SNAKEMAKE,
    shell:
        "{params.command} --snakemake {params.snakemake} --log {log:q}"


rule report:
    """Write the page and the figures of a data set."""
    input:
        of_fits(FitFiles.reported),
        manifest="results/{dataset}/geo/manifest.tsv",
        samples="results/{dataset}/samples.tsv",
        reading="results/{dataset}/reading.json",
        quality="results/{dataset}/quality.tsv",
        expression="results/{dataset}/expression.h5ad",
        contrasts="results/{dataset}/differential_expression.tsv",
        design="results/{dataset}/differential_expression.json",
        folds="results/{dataset}/folds.tsv",
        summary="results/{dataset}/folds.json",
        predictions="results/{dataset}/predictions.tsv",
        metrics="results/{dataset}/metrics.tsv",
        verdict="results/{dataset}/verdict.json",
        comparison="results/{dataset}/comparison.tsv",
        confounding="results/{dataset}/confounding.tsv",
        calibration="results/{dataset}/calibration.tsv",
        null="results/{dataset}/null.tsv",
        learning_curve="results/{dataset}/learning_curve.tsv",
        cell_types="results/{dataset}/cell_types.tsv",
        cell_type_contrasts="results/{dataset}/cell_type_contrasts.tsv",
        attributions="results/{dataset}/attributions.tsv",
        attributions_summary="results/{dataset}/attributions.json",
        agreement="results/{dataset}/attribution_agreement.tsv",
        markers="results/{dataset}/markers.tsv",
        sets="results/{dataset}/marker_sets.tsv",
        transfer=["results/{dataset}/transfer.tsv"] if PAIRS else [],
        enrichment="results/{dataset}/gene_set_enrichment.tsv",
        balance="results/{dataset}/excitation_inhibition.tsv",
        claims="results/{dataset}/claims.tsv",
        provenance="results/{dataset}/provenance.json",
        locus="results/{dataset}/locus.tsv",
        reporting="results/{dataset}/reporting.tsv",
    output:
        page=report(
            "results/{dataset}/report.html",
            caption="../workflow/report/report.rst",
            category="Reports",
            labels={"data set": "{dataset}"},
        ),
        figures=report(
            directory("results/{dataset}/figures"),
            patterns=["{figure}.svg"],
            caption="../workflow/report/figures.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"data set": "{dataset}", "figure": "{figure}"},
        ),
        exports=directory("results/{dataset}/exports"),
    log:
        "results/{dataset}/logs/report.log",
    benchmark:
        "results/{dataset}/benchmarks/report.tsv"
    conda:
        "../envs/report.yaml"
    threads: 2
    resources:
        **grows(mem_mb=4000, minutes=30),
    params:
        **stage("report"),
    shell:
        "{params.command} --log {log:q}"


rule crate:
    """Describe a data set's results as an RO-Crate."""
    input:
        provenance="results/{dataset}/provenance.json",
        page="results/{dataset}/report.html",
        manifest="results/{dataset}/geo/manifest.tsv",
    output:
        crate="results/{dataset}/ro-crate-metadata.json",
    log:
        "results/{dataset}/logs/crate.log",
    benchmark:
        "results/{dataset}/benchmarks/crate.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        **stage("crate"),
    shell:
        "{params.command} --log {log:q}"


rule index:
    """Write the page that shows all data sets side by side."""
    input:
        pages=expand("results/{dataset}/report.html", dataset=ROWS),
    output:
        index=report(
            "results/index.html",
            caption="../workflow/report/index.rst",
            category="Index",
            labels={"page": "all data sets"},
        ),
    log:
        "results/logs/index.log",
    benchmark:
        "results/logs/index.benchmark.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    params:
        **stage("index"),
    shell:
        "{params.command} --log {log:q}"
