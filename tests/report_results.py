"""Small result folders in the shape of the contract, for tests of the report: nothing is computed,
everything is drawn from a seed."""

import hashlib
import json
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from epigpt.evaluation import intervals
from epigpt.evaluation import predictions as collected
from epigpt.evaluation.answer import decide
from epigpt.evaluation.evidence import Facts, Score
from epigpt.interpretation.markers import MARKERS

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    " \"quoted\" 'single' {{ 7*7 }} \u202eevil\u202c $x^2$ & <b>"
)
# Of the page: what stands open, and what stands behind headings.
FIRST_PAGE = ["verdict", "samples", "embedding", "genes", "pathways"]
APPENDIX = ["data", "design", "quality", "heatmap", "contrasts", "markers", "models"]
APPENDIX += ["attributions", "training", "methods", "reporting", "limits"]
SECTIONS = FIRST_PAGE + APPENDIX
METRICS = ("auc", "average_precision", "f1", "balanced_accuracy", "mcc", "brier")
MODELS = ("finetuned", "logistic_l2", "pca_logistic", "random_forest", "majority")
SYMBOLS = ["Gfap", "Vim", "Gria1", "Gria2", "Sst", "Pvalb", "Fosb", "Gad1", "Slc17a7", "Aqp4"]


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
    _json(folder / "reading.json", _reading(classes, hostile, cells))
    _expression(folder, table, genes, cells, classes=classes, rng=rng, hostile=hostile)
    _contrasts(folder, genes, classes, rng)
    _folds(folder, table, classes, assessable)
    _performance(folder, table, classes, assessable, rng)
    _comparison(folder, classes, assessable, rng)
    _biology(folder, table, rng)
    if attributions:
        _attributions(folder, genes, rng)
    answered = {"item": ["Folds by donor"], "answer": ["yes"], "evidence": ["folds.tsv"]}
    tsv(folder / "reporting.tsv", pd.DataFrame(answered))
    _json(
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


def tsv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table the way the stages do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, sep="\t", index=False, float_format="%.6g")


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _gene_names(genes: int) -> tuple[list[str], list[str]]:
    ids = [f"ENSMUSG{at:011d}" for at in range(genes)]
    return ids, (SYMBOLS + [f"Gene{at}" for at in range(genes)])[:genes]


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
    ids, symbols = _gene_names(genes)
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
    ids, symbols = _gene_names(genes)
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
    _json(folder / "folds.json", {**summary, "classes": list(classes)})
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


def _performance(
    folder: Path,
    table: pd.DataFrame,
    classes: tuple[str, ...],
    assessable: bool,
    rng: np.random.Generator,
) -> None:
    predictions, metrics = [], []
    for at, model in enumerate(MODELS if assessable else ()):
        for repeat in range(2):
            truth = np.array([classes.index(name) for name in table["label"]])
            raw = rng.gamma(1, 1, (len(table), len(classes))) + np.eye(len(classes))[truth] * (
                3 - at * 0.6
            )
            share = raw / raw.sum(axis=1, keepdims=True)
            predictions += [
                {
                    "model": model,
                    "repeat": repeat,
                    "fold": row % 3,
                    "sample": table["sample"][row],
                    "group": table["group"][row],
                    "truth": table["label"][row],
                    "class": name,
                    "probability": share[row, c],
                }
                for row in range(len(table))
                for c, name in enumerate(classes)
            ]
        for metric in METRICS:
            estimate = 0.9 - 0.08 * at
            metrics.append(
                [
                    model,
                    "tiny" if model == "finetuned" else "",
                    metric,
                    estimate,
                    estimate - 0.2,
                    min(1, estimate + 0.1),
                    "",
                    "",
                    "",
                    len(table),
                    table["group"].nunique(),
                ]
            )
    held_out = pd.DataFrame(predictions, columns=collected.COLUMNS).assign(threshold=0.5)
    tsv(folder / "predictions.tsv", held_out[collected.WRITTEN])
    tsv(folder / "metrics.tsv", pd.DataFrame(metrics, columns=intervals.COLUMNS))
    sizes = dict.fromkeys(classes, 6)
    one = Score(0.82, 0.6, 0.93, 0.55, None, 0.08, 0.01, 0.15)
    facts = Facts(
        classes=classes,
        groups_per_class=sizes,
        n_samples=len(table),
        n_groups=len(table),
        gpt2=Score(0.9, 0.7, 1.0, 0.7) if assessable else None,
        rivals={"logistic_l2": one} if assessable else {},
        smallest_auc=0.8,
        reason="" if assessable else f"class '{classes[-1]}' has 2 groups",
    )
    verdict = decide(facts).as_dict()
    _json(folder / "verdict.json", verdict)
    for fit in ["repeat0/fold0", "repeat0/fold1", "final"] if assessable else []:
        place = folder / "models" / "tiny" / fit
        place.mkdir(parents=True)
        memory, seconds = 10**9, 4.5
        lines = [
            json.dumps(
                {
                    "step": step + 1,
                    "epoch": 0.1 * step,
                    "loss": 0.7 * 0.8**step,
                    "tokens_per_second": 100.0,
                    "memory_bytes": memory,
                    "seconds": seconds,
                }
            )
            for step in range(8)
        ]
        (place / "training.jsonl").write_text("\n".join(lines) + '\n{"step": 9, "lo')
        _json(
            place / "plan.json",
            {"steps": 8, "hours": 0.01, "bytes": {"total": 2 * 10**9}, "why": ["fits"]},
        )


def _comparison(
    folder: Path, classes: tuple[str, ...], assessable: bool, rng: np.random.Generator
) -> None:
    models = MODELS if assessable else ()
    frame = pd.DataFrame(
        {
            "model": "finetuned",
            "versus": models[1:],
            "estimate": 0.08,
            "low": -0.05,
            "high": 0.2,
            "share_above": 0.9,
        }
    )
    tsv(folder / "comparison.tsv", frame)
    rows = [
        (model, name, at, 0.1 + 0.2 * at, 0.15 + 0.18 * at, 0.0, 1.0, 4)
        for model in models
        for name in classes[-1:]
        for at in range(4)
    ]
    tsv(
        folder / "calibration.tsv",
        pd.DataFrame(
            rows, columns=["model", "class", "bin", "probability", "observed", "low", "high", "n"]
        ),
    )
    drawn = [
        (model, at, "auc", value, "refitted")
        for model in models[:2]
        for at, value in enumerate(rng.normal(0.5, 0.1, 30))
    ]
    tsv(
        folder / "null.tsv",
        pd.DataFrame(drawn, columns=["model", "permutation", "metric", "value", "kind"]),
    )
    curve = [
        ("logistic_l2", share, 8 * share, repeat, 0.6 + 0.2 * share)
        for repeat in range(2)
        for share in (0.25, 0.5, 1.0)
        if assessable
    ]
    tsv(
        folder / "learning_curve.tsv",
        pd.DataFrame(curve, columns=["model", "share", "n_groups", "repeat", "auc"]),
    )
    judged = [
        ("condition", 2, 6, 1.0, "states the label", "False"),
        ("sex", 2, 6, 0.1, "balanced or partly associated", "False"),
    ]
    columns = ["characteristic", "values", "groups", "association", "kind", "accepted"]
    tsv(folder / "confounding.tsv", pd.DataFrame(judged, columns=columns))


def _biology(folder: Path, table: pd.DataFrame, rng: np.random.Generator) -> None:
    sets = [
        ("astrogliosis", "Gfap", "up"),
        ("astrogliosis", "Vim", "up"),
        ("receptors", "Gria2", "down"),
        ("receptors", "Gria1", "up"),
    ]
    markers = pd.DataFrame(sets, columns=["set", "symbol", "expected"]).assign(
        gene=lambda frame: frame["symbol"], attribution=np.nan
    )
    markers["log2_fold_change"], markers["padj"] = (
        [1.2, np.nan, 0.4, 0.1],
        [1e-6, np.nan, 0.01, 0.5],
    )
    markers["verdict"] = ["as expected", "not assessable", "opposite", "not significant"]
    tsv(
        folder / "markers.tsv",
        markers[MARKERS],
    )
    scores = table[["sample", "group", "label"]].assign(
        score=rng.normal(size=len(table)), excitatory="Gria1 Gria2", inhibitory="Gad1"
    )
    tsv(folder / "excitation_inhibition.tsv", scores)
    claims = [
        ("GRIA1 up", "GRIA1", "up", "Gria1 +1.2", "supported"),
        ("GRIA2 down", "GRIA2", "down", "Gria2 +0.4", "contradicted"),
    ]
    sets = pd.DataFrame(
        {
            "set": ["astrogliosis"],
            "title": "Astrogliosis",
            "expected": "up",
            "caution": "Also rises with age.",
            "n_genes": 2,
        }
    )
    enriched = pd.DataFrame(
        {
            "set": ["own set", "gliogenesis"],
            "source": ["own", "Gene Ontology"],
            "n_asked": 9,
            "n_genes": 7,
            "score": 1.8,
            "p": 0.01,
            "padj": 0.02,
            "leading_genes": "Gfap Vim",
        }
    )
    tsv(folder / "gene_set_enrichment.tsv", enriched)
    tsv(
        folder / "marker_sets.tsv",
        sets.assign(difference=1.1, p=0.001, padj=0.002, verdict="as expected"),
    )
    tsv(
        folder / "claims.tsv",
        pd.DataFrame(claims, columns=["claim", "genes", "expected", "finding", "verdict"]),
    )


def _attributions(folder: Path, genes: int, rng: np.random.Generator) -> None:
    ids, symbols = _gene_names(genes)
    table = pd.DataFrame(
        {
            "gene": ids,
            "symbol": symbols,
            "attribution": np.sort(rng.normal(size=genes)),
            "knockout_effect": rng.normal(size=genes),
        }
    )
    tsv(folder / "attributions.tsv", table.assign(rank=range(1, genes + 1), stability=0.5))
    tops = pd.DataFrame(
        {"genes": [10, 20], "shared": [4, 9], "share": [0.4, 0.45], "expected_share": [0.1, 0.2]}
    )
    tsv(folder / "attribution_agreement.tsv", tops)
    summary = {
        "computed": True,
        "signed_towards": "epilepsy",
        "folds": 3,
        "observations": 12,
        "between_folds_rank_correlation": 0.61,
    }
    summary |= {
        "random_weights_rank_correlation": 0.04,
        "size_rank_correlation": 0.35,
        "n_genes": genes,
        "same_direction": 0.9,
    }
    summary |= {"incompleteness": 0.44}
    _json(folder / "attributions.json", summary)
