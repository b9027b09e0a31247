"""Gene sets of the user's own, from GMT files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from epigpt.errors import InputError
from epigpt.interpretation.donor_statistics import false_discovery_rate

ENRICHMENT = ["set", "n_asked", "n_genes", "score", "p", "padj", "leading_genes"]
FEWEST_GENES = 3
PERMUTATIONS = 1000


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
) -> pd.DataFrame:
    """Rank all genes by their change and ask whether a set gathers at one end (Subramanian et al.,
    PNAS 2005), as gseapy computes it.

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

    Returns
    -------
    pandas.DataFrame
        `ENRICHMENT`: score is the normalised enrichment score, positive where the set is raised; p
        is never below one over the permutations; padj after Benjamini and Hochberg; all three empty
        for sets of fewer than three ranked genes.
    """
    rows = {name: {"set": name, "n_asked": asked[name], "n_genes": 0} for name in located}
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
    testable = {
        name: listed
        for name, listed in members.items()
        if FEWEST_GENES <= len(listed) < len(statistic)
    }
    if testable:
        import gseapy

        done = gseapy.prerank(
            rnk=statistic,
            gene_sets=testable,
            min_size=1,
            max_size=len(statistic),
            permutation_num=PERMUTATIONS,
            seed=seed,
            threads=1,
            outdir=None,
            no_plot=True,
            verbose=False,
        )
        symbol = contrast.drop_duplicates("gene").set_index("gene")["symbol"]
        for row in done.res2d.to_dict("records"):
            leading = [str(symbol[gene]) for gene in str(row["Lead_genes"]).split(";") if gene]
            p = max(float(row["NOM p-val"]), 1 / PERMUTATIONS)
            rows[str(row["Term"])] |= {
                "score": float(row["NES"]),
                "p": p,
                "leading_genes": " ".join(leading),
            }
    table = pd.DataFrame(rows.values()).reindex(columns=ENRICHMENT)
    return table.assign(padj=false_discovery_rate(table["p"].astype(float).to_list()))[ENRICHMENT]
