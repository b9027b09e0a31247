"""Where genes lie on their chromosomes, and which lie on a sex chromosome: human and mouse, from
EpiGPT's own table."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from epigpt.genes.annotation import RESOURCES

GENOMES = {"human": "GRCh38", "mouse": "GRCm38"}
SEX_CHROMOSOMES = ("X", "Y")
# The X and Y of rodents hold the same genes (Ohno's law), their order differs. Laboratory strains
# of zebrafish have no sex chromosome.
_SEX_LINKED_LIKE = {"human": "human", "mouse": "mouse", "rat": "mouse"}


@cache
def positions(organism: str) -> pd.DataFrame:
    """Return the genes of `GENOMES[organism]`; without rows for another organism.

    Returns
    -------
    DataFrame
        symbol, chromosome (1 …, X, Y, MT), middle (bases, int64); index Ensembl ids, unique, in
        order of chromosome and middle. Protein-coding and long non-coding genes of Ensembl 100.
    """
    table = _table()
    own = table[table["organism"] == organism].set_index("ensembl")
    return pd.DataFrame(
        {
            "symbol": own["symbol"],
            "chromosome": own["chromosome"],
            "middle": own["middle_kb"].astype("int64") * 1000,
        }
    )


def locate(organism: str, genes: Sequence[str], symbols: Sequence[str]) -> pd.DataFrame:
    """Find genes of a data set by their Ensembl id, else by their symbol where only one gene has
    it.

    Returns
    -------
    DataFrame
        chromosome ('' where unknown) and middle (bases, NaN where unknown); index `genes`, in
        their order.
    """
    known = positions(organism)
    alone = known[~known["symbol"].duplicated(keep=False)].reset_index().set_index("symbol")
    by_id = known.reindex(list(genes))
    by_symbol = alone.reindex(list(symbols))
    found = by_id["chromosome"].notna().to_numpy()
    chromosome = np.where(found, by_id["chromosome"], by_symbol["chromosome"].to_numpy())
    middle = np.where(found, by_id["middle"], by_symbol["middle"].to_numpy(dtype=float))
    return pd.DataFrame(
        {
            "chromosome": pd.Series(chromosome, dtype=object).fillna("").to_numpy(),
            "middle": middle.astype(float),
        },
        index=pd.Index(genes, name="gene"),
    )


def on_sex_chromosomes(organism: str, genes: Sequence[str], symbols: Sequence[str]) -> np.ndarray:
    """Return which genes lie on X or Y, bool, in their order; rat genes by the symbol of the
    mouse's, none of zebrafish."""
    like = _SEX_LINKED_LIKE.get(organism)
    if like is None:
        return np.zeros(len(genes), dtype=bool)
    return locate(like, genes, symbols)["chromosome"].isin(SEX_CHROMOSOMES).to_numpy()


@cache
def _table() -> pd.DataFrame:
    return pd.read_csv(
        RESOURCES / "positions.tsv.gz",
        sep="\t",
        comment="#",
        keep_default_na=False,
        dtype={"organism": str, "ensembl": str, "symbol": str, "chromosome": str},
    )
