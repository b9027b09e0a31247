"""Gene sets of the user's own, from GMT files."""

from collections.abc import Sequence
from pathlib import Path

from epigpt.refusal import Refusal


def read(path: Path) -> dict[str, list[str]]:
    """Read a GMT file: a set per line, its name, a description, then its genes, separated by tabs.

    Raises
    ------
    Refusal
        A file that cannot be read, or a line without a gene.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise Refusal(f"gene sets {path.name}", str(path), str(why), "name a GMT file under 'gene_sets', or remove it there") from None
    sets: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, *rest = (cell.strip() for cell in line.split("\t"))
        genes = [gene.partition(",")[0] for gene in rest[1:] if gene]  # some files carry a weight: GENE,1.0
        if not name or not genes:
            raise Refusal(
                f"a line with {len(rest) + 1} cells",
                f"{path}, line {number}",
                "a gene set has a name, a description and at least one gene",
                "separate them with tabs, and leave the description empty rather than out",
            )
        sets.setdefault(name, []).extend(gene for gene in dict.fromkeys(genes) if gene not in sets.get(name, []))
    return sets


def locate(sets: dict[str, list[str]], genes: Sequence[str], symbols: Sequence[str]) -> dict[str, list[str]]:
    """Find each set's members among the genes of a data set, by id or by symbol, upper and lower case alike.

    Returns
    -------
    Name → gene ids of the data set, in the order of the set; members that it lacks are left out.
    """
    known: dict[str, str] = {}
    for names in (symbols, genes):  # an id wins over a symbol that looks like it
        for gene, name in zip(genes, names, strict=True):
            known[str(name).upper()] = str(gene)
    return {name: list(dict.fromkeys(known[m.upper()] for m in wanted if m.upper() in known)) for name, wanted in sets.items()}
