"""Gene sets in the ranking of all genes: the user's own, from GMT files, and processes of the Gene
Ontology, which come with the package."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from epigpt.errors import InputError
from epigpt.evaluation.multiple_testing import false_discovery_rate
from epigpt.interpretation.enrichment import enrich

ENRICHMENT = ["set", "n_asked", "n_genes", "score", "p", "padj", "leading_genes", "source"]
OWN, GENE_ONTOLOGY = "own", "Gene Ontology"
# A process is tested over the genes that a series has; of fewer, its name promises too much.
FEWEST_OF_A_PROCESS = 10
_PROCESSES = Path(__file__).parent / "resources" / "gene_ontology.gmt.gz"
FEWEST_GENES = 3


def read(path: Path) -> dict[str, list[str]]:
    """Read a GMT file: a set per line, its name, a description, then its genes, separated by tabs.

    Raises
    ------
    InputError
        A file that cannot be read, or a line without a gene.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise InputError(
            f"gene sets {path.name}",
            str(path),
            str(why),
            "name a GMT file under 'gene_sets', or remove it there",
        ) from None
    return _parsed(lines, path)


def own(paths: Sequence[Path]) -> dict[str, list[str]]:
    """Return the sets of GMT files together; of a name in several files the last file's set."""
    return {name: genes for path in paths for name, genes in read(path).items()}


def processes() -> dict[str, list[str]]:
    """Return biological processes of the Gene Ontology: name → human symbols, 15 to 250 each."""
    return _parsed(gzip.decompress(_PROCESSES.read_bytes()).decode().splitlines(), _PROCESSES)


def _parsed(lines: Sequence[str], path: Path) -> dict[str, list[str]]:
    sets: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, *rest = (cell.strip() for cell in line.split("\t"))
        genes = [
            gene.partition(",")[0] for gene in rest[1:] if gene
        ]  # some files carry a weight: GENE,1.0
        if not name or not genes:
            raise InputError(
                f"a line with {len(rest) + 1} cells",
                f"{path}, line {number}",
                "a gene set has a name, a description and at least one gene",
                "separate them with tabs, and leave the description empty rather than out",
            )
        sets.setdefault(name, []).extend(
            gene for gene in dict.fromkeys(genes) if gene not in sets.get(name, [])
        )
    return sets


def locate(
    sets: Mapping[str, Sequence[str]],
    genes: Sequence[str],
    symbols: Sequence[str],
    human: Sequence[str] = (),
) -> dict[str, dict[str, list[str]]]:
    """Find each set's members among the genes of a data set: by id, by symbol (upper and lower case
    alike), or as human orthologs.

    Parameters
    ----------
    sets
        Name → members.
    genes, symbols
        Of the data set.
    human
        Human symbol of each gene, empty where there is none: so that a human set can be held
        against another species.

    Returns
    -------
    Set → found members: their symbols in the data set (those of co-orthologs joined by +) → gene
    ids, in the order of the set. Co-orthologs are for the caller to sum, before any logarithm.
    Members that the data set lacks are left out.
    """
    known: dict[str, str] = {}
    for names in (symbols, genes):  # an id wins over a symbol that looks like it
        for gene, name in zip(genes, names, strict=True):
            known[str(name).upper()] = str(gene)
    symbol_of = dict(zip(map(str, genes), map(str, symbols), strict=True))
    orthologs: dict[str, list[str]] = {}
    for gene, name in zip(genes, human, strict=False):
        if name:
            orthologs.setdefault(str(name).upper(), []).append(str(gene))
    found: dict[str, dict[str, list[str]]] = {}
    for title, members in sets.items():
        ids = [
            [known[m.upper()]] if m.upper() in known else orthologs.get(m.upper(), [])
            for m in members
        ]
        found[title] = {
            "+".join(symbol_of[gene] for gene in several): several for several in ids if several
        }
    return found


def enrichment(
    located: Mapping[str, Mapping[str, Sequence[str]]],
    asked: Mapping[str, int],
    contrast: pd.DataFrame,
    seed: int,
    source: str = OWN,
) -> pd.DataFrame:
    """Rank all genes by their change and ask whether a set gathers at one end.

    Genes are permuted, not donors: correlated genes of a set make its p too small. The test over
    donors in marker_sets.tsv is the one to believe; this one says where in the ranking the set
    lies, and which genes carry it.

    Parameters
    ----------
    located
        As `locate` gives it.
    asked
        Set → number of its members.
    contrast
        Rows of differential_expression.tsv of one contrast; genes are ranked by log2 fold change
        over its standard error.
    seed
        Decides the permutations.
    source
        Where the sets come from; of `GENE_ONTOLOGY`, small remains of a process are left out.

    Returns
    -------
    pandas.DataFrame
        `ENRICHMENT`: score is the normalised enrichment score, positive where the set is raised; p
        is never below one over the random sets; padj after Benjamini and Hochberg; all three empty
        for sets of fewer than three ranked genes.
    """
    rows = {
        name: {"set": name, "n_asked": asked[name], "n_genes": 0, "source": source}
        for name in located
    }
    ranked = contrast.assign(statistic=contrast["log2_fold_change"] / contrast["se"]).dropna(
        subset=["statistic"]
    )
    statistic = (
        ranked.drop_duplicates("gene")
        .set_index("gene")["statistic"]
        .sort_values(ascending=False, kind="stable")
    )
    members = {
        name: [gene for ids in found.values() for gene in ids if gene in statistic.index]
        for name, found in located.items()
    }
    for name, listed in members.items():
        rows[name]["n_genes"] = len(listed)
    if source == GENE_ONTOLOGY:
        rows = {
            name: row for name, row in rows.items() if len(members[name]) >= FEWEST_OF_A_PROCESS
        }
        members = {name: members[name] for name in rows}
    testable = {
        name: listed
        for name, listed in members.items()
        if FEWEST_GENES <= len(listed) < len(statistic)
    }
    if testable:
        place = {gene: at for at, gene in enumerate(statistic.index)}
        symbol = contrast.drop_duplicates("gene").set_index("gene")["symbol"].astype(str)
        symbols = symbol.loc[statistic.index].to_numpy()
        found_sets = enrich(
            statistic.to_numpy(dtype=float),
            {name: [place[gene] for gene in set(listed)] for name, listed in testable.items()},
            seed,
        )
        for name, found in zip(testable, found_sets, strict=True):
            rows[name] |= {
                "score": found.score,
                "p": found.p,
                "leading_genes": " ".join(symbols[at] for at in found.leading),
            }
    table = pd.DataFrame(rows.values()).reindex(columns=ENRICHMENT)
    return table.assign(padj=false_discovery_rate(table["p"].astype(float).to_list()))[ENRICHMENT]
