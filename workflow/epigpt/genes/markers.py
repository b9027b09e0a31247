"""Marker genes of epilepsy in four species, with the direction that was expected before any data
was seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from epigpt.genes.annotation import ORGANISMS, read_own


@dataclass(frozen=True)
class MarkerSet:
    """A named set of markers.

    Attributes
    ----------
    title
        As printed in the report.
    expected
        Direction of the set as a whole in epilepsy: up, down, or '' where none was fixed
        beforehand.
    caution
        What a reader must know before believing a change; '' for none.
    """

    title: str
    expected: str
    caution: str = ""


SETS = {
    "astrogliosis": MarkerSet(
        "astrogliosis", "up", "Falls after effective therapy. Says nothing about A1/A2 types."
    ),
    "homeostatic_astrocyte": MarkerSet("homeostatic astrocytes", "down"),
    "glutamate_receptors": MarkerSet(
        "AMPA, NMDA, kainate and metabotropic glutamate receptors", ""
    ),
    "glutamatergic_identity": MarkerSet("glutamatergic identity", ""),
    "gaba": MarkerSet("GABA synthesis, transport and receptors", "down"),
    "interneurons": MarkerSet(
        "interneurons", "", "A change in bulk tissue may be a loss or gain of cells."
    ),
    "immediate_early_genes": MarkerSet(
        "immediate early genes", "up", "Also rise with handling of the animals."
    ),
    "microglia": MarkerSet("microglia", "up"),
    "channels": MarkerSet(
        "ion channels of genetic epilepsies",
        "",
        "The gene that a model lacks is changed by design.",
    ),
}

# Members of the excitation/inhibition score, by human symbol: release and reception of glutamate
# against those of GABA.
EXCITATORY = (
    "SLC17A7",
    "SLC17A6",
    "CAMK2A",
    "GRIA1",
    "GRIA2",
    "GRIA3",
    "GRIA4",
    "GRIN1",
    "GRIN2A",
    "GRIN2B",
    "DLG4",
)
INHIBITORY = (
    "GAD1",
    "GAD2",
    "SLC32A1",
    "SLC6A1",
    "GABRA1",
    "GABRA2",
    "GABRB2",
    "GABRB3",
    "GABRG2",
    "GABRD",
    "GPHN",
)


def marker_sets(organism: str) -> pd.DataFrame:
    """Return the marker genes of one species.

    Returns
    -------
    DataFrame
        set, human_symbol, gene (Ensembl id, '' where none is known), symbol, other_ensembl and
        aliases (joined with `|`), expected (up, down, changed or ''), source. One row per set,
        human gene and co-ortholog; a human gene without an ortholog keeps one row with empty gene
        and symbol, so that it can be reported as not assessable. Order as in the table.
    """
    if organism not in ORGANISMS:
        raise KeyError(
            f"no marker genes for {organism!r}; there are some for {', '.join(ORGANISMS)}"
        )
    table = read_own("markers.tsv")
    table = table[table["organism"] == organism].rename(columns={"ensembl": "gene"})
    return table.drop(columns="organism").reset_index(drop=True)


def locate(markers: pd.DataFrame, genes: Sequence[str], symbols: Sequence[str]) -> pd.Series:
    """Find each row of `marker_sets` among the genes of a data set.

    By Ensembl id, then another id of the same gene, then the symbol spelt exactly so, then a former
    name.

    Returns
    -------
    Series of str
        The data set's own gene id for each marker row, '' where the data set lacks it; index as in
        `markers`.
    """
    by_id = {str(gene): str(gene) for gene in genes}
    by_symbol: dict[str, str] = {}
    for gene, symbol in zip(genes, symbols, strict=True):
        by_symbol.setdefault(str(symbol), str(gene))
    found = []
    for row in markers.itertuples(index=False):
        ids = [row.gene, *str(row.other_ensembl).split("|")]
        names = [row.symbol, *str(row.aliases).split("|")]
        hits = [by_id[name] for name in ids if name and name in by_id]
        hits += [by_symbol[name] for name in names if name and name in by_symbol]
        found.append(hits[0] if hits else "")
    return pd.Series(found, index=markers.index, dtype=object)
