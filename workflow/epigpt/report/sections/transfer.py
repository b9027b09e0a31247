"""Across series: trained on one data set, tested on another."""

from typing import Any

import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Cell, Section
from epigpt.report.results import Results, read_table
from epigpt.report.sections.models import chance, estimate

_TITLE = "Across series"


def sections(results: Results) -> list[Section]:
    """Make the section, or none where the data set takes part in no pair."""
    table = read_table(results.folder, "transfer")
    if table.empty:
        return []
    auc = table[table["metric"] == "auc"]
    told = (
        "See whether what was learned in one series is found in another, of whatever species, that"
        " the models never saw."
    )
    note = (
        "Over the genes that both series have as human orthologs. Vocabulary, reference, tuning and"
        " weights are of the series trained on alone. Intervals are over the units of the series"
        " tested on; p permutes their labels. Other metrics: transfer.tsv."
    )
    untested = table[table["metric"] == ""]
    reasons = [
        f"{row.trained_on} → {row.tested_on} was not tested: {row.reason}."
        for row in untested.itertuples()
    ]
    shown: list[Any] = [blocks.Prose(reason, strong=True) for reason in reasons]
    if not auc.empty:
        shown.append(_scores(auc, note))
    return [Section("transfer", _TITLE, told, shown)]


def _scores(auc: pd.DataFrame, note: str) -> blocks.Table:
    permuted = bool(auc["p"].notna().any())
    rows = [
        [
            Cell(wording.short(row.trained_on), row.trained_on),
            Cell(wording.short(row.tested_on), row.tested_on),
            Cell(
                wording.MODEL_NAMES.get(row.model, row.model),
                row.model,
                "strong" if row.model == "finetuned" else "",
            ),
            estimate(pd.Series(row._asdict())),
            *([chance(pd.Series(row._asdict()))] if permuted else []),
            blocks.cell(float(row.n_samples)),
            Cell(f"{wording.number(float(row.n_groups))} {row.unit}", f"{float(row.n_groups):g}"),
            blocks.cell(float(row.shared_genes)),
        ]
        for row in auc.astype({"shared_genes": float}).itertuples(index=False)
    ]
    columns = [
        "trained on",
        "tested on",
        "model",
        "AUC",
        *(["p"] if permuted else []),
        "samples tested",
        "units tested",
        "genes shared",
    ]
    return blocks.Table(
        "transfer-table",
        "AUC on the series tested on, with 95 % intervals",
        columns,
        rows,
        [False] * 3 + [True] * (len(columns) - 3),
        note,
        folded=40,
    )
