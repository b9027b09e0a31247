"""The genes that differ, on the first page: volcano plot, the values of any gene, the table."""

from typing import Any

import pandas as pd

from epigpt.report import blocks, gene_values, style, wording
from epigpt.report.blocks import Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import contrasts as figures
from epigpt.report.figures import gene_points
from epigpt.report.results import Results

_TITLE = "Genes that differ"
_MOST_ROWS = 12_000
_PAGE = 10
_SHOWN = ["symbol", "log2_fold_change", "base_mean", "p", "padj"]
_HEADS = {
    "symbol": "gene",
    "gene": "id",
    "log2_fold_change": "log2 fold change",
    "base_mean": "mean",
    "p": "p",
    "padj": "FDR",
}


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    table = results.contrasts
    if table.empty:
        return Section(
            "genes",
            _TITLE,
            "Which genes differ, by how much and how surely.",
            missing="no gene was tested: a contrast needs two classes with replicates.",
        )
    contrasts = table["contrast"].drop_duplicates().tolist()
    ranked = table.sort_values(["p", "gene"], kind="stable", na_position="last")
    content: list[Any] = []
    explorer = _explorer(results, ranked, contrasts, plates)
    if explorer is not None:
        content.append(explorer)
    content.append(_genes(ranked, contrasts))
    return Section("genes", _TITLE, _told(table, contrasts), content)


def _told(table: pd.DataFrame, contrasts: list[str]) -> str:
    found = table[table["padj"] < figures.THRESHOLD]
    ranked = table.sort_values(["p", "gene"], kind="stable")
    first = ranked.drop_duplicates("gene").head(5)
    names = [wording.short(row.symbol or row.gene, 20) for row in first.itertuples()]
    genes = (
        wording.count(len(found), "gene")
        if len(contrasts) == 1
        else f"{wording.count(len(found), 'change')} in {len(contrasts)} contrasts"
    )
    return f"{genes} at a false discovery rate of 5 %; most different: {wording.listing(names)}."


def _explorer(
    results: Results, ranked: pd.DataFrame, contrasts: list[str], plates: FigureWriter
) -> blocks.Explorer | None:
    data = results.expression
    if data is None:
        return None
    known = set(data.var.index)
    markers = [gene for gene in results.markers["gene"] if gene in known]
    wanted = [
        gene for gene in dict.fromkeys([*ranked["gene"].head(500), *markers, *ranked["gene"]])
        if gene in known
    ]  # fmt: skip
    owner = data.obs["sample"] if "sample" in data.obs else data.obs.index.to_series()
    genes = wanted[: gene_values.how_many(owner.nunique())]
    if not genes:
        return None
    samples, counts, lognorm = gene_values.of_samples(data, genes)
    about = results.samples.drop_duplicates("sample").set_index("sample")
    labels = [str(about["label"].get(name, "")) for name in samples]
    groups = [str(about["group"].get(name, "")) for name in samples]
    classes = [name for name in results.classes if name in set(labels)] or sorted(set(labels))
    donors = list(dict.fromkeys(groups))
    symbols = data.symbols.loc[genes].tolist()
    content = {
        "samples": [wording.short(results.name(name), 60) for name in samples],
        "ids": samples,
        "classes": [wording.short(name or "no class", 40) for name in classes],
        "class": [classes.index(name) if name in classes else -1 for name in labels],
        "unit": results.unit,
        "groups": [wording.short(name, 40) for name in donors],
        "group": [donors.index(name) for name in groups],
        "genes": genes,
        "symbols": symbols,
        "contrasts": [wording.short(str(name), 80) for name in contrasts],
        "single_cell": results.single_cell,
        "counts": gene_values.packed(counts),
        "expression": gene_values.packed(lognorm),
        "digits": gene_values.DIGITS,
        "palette": list(style.PALETTE),
    }
    fallback = plates.save(
        gene_points.panels(
            pd.DataFrame(lognorm[:, :8], index=samples, columns=symbols[:8]),
            labels,
            groups,
            classes,
        )
    )
    left = len(ranked["gene"].unique()) - len(genes)
    note = (
        f"Values of {len(genes):,} genes are in the page, those with the smallest p first; of the"
        f" other {left:,} they are in exports/normalised.tsv.gz."
        if left > 0
        else ""
    )
    return blocks.Explorer("explorer", "genes", content, fallback, note)


def _genes(ranked: pd.DataFrame, contrasts: list[str]) -> blocks.GeneTable:
    shown = ranked.head(_MOST_ROWS)
    columns = list(_SHOWN)
    if (shown["gene"] != shown["symbol"]).any():
        columns.insert(1, "gene")
    if len(contrasts) > 1:
        columns.append("contrast")
    # Numbers travel with the digits that are shown: the exact ones are in the file.
    data: dict[str, Any] = {
        "columns": [
            (
                [str(value) for value in shown[name]]
                if name in ("symbol", "gene")
                else [_rounded(value) for value in shown[name]]
            )
            for name in columns
            if name != "contrast"
        ],
        "levels": [str(name) for name in contrasts],
        "roles": {name: at for at, name in enumerate(columns)},
    }
    if "contrast" in columns:
        code = {name: at for at, name in enumerate(contrasts)}
        data["columns"].append([code[name] for name in shown["contrast"]])
        data["coded"] = [len(columns) - 1]
    first = [
        [blocks.cell(value, 3, 60) for value in row]
        for row in shown[columns].head(_PAGE).itertuples(index=False, name=None)
    ]
    whole = (
        ""
        if len(shown) == len(ranked)
        else (
            f"The {len(shown):,} rows with the smallest p of {len(ranked):,}; all are in"
            " differential_expression.tsv."
        )
    )
    return blocks.GeneTable(
        "genes",
        "Genes by p value",
        [_HEADS.get(name, name) for name in columns],
        [name not in ("symbol", "gene", "contrast") for name in columns],
        data,
        first,
        whole,
        _PAGE,
    )


def _rounded(value: float) -> float | None:
    return None if pd.isna(value) else float(f"{value:.3g}")
