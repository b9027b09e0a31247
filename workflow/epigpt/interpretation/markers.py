"""Marker genes and marker sets against the direction that was expected before the data were
seen."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from epigpt.evaluation.multiple_testing import false_discovery_rate
from epigpt.genes.markers import SETS, locate, marker_sets
from epigpt.interpretation.donor_statistics import (
    Difference,
    compare,
    detected,
    z_scores,
)

MARKERS = [
    "set",
    "gene",
    "symbol",
    "expected",
    "log2_fold_change",
    "padj",
    "attribution",
    "verdict",
]
SET_TESTS = [
    "set",
    "title",
    "expected",
    "n_genes",
    "genes",
    "not_assessable",
    "difference",
    "p",
    "padj",
    "n_case",
    "n_control",
    "verdict",
    "caution",
]
SIGNIFICANT = 0.05
# Of fewer genes a set's mean is that of a gene, which has a row of its own.
_FEWEST_GENES = 3


def assess(
    organism: str,
    genes: pd.DataFrame,
    contrast: pd.DataFrame,
    attributions: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Hold every marker gene against its expected direction.

    Parameters
    ----------
    organism
        human, mouse, rat or zebrafish.
    genes
        Index: canonical gene ids of the data set; column symbol.
    contrast
        Rows of differential_expression.tsv of one contrast; may be empty.
    attributions
        Columns gene and attribution, where there are any.

    Returns
    -------
    pandas.DataFrame
        `MARKERS`, human_symbol, located, p, a row per set, human gene and co-ortholog. gene is the
        data set's own id where it has the gene (located), the species' Ensembl id otherwise.
        verdict: as expected, opposite, changed (where no direction was expected), not significant;
        or not assessable, where the gene is missing, has no ortholog or was not tested, which is
        not unchanged.
    """
    table = marker_sets(organism).rename(columns={"gene": "ensembl"})
    own = locate(
        table.rename(columns={"ensembl": "gene"}),
        [str(gene) for gene in genes.index],
        [str(name) for name in genes["symbol"]],
    )
    table["located"] = (own != "").to_numpy()
    table["gene"] = np.where(table["located"], own, table["ensembl"])
    table["symbol"] = np.where(table["symbol"] == "", table["human_symbol"], table["symbol"])
    tested = (
        contrast.drop_duplicates("gene")
        .set_index("gene")[["log2_fold_change", "p", "padj"]]
        .astype(float)
    )
    found = tested.reindex(table["gene"].where(table["located"]))
    table["log2_fold_change"] = found["log2_fold_change"].to_numpy()
    table["p"] = found["p"].to_numpy()
    table["padj"] = found["padj"].to_numpy()
    weights = (
        {}
        if attributions is None
        else dict(zip(attributions["gene"].astype(str), attributions["attribution"], strict=True))
    )
    table["attribution"] = table["gene"].map(weights).astype(float)
    table["verdict"] = [
        verdict(*row)
        for row in zip(table["expected"], table["log2_fold_change"], table["padj"], strict=True)
    ]
    return table


def verdict(expected: str, change: float, padj: float) -> str:
    """Hold one change against its expected direction."""
    if np.isnan(change) or np.isnan(padj):
        return "not assessable"
    if padj >= SIGNIFICANT:
        return "not significant"
    if expected not in ("up", "down"):
        return "changed"
    return "as expected" if (change > 0) == (expected == "up") else "opposite"


def members(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the data set's genes of each human gene: one, or co-orthologs whose counts belong
    together."""
    here = table[table["located"]]
    return {
        str(name): list(dict.fromkeys(part["gene"]))
        for name, part in here.groupby("human_symbol", sort=True)
    }


def score_sets(
    table: pd.DataFrame,
    expression: pd.DataFrame,
    samples: pd.DataFrame,
    classes: tuple[str, str],
    extra: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Test each set as a whole, donors as units.

    A sample's score of a set is the mean z of the set's expressed genes (co-orthologs summed
    beforehand, z over the samples of the data set); the scores' donor means are compared between
    the classes. Whole scores are tested, so that the correlation of a set's genes cannot narrow the
    test, as it would if genes were the units.

    Parameters
    ----------
    table
        As `assess` gives it.
    expression
        Samples × human symbols (for `extra`: names as in its values), as
        `epigpt.interpretation.donor_statistics.pooled` gives it.
    samples
        Index: samples; columns group and label.
    classes
        Case and control; an empty control stands for all other classes.
    extra
        The user's own sets: name → columns of `expression`, without an expected direction.

    Returns
    -------
    pandas.DataFrame
        `SET_TESTS`: difference in mean z, FDR over the sets that could be tested, and the set's
        genes with and without expression.
    """
    expressed = set(detected(expression, samples)) if len(expression.columns) else set()
    z = z_scores(expression[[name for name in expression.columns if name in expressed]])
    asked = {
        name: list(dict.fromkeys(table.loc[table["set"] == name, "human_symbol"])) for name in SETS
    }
    asked.update({name: list(dict.fromkeys(genes)) for name, genes in (extra or {}).items()})
    rows, differences = [], []
    for name, genes in asked.items():
        there = [gene for gene in genes if gene in z.columns]
        missing = [gene for gene in genes if gene not in z.columns]
        enough = len(there) >= _FEWEST_GENES
        differences.append(
            compare(z[there].mean(axis=1), samples, *classes)
            if enough
            else Difference(np.nan, np.nan, 0, 0, paired=False)
        )
        known = SETS.get(name)
        told = (
            (known.title, known.expected, known.caution)
            if known
            else (name, "", "A set of the user's.")
        )
        rows.append(
            {
                "set": name,
                "title": told[0],
                "expected": told[1],
                "caution": told[2],
                "n_genes": len(there),
            }
        )
        rows[-1] |= {"genes": " ".join(there), "not_assessable": " ".join(missing)}
    tested = pd.DataFrame(rows)
    tested["difference"] = [found.estimate for found in differences]
    tested["p"] = [found.p for found in differences]
    tested["padj"] = false_discovery_rate([found.p for found in differences])
    tested["n_case"] = [found.cases for found in differences]
    tested["n_control"] = [found.controls for found in differences]
    tested["verdict"] = [
        verdict(*row)
        for row in zip(tested["expected"], tested["difference"], tested["padj"], strict=True)
    ]
    return tested[SET_TESTS]
