"""Across series: trained on one data set, tested on another."""

from typing import Any

from epigpt.report import blocks
from epigpt.report.blocks import Section
from epigpt.report.results import Results, read_table

_TITLE = "Across series"


def sections(results: Results) -> list[Section]:
    """Make the section, or none where the data set takes part in no pair."""
    table = read_table(results.folder, "transfer")
    if table.empty:
        return []
    auc = table[table["metric"] == "auc"].drop(columns=["metric", "preset", "null_mean", "reason"], errors="ignore")
    told = "See whether what was learned in one series is found in another, of whatever species, that the models never saw."
    note = (
        "Over the genes that both series have as human orthologs. Vocabulary, reference, tuning and weights are of the series trained on"
        " alone. Intervals are over the groups of the series tested on; p permutes their labels. Other metrics: transfer.tsv."
    )
    untested = table[table["metric"] == ""]
    reasons = [f"{row.trained_on} → {row.tested_on} was not tested: {row.reason}." for row in untested.itertuples()]
    shown: list[Any] = [blocks.Prose(reason, strong=True) for reason in reasons]
    if not auc.empty:
        shown.append(blocks.table(auc, "transfer-table", "AUC on the series tested on", note=note))
    return [Section("transfer", _TITLE, told, shown)]
