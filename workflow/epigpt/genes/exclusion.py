"""Genes that the user keeps from the models: by symbol, by id, or all genes of a stretch of a
chromosome."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from epigpt.errors import InputError, nearest_name
from epigpt.genes.annotation import ENSEMBL_PREFIX, ORGANISMS, annotation
from epigpt.genes.positions import GENOMES, locate, positions

_NUMBER = "([0-9][0-9,_]*)"
STRETCH = re.compile(rf"(?:chr)?([0-9]{{1,2}}|[XY]|MT?):{_NUMBER}-{_NUMBER}", re.IGNORECASE)
_WHERE = "the key exclude_genes"


@dataclass(frozen=True)
class Excluded:
    """What a request leaves out of one data set.

    Attributes
    ----------
    genes
        bool, one entry per gene of the data set.
    absent
        Names that exist, but not in this data set.
    """

    genes: np.ndarray
    absent: tuple[str, ...]


def find(
    asked: Sequence[str], organism: str, genes: Sequence[str], symbols: Sequence[str]
) -> Excluded:
    """Find the genes that a request names.

    Parameters
    ----------
    asked
        Symbols or ids (upper and lower case are the same), or stretches such as
        `chr10:1-5000000`, both ends included, on `epigpt.genes.positions.GENOMES[organism]`.
    organism
        Of the data set.
    genes, symbols
        Its canonical ids and their symbols.

    Raises
    ------
    InputError
        A name that no species' tables know and the data set lacks, a stretch whose end lies before
        its start or that no chromosome has, a stretch in an organism without a table of positions,
        or a request that leaves no gene.
    """
    left_out = np.zeros(len(genes), dtype=bool)
    by_name: dict[str, list[int]] = {}
    for at, names in enumerate(zip(genes, symbols, strict=True)):
        for name in {str(one).upper() for one in names}:
            by_name.setdefault(name, []).append(at)
    absent = []
    for name in asked:
        if stretch := STRETCH.fullmatch(name.strip()):
            left_out |= _inside(stretch, organism, genes, symbols)
        elif found := by_name.get(name.strip().upper()):
            left_out[found] = True
        elif _exists(name.strip()):
            absent.append(name)
        else:
            raise _unknown(name, symbols)
    if len(genes) and left_out.all():
        raise InputError(
            found=f"{', '.join(asked)}, which is every gene of the data set",
            where=_WHERE,
            why="no gene would be left to tell the classes apart by",
            remedy="name fewer genes, or a shorter stretch",
        )
    return Excluded(left_out, tuple(absent))


def _inside(
    stretch: re.Match[str], organism: str, genes: Sequence[str], symbols: Sequence[str]
) -> np.ndarray:
    chromosome = "MT" if stretch[1].upper() == "M" else stretch[1].upper()
    start, end = (int(re.sub("[,_]", "", text)) for text in stretch.group(2, 3))
    if organism not in GENOMES:
        raise InputError(
            found=f"the stretch {stretch[0]} for a data set of {organism}",
            where=_WHERE,
            why=f"EpiGPT knows where genes lie in {' and '.join(GENOMES)} only",
            remedy="name the genes themselves, by symbol or id",
        )
    known = sorted(set(positions(organism)["chromosome"]))
    if chromosome not in known or end < start:
        raise InputError(
            found=f"the stretch {stretch[0]}",
            where=_WHERE,
            why="its end lies before its start"
            if end < start
            else f"{organism} has no chromosome {chromosome} (it has {', '.join(known)})",
            remedy="write it as chr10:1-5000000: chromosome, first and last base",
        )
    places = locate(organism, genes, symbols)
    middle = places["middle"].to_numpy()
    with np.errstate(invalid="ignore"):
        between = (middle >= start) & (middle <= end)
    return (places["chromosome"] == chromosome).to_numpy() & between


def _exists(name: str) -> bool:
    """Return whether any species has such a gene: one table of data sets may hold several
    species."""
    if any(re.fullmatch(rf"{prefix}[0-9]{{11}}", name) for prefix in ENSEMBL_PREFIX.values()):
        return True
    return any(
        name.upper() in {one.upper() for one in annotation(organism).known}
        for organism in ORGANISMS
    )


def _unknown(name: str, symbols: Sequence[str]) -> InputError:
    upper = {str(symbol).upper(): str(symbol) for symbol in symbols if symbol}
    near = nearest_name(name.upper(), list(upper))
    return InputError(
        found=f"'{name}'",
        where=_WHERE,
        why="neither this data set nor the tables of any species know a gene of this name",
        remedy=(f"write '{upper[near]}', or" if near else "write")
        + " a symbol or id as in differential_expression.tsv, or a stretch as chr10:1-5000000",
    )
