"""Small result folders in the shape of the contract, for tests of the report: nothing is computed,
everything is drawn from a seed."""

import hashlib
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from report_biology import attribution_tables, biology
from report_scores import comparison, performance
from report_tables import gene_names, tsv, write_json

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    " \"quoted\" 'single' {{ 7*7 }} \u202eevil\u202c $x^2$ & <b>"
)
# Of the page: what stands open, and what stands behind headings.
FIRST_PAGE = ["verdict", "samples", "embedding", "genes", "pathways"]
APPENDIX = ["data", "design", "quality", "heatmap", "contrasts", "markers", "models"]
APPENDIX += ["attributions", "training", "methods", "reporting", "limits"]
SECTIONS = FIRST_PAGE + APPENDIX


def write(
    folder: Path,
    *,
    samples: int = 12,
    classes: tuple[str, ...] = ("control", "epilepsy"),
    genes: int = 60,
    assessable: bool = True,
    hostile: bool = False,
    characteristics: int = 2,
    cells: int = 0,
    attributions: bool = False,
    seed: int = 0,
) -> Path:
    """Write the result files of one data set to `folder`; `cells` per sample make it a single-cell
    series."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    table = _samples(samples, classes, hostile, characteristics)
    tsv(folder / "samples.tsv", table)
    _manifest(folder)
    write_json(folder / "reading.json", _reading(classes, hostile, cells))
    _expression(folder, table, genes, cells, classes=classes, rng=rng, hostile=hostile)
    _contrasts(folder, genes, classes, rng)
    _folds(folder, table, classes, assessable)
    performance(folder, table, classes, assessable, rng)
    comparison(folder, classes, assessable, rng)
    biology(folder, table, rng)
    if attributions:
        attribution_tables(folder, genes, rng)
    answered = {"item": ["Folds by donor"], "answer": ["yes"], "evidence": ["folds.tsv"]}
    tsv(folder / "reporting.tsv", pd.DataFrame(answered))
    write_json(
        folder / "provenance.json",
        {
            "epigpt": {"version": "0.1.0", "git": "abc"},
            "packages": {"numpy": "2"},
            "settings": {"model": "tiny", "views": 4, "row": {"case": "x"}},
            "seed": 1,
            "checksums": {"counts.tsv.gz": "0" * 64},
            "created": "2026-01-01T00:00:00+00:00",
            "machine": {"system": "test", "cores": 2},
        },
    )
    return folder


def _samples(
    samples: int, classes: tuple[str, ...], hostile: bool, characteristics: int
) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "sample": [f"GSM{1000 + at}" for at in range(samples)],
            "label": [classes[at % len(classes)] for at in range(samples)],
            "group": [f"L{at // 2:02d}" for at in range(samples)],
            "title": [f"Hippocampus, mouse {at + 1}" for at in range(samples)],
            "condition": [classes[at % len(classes)] for at in range(samples)],
            "sex": [("female", "male")[(at // 2) % 2] for at in range(samples)],
        }
    )
    if hostile:
        table["tissue " + HOSTILE] = [HOSTILE if at % 3 else "x" * 10_000 for at in range(samples)]
    extra = {
        f"characteristic {at:03d}": [f"value {(at + row // 2) % 3}" for row in range(samples)]
        for at in range(characteristics)
    }
    return pd.concat([table, pd.DataFrame(extra)], axis=1)


def _manifest(folder: Path) -> None:
    row = {
        "file": "geo/counts.tsv.gz",
        "url": "https://example.org/counts.tsv.gz",
        "bytes": 123456,
        "sha256": hashlib.sha256(b"x").hexdigest(),
    }
    tsv(folder / "geo" / "manifest.tsv", pd.DataFrame([{**row, "time": "2026-01-01T00:00:00Z"}]))


def _reading(classes: tuple[str, ...], hostile: bool, cells: int) -> dict[str, Any]:
    text = HOSTILE if hostile else "Hippocampus of epileptic mice"
    return {
        "matrix": "counts.tsv.gz",
        "shape": "table, genes × samples",
        "orientation": "genes × samples",
        "organism": "mouse",
        "assay": "single_cell" if cells else "bulk",
        "values": {"type": "raw_counts", "evidence": "all values are integers"},
        "genes": {"how": "60 rows became 60 genes"},
        "simulated": False,
        "label": {
            "column": "condition",
            "case": classes[-1] if len(classes) == 2 else "",
            "control": classes[0],
            "rule": "label = condition",
            "candidates": [],
        },
        "group": {"column": "litter", "groups": 6},
        "left_out": [{"sample": "GSM1", "reason": text}],
        "refused": [{"file": "other.txt", "reason": "no numbers"}],
        "notes": [],
        "series": {
            "accession": "GSE1",
            "title": text,
            "summary": text * (60 if hostile else 1),
            "type": "RNA-seq",
            "organisms": ["Mus musculus"],
            "platforms": ["GPL1"],
            "pubmed": ["1"],
        },
    }


def _expression(
    folder: Path,
    table: pd.DataFrame,
    genes: int,
    cells: int,
    *,
    classes: tuple[str, ...],
    rng: np.random.Generator,
    hostile: bool,
) -> None:
    obs = table.loc[table.index.repeat(max(cells, 1))].reset_index(drop=True).astype(str)
    obs.index = pd.Index(
        [f"{name}_{at}" if cells else name for at, name in enumerate(obs["sample"])]
    )
    if hostile:  # HDF5 takes a slash in a name for a folder
        obs.columns = pd.Index([str(name).replace("/", "∕") for name in obs.columns])
    code = np.array([classes.index(name) for name in obs["label"]])
    mean = rng.gamma(2, 8, genes)[None, :] * np.where(
        np.arange(genes)[None, :] < 6, 1 + 2 * code[:, None], 1
    )
    counts = rng.poisson(mean)
    values = np.log1p(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * 1e4)
    ids, symbols = gene_names(genes)
    data = anndata.AnnData(
        sparse.csr_matrix(values.astype(np.float32)),
        obs=obs,
        var=pd.DataFrame({"symbol": symbols}, index=ids),
        layers={
            "counts": sparse.csr_matrix(counts.astype(np.int32)),
            "lognorm": sparse.csr_matrix(values.astype(np.float32)),
        },
    )
    left, scale, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    data.obsm["X_pca"] = (left * scale)[:, :5]
    data.obsm["X_umap"] = rng.normal(size=(len(obs), 2)) + 3 * code[:, None]
    data.uns = {
        "organism": "mouse",
        "assay": "single_cell" if cells else "bulk",
        "normalisation": "log1p CPM",
        "simulated": False,
        "pca": {"variance_ratio": scale[:5] / scale.sum()},
    }
    data.write_h5ad(folder / "expression.h5ad")
    quality = pd.DataFrame(
        {
            "sample": obs.index,
            "total_counts": counts.sum(axis=1),
            "n_genes": (counts > 0).sum(axis=1),
            "mitochondrial_percent": rng.uniform(1, 5, len(obs)),
            "kept": "true",
            "reason": "",
        }
    )
    quality.loc[len(quality)] = ["GSM9", 12, 3, 50.0, "false", "fewer than 100000 counts"]
    tsv(folder / "quality.tsv", quality)


def _contrasts(
    folder: Path, genes: int, classes: tuple[str, ...], rng: np.random.Generator
) -> None:
    ids, symbols = gene_names(genes)
    names = (
        [f"{classes[1]} vs {classes[0]}"]
        if len(classes) == 2
        else [f"{name} vs the rest" for name in classes]
    )
    parts = []
    for name in names:
        p = np.sort(rng.uniform(0, 1, genes) ** 3)
        parts.append(
            pd.DataFrame(
                {
                    "contrast": name,
                    "gene": ids,
                    "symbol": symbols,
                    "base_mean": rng.gamma(2, 100, genes),
                    "log2_fold_change": rng.normal(0, 1, genes),
                    "se": 0.2,
                    "p": p,
                    "padj": np.minimum(1, p * genes / np.arange(1, genes + 1)),
                }
            )
        )
    table = pd.concat(parts)
    table.iloc[-1, 6:] = np.nan
    tsv(folder / "differential_expression.tsv", table)


def _folds(folder: Path, table: pd.DataFrame, classes: tuple[str, ...], assessable: bool) -> None:
    groups = {name: int(table.loc[table["label"] == name, "group"].nunique()) for name in classes}
    summary = {
        "assessable": assessable,
        "reason": "" if assessable else "class epilepsy has 2 groups",
        "folds": 3,
        "repeats": 2,
        "checksum": "f" * 64,
        "groups_per_class": groups,
    }
    write_json(folder / "folds.json", {**summary, "classes": list(classes)})
    number = table["group"].rank(method="dense").astype(int) - 1
    rows = [
        table[["sample", "group"]].assign(repeat=repeat, fold=(number + repeat) % 3)
        for repeat in range(2)
    ]
    tsv(
        folder / "folds.tsv",
        (
            pd.concat(rows)
            if assessable
            else pd.DataFrame(columns=["sample", "group", "repeat", "fold"])
        ),
    )
