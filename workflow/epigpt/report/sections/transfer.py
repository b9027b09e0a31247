"""Across series: trained on one data set, tested on another."""

from epigpt.report import blocks
from epigpt.report.blocks import Section
from epigpt.report.results import Results, read_table

_TITLE = "Across series"


def sections(results: Results) -> list[Section]:
    """Make the section, or none where the data set takes part in no pair."""
    table = read_table(results.folder, "transfer")
    if table.empty:
        return []
    auc = table[table["metric"] == "auc"].drop(columns=["metric", "preset", "null_mean"])
    told = "See whether what was learned in one series is found in another, of whatever species, that the models never saw."
    note = (
        "Over the genes that both series have as human orthologs. Vocabulary, reference, tuning and weights are of the series trained on"
        " alone. Intervals are over the groups of the series tested on; p permutes their labels. Other metrics: transfer.tsv."
    )
    return [Section("transfer", _TITLE, told, [blocks.table(auc, "transfer-table", "AUC on the series tested on", note=note)])]
