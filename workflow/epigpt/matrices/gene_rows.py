"""Keep of a matrix what are genes of the data set's species: transcripts become genes, everything
else is set aside by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse

from epigpt.errors import InputError
from epigpt.genes import id_kinds, row_kinds, transcripts
from epigpt.genes.annotation import ORGANISMS
from epigpt.genes.patterns import ENSEMBL, some_of, text_of
from epigpt.matrices.values import Values, select_genes

TOTAL = "sum of the other rows, not a gene"
NO_GENE = "transcript whose gene is not known"
_TOLERANCE = 0.01
# A row that holds this share of all counts may be their sum; no gene holds half of every sample.
_SUSPICIOUS = 0.4
_MOST_OBSERVATIONS = 16

Table = Callable[[], tuple[Mapping[str, str], str]]


def genes_only(
    values: Values, organism: str | None, table: Table, where: str, remedy: str = ""
) -> Values:
    """Leave out the rows that are not genes of the species, and name transcripts by their genes, so
    that they are summed where genes are put in order.

    Parameters
    ----------
    values
        A matrix as it was read.
    organism
        The species of the data set; None where it is open.
    table
        Gives transcript → gene and the name of the file it stands in, on demand: ({}, "") where
        there is none.
    where
        The matrix's name, for messages.
    remedy
        What a user can do about transcripts, where that is known better here than there.

    Raises
    ------
    InputError
        Transcripts without a way to their genes; genes of another species; two species without a
        choice.
    """
    values = _by_gene(values, table, where, remedy)
    names = [text_of(name) for name in values.genes]
    _refuse_two_species(names, organism, where)
    why = row_kinds.reasons(names, id_kinds.id_type(some_of(names)), organism)
    for index in totals(values):
        why[index] = why[index] or TOTAL
    if not any(why):
        return values
    keep = np.flatnonzero([not reason for reason in why])
    _refuse_other_species(names, why, len(keep), organism, where)
    aside = {reason: list(listed) for reason, listed in values.aside.items()}
    for name, reason in zip(names, why, strict=True):
        if reason:
            aside.setdefault(reason, []).append(name)
    return replace(select_genes(values, keep), aside=aside)


def _by_gene(values: Values, table: Table, where: str, remedy: str) -> Values:
    if not transcripts.like_transcripts(some_of(values.genes)):
        return values
    genes = transcripts.genes_of(values.genes)
    source = "their ids"
    if sum(map(bool, genes)) < 0.5 * len(genes):
        known, source = table()
        genes = transcripts.genes_of(values.genes, known)
    with_gene = sum(map(bool, genes))
    if with_gene < 0.5 * len(genes):
        raise _unsummed(values.genes, where, with_gene, source, remedy)
    # An id that holds its gene holds the symbol too, which is read from it later.
    named = [
        text_of(name) if ENSEMBL.search(str(name)) else gene
        for name, gene in zip(values.genes, genes, strict=True)
    ]
    number = len(set(genes) - {""})
    note = f"{with_gene} rows of transcripts were summed to {number} genes by {source}."
    keep = np.array([bool(gene) for gene in genes])
    values = replace(values, genes=named, notes=[*values.notes, note])
    if keep.all():
        return values
    lost = [str(name) for name, yes in zip(values.genes, keep, strict=True) if not yes]
    return replace(
        select_genes(values, np.flatnonzero(keep)), aside={**values.aside, NO_GENE: lost}
    )


def _unsummed(names: Sequence[str], where: str, found: int, source: str, remedy: str) -> InputError:
    looked = f"; {source} knows {found} of them" if source else ""
    return InputError(
        f"values of transcripts, not of genes: {', '.join(map(str, names[:3]))}, …",
        where,
        "their ids do not name the genes, and no table of transcripts and genes lies beside them"
        + looked,
        remedy
        or "give a table of transcripts and genes by `--config transcripts=FILE` (two columns; the"
        " one that salmon, kallisto or tximport were run with serves); or sum them to genes and"
        " give the counts as a table (cell `source`) with a sample sheet (cell `samples`)",
    )


def _refuse_two_species(names: Sequence[str], organism: str | None, where: str) -> None:
    if organism is not None:
        return
    looked = some_of(names)
    counted = row_kinds.assembly_species(looked)
    large = {name: count for name, count in counted.items() if count >= 0.1 * len(looked)}
    if len(large) < 2:
        return
    listed = ", ".join(
        f"{name} ({count / len(looked):.0%} of the rows)" for name, count in sorted(large.items())
    )
    own = [name for name in sorted(large) if name in ORGANISMS]
    raise InputError(
        f"genes of {len(large)} species: {listed}",
        where,
        "the genes of one of them are the data set's, the others are those of a graft, a host or a"
        " mixture",
        f"set the cell `organism` to {' or '.join(own)}; the other's rows are then counted and left"
        " out",
    )


def _refuse_other_species(
    names: Sequence[str], why: Sequence[str], kept: int, organism: str | None, where: str
) -> None:
    others = sum(reason.startswith(row_kinds.other_species("")[:-2]) for reason in why)
    if kept >= 0.05 * len(names) or others < 0.5 * len(names):
        return
    counted = row_kinds.assembly_species(names)
    theirs = max(counted, key=lambda name: counted[name]) if counted else "another species"
    raise InputError(
        f"genes of {theirs}, not of {organism}",
        where,
        "the record or the cell `organism` says that the samples are of another species",
        (
            f"set the cell `organism` to {theirs}"
            if theirs in ORGANISMS
            else "name another file in the cell `matrix`"
        ),
    )


def totals(values: Values) -> list[int]:
    """Find the rows that are the sums of all others, by their numbers."""
    if values.matrix.shape[1] < 10 or not values.matrix.nnz:
        return []
    # Some observations tell; copying all of a large matrix for it would double its memory.
    count = min(_MOST_OBSERVATIONS, values.matrix.shape[0])
    chosen = np.unique(np.linspace(0, values.matrix.shape[0] - 1, count).astype(int))
    matrix = sparse.csc_array(values.matrix[chosen])
    sums = np.asarray(matrix.sum(axis=0), dtype=np.float64).ravel()
    left = np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
    rows: list[int] = []
    # Two sums (of reads, of mapped reads) may stand one below the other.
    large = sorted(np.flatnonzero(sums > _SUSPICIOUS * sums.sum() / 3), key=lambda at: -sums[at])
    for index in large[:3]:
        row = np.asarray(matrix[:, [index]].todense(), dtype=np.float64).ravel()
        others = left - row
        if np.all(np.abs(row - others) <= _TOLERANCE * np.maximum(others, 1)) and others.sum() > 0:
            rows.append(int(index))
            left = others
    return rows
