"""What a reader takes along: the normalised matrix, a notebook and an R script that draw the
figures from the tables beside them, and content for a MultiQC report."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from epigpt import files
from epigpt.report import gene_values, style, wording
from epigpt.report.results import Results

_TEMPLATES = Path(__file__).parent / "templates"
_COMPONENTS = 5


def write(results: Results, folder: Path) -> None:
    """Write the exports of one data set into an existing folder."""
    samples = results.samples
    if results.expression is not None:
        names = _matrix(results, folder)
        samples = samples.set_index("sample").reindex(names).rename_axis("sample").reset_index()
        samples = pd.concat([samples, _components(results, names)], axis=1)
    files.write_tsv(folder / "samples.tsv", samples)
    _gzipped(folder / "contrasts.tsv.gz", _as_tsv(results.contrasts))
    files.write_tsv(folder / "pathways.tsv", results.enrichment)
    notebook = (_TEMPLATES / "figures.notebook.txt").read_text(encoding="utf-8")
    files.write_text(folder / "figures.ipynb", _notebook(_named(notebook, results)))
    script = (_TEMPLATES / "figures.R.txt").read_text(encoding="utf-8")
    files.write_text(folder / "figures.R", _named(script, results))
    _multiqc(results, folder)


def _named(text: str, results: Results) -> str:
    """Fill in what a script is about, and the classes in the report's order and colours."""
    classes = json.dumps(results.classes or [""], ensure_ascii=False)[1:-1]
    palette = json.dumps(style.PALETTE)[1:-1]
    text = text.replace("@DATASET@", results.dataset).replace("@COLOURS@", palette)
    return text.replace("@CLASSES@", classes)


def _matrix(results: Results, folder: Path) -> list[str]:
    """Write the log-normalised matrix, genes × samples, as TSV and GCT; of cells, their means over
    each sample."""
    data = results.expression
    assert data is not None  # noqa: S101 (the caller checked)
    genes = [str(gene) for gene in data.var.index]
    names, _, values = gene_values.of_samples(data, genes)
    symbols = data.symbols.tolist()
    titles = [wording.short(results.name(name), 80) for name in names]
    rows = ["\t".join(["gene", "symbol", *names])]
    gct = ["#1.2", f"{len(genes)}\t{len(names)}", "\t".join(["NAME", "Description", *titles])]
    for gene, symbol, row in zip(genes, symbols, values.T, strict=True):
        line = "\t".join([gene, symbol, *(f"{value:.4g}" for value in row)])
        rows.append(line)
        gct.append(line)
    _gzipped(folder / "normalised.tsv.gz", "\n".join(rows) + "\n")
    _gzipped(folder / "normalised.gct.gz", "\n".join(gct) + "\n")
    return names


def _components(results: Results, names: list[str]) -> pd.DataFrame:
    """Return the principal components of each sample; of cells, their means."""
    data = results.expression
    if data is None or "pca" not in data.obsm:
        return pd.DataFrame(index=range(len(names)))
    values = data.obsm["pca"][:, :_COMPONENTS]
    owner = data.obs["sample"] if "sample" in data.obs else data.obs.index.to_series()
    table = pd.DataFrame(values, columns=[f"PC{at + 1}" for at in range(values.shape[1])])
    means = table.groupby(owner.astype(str).to_numpy()).mean().reindex(names)
    return means.round(5).reset_index(drop=True)


def _notebook(text: str) -> str:
    """Return a Jupyter notebook of the cells of a script in percent format."""
    cells: list[dict[str, Any]] = []
    for at, part in enumerate(text.split("# %%")[1:]):
        head, _, body = part.partition("\n")
        prose = "[markdown]" in head
        lines = body.rstrip("\n").split("\n")
        if prose:
            lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
        cell: dict[str, Any] = {
            "cell_type": "markdown" if prose else "code",
            "id": f"cell-{at:02d}",
            "metadata": {},
            "source": [*(f"{line}\n" for line in lines[:-1]), lines[-1]],
        }
        cells.append(cell if prose else {**cell, "execution_count": None, "outputs": []})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _multiqc(results: Results, folder: Path) -> None:
    """Write custom content of MultiQC: a table of the samples, and their depth as bars."""
    kept = results.quality.drop_duplicates("sample")
    if kept.empty or results.single_cell:
        return
    about = {
        "id": f"epigpt_{results.dataset}",
        "section_name": f"EpiGPT: {results.dataset}",
        "description": "Samples as EpiGPT judged them.",
        "plot_type": "table",
        "pconfig": {"id": f"epigpt_{results.dataset}_table", "namespace": "EpiGPT"},
    }
    rows = {
        f"{results.name(row.sample)}": {
            "counts": _plain(row.total_counts),
            "genes": _plain(row.n_genes),
            "mitochondrial_percent": _plain(row.mitochondrial_percent),
            "kept": str(row.kept),
        }
        for row in kept.itertuples()
    }
    files.write_text(
        folder / "samples_mqc.json", json.dumps({**about, "data": rows}, indent=1) + "\n"
    )


def _plain(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _as_tsv(frame: pd.DataFrame) -> str:
    return str(frame.to_csv(sep="\t", index=False, lineterminator="\n", float_format="%.6g"))


def _gzipped(path: Path, text: str) -> None:
    with files.path(path) as temporary:
        # No name and no time inside: the same table gives the same bytes.
        temporary.write_bytes(gzip.compress(text.encode("utf-8"), 6, mtime=0))
