"""From contrasts to the biology the report is read for.

Purpose: marker sets with their expected directions, the excitation/inhibition score, the paper's claims.
Inputs: results/{dataset}/differential_expression.tsv, expression.h5ad.
Outputs: results/{dataset}/markers.tsv, excitation_inhibition.tsv, claims.tsv.
"""


rule markers:
    input:
        contrasts="results/{dataset}/differential_expression.tsv",
        expression="results/{dataset}/expression.h5ad",
    output:
        markers=report(
            "results/{dataset}/markers.tsv",
            caption="../workflow/report/markers.rst",
            category="Tables",
            subcategory="{dataset}",
            labels={"data set": "{dataset}", "result": "markers"},
        ),
        balance="results/{dataset}/excitation_inhibition.tsv",
        claims=report(
            "results/{dataset}/claims.tsv",
            caption="../workflow/report/claims.rst",
            category="Tables",
            subcategory="{dataset}",
            labels={"data set": "{dataset}", "result": "claims"},
        ),
    log:
        "results/{dataset}/logs/markers.log",
    benchmark:
        "results/{dataset}/benchmarks/markers.tsv"
    conda:
        "../envs/evaluate.yaml"
    resources:
        mem_mb=with_attempt(4000),
        runtime=with_attempt(30),
    params:
        *fingerprint("markers"),
        start=stage("markers"),
    shell:
        "{params.start} --contrasts {input.contrasts:q} --expression {input.expression:q}"
        " --markers {output.markers:q} --balance {output.balance:q} --claims {output.claims:q} --log {log:q}"
