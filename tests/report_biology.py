"""Markers, sets, claims and attributions in the shape of the contract, drawn from a seed."""

from pathlib import Path

import numpy as np
import pandas as pd

from epigpt.interpretation.markers import MARKERS
from report_tables import gene_names, tsv, write_json


def biology(folder: Path, table: pd.DataFrame, rng: np.random.Generator) -> None:
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


def attribution_tables(folder: Path, genes: int, rng: np.random.Generator) -> None:
    ids, symbols = gene_names(genes)
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
    write_json(folder / "attributions.json", summary)
