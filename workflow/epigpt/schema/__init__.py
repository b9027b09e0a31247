"""What a data set's results hold: every file, and of every table the columns, their types, units
and meaning.

The one source of the README's list, of docs/results.md (`make documents`), of how the report reads
its tables, and of the test that holds finished results against the contract. The stages that write
the tables do not import it, so that a better wording reruns no model.
"""

from epigpt.schema import evaluation, expression, interpretation
from epigpt.schema.tables import Column, Kind, ResultFile

__all__ = ["ASKED_FOR", "FILES", "TABLES", "Column", "Kind", "ResultFile"]

FILES = (
    *expression.FILES,
    *evaluation.FILES,
    *interpretation.FILES,
    ResultFile(
        "provenance.json",
        (
            "versions as each job saw them, settings, seeds, checksums, citations; "
            "time, memory and GPU energy of each job"
        ),
    ),
    ResultFile("ro-crate-metadata.json", "the same as an RO-Crate: sources, results, software"),
)
TABLES = {file.name: file for file in FILES if file.columns}
# What the workflow asks for by name, or a deleted one would not be missed beside a finished report.
ASKED_FOR = (
    "samples.tsv",
    "quality.tsv",
    "differential_expression.tsv",
    "differential_expression.json",
    "folds.tsv",
    "predictions.tsv",
    "metrics.tsv",
    "comparison.tsv",
    "learning_curve.tsv",
    "cell_types.tsv",
    "cell_type_contrasts.tsv",
    "confounding.tsv",
    "locus.json",
    "locus.tsv",
    "verdict.json",
    "markers.tsv",
    "marker_sets.tsv",
    "gene_set_enrichment.tsv",
    "attributions.tsv",
    "attributions.json",
    "attribution_agreement.tsv",
    "transfer.tsv",
    "excitation_inhibition.tsv",
    "claims.tsv",
    "provenance.json",
    "reporting.tsv",
    "ro-crate-metadata.json",
)
