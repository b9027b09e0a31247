"""Which genes of each row a sequence shows, and in which order: without a look at what a row does
not hold, but where that may be shown."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse

from epigpt.encoding import gene_ranking
from epigpt.encoding.gene_statistics import CLIP, GeneStatistics


def parts(rows: int) -> Iterator[slice]:
    """Cut rows into parts whose keys stay in the processor's cache."""
    return (
        slice(start, min(start + gene_ranking.ROWS, rows))
        for start in range(0, rows, gene_ranking.ROWS)
    )


def ranked(
    expression: scipy.sparse.csr_matrix,
    reference: GeneStatistics,
    max_genes: int,
    hidden: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Order the detected genes of each row by deviation, descending, ties by id.

    Returns
    -------
    Columns, int64, shape (rows, at most max_genes), 0 where a row has fewer; and how many of them
    each row has, int64.
    """
    rows = expression.shape[0]
    ranked = np.zeros((rows, max_genes), dtype=np.int64)
    lengths = np.zeros(rows, dtype=np.int64)
    for part in parts(rows):
        columns, held, deviation, _ = _stored(expression, reference, part, hidden)
        best = gene_ranking.smallest(
            gene_ranking.rectangle(gene_ranking.keys(deviation, columns), held), max_genes
        )
        lengths[part] = np.minimum(held, best.shape[1])
        ranked[part, : best.shape[1]] = np.where(
            best == gene_ranking.NONE, 0, gene_ranking.genes_of(best)
        )
    return ranked, lengths


def most_deviating(
    expression: scipy.sparse.csr_matrix,
    reference: GeneStatistics,
    max_genes: int,
    hidden: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take the genes of each row with the largest deviation of either sign, held or absent,
    descending, ties by id.

    Returns
    -------
    Columns, int64, and deviations clipped to ± `CLIP`, float32, both of shape (rows, max_genes), 0
    where a row has fewer; and how many each row has, int64.
    """
    rows, genes = expression.shape
    kept = min(max_genes, genes)
    lengths = (
        np.full(rows, kept) if hidden is None else np.minimum(genes - hidden.sum(axis=1), kept)
    )
    columns = np.zeros((rows, max_genes), dtype=np.int64)
    deviations = np.zeros((rows, max_genes), dtype=np.float32)
    absent = gene_ranking.keys_by_size(
        np.clip(reference.of_absent(), -CLIP, CLIP), np.arange(genes)
    )
    absent.sort()
    for part in parts(rows):
        stored, held, deviation, unseen = _stored(expression, reference, part, hidden)
        beside = _absent(absent, stored, held, kept, unseen)
        laid = gene_ranking.rectangle(
            gene_ranking.keys_by_size(np.clip(deviation, -CLIP, CLIP), stored),
            held,
            beside.shape[1],
        )
        laid[:, laid.shape[1] - beside.shape[1] :] = beside
        best = gene_ranking.smallest(laid, kept)
        shown = np.arange(best.shape[1]) < lengths[part, None]
        columns[part, : best.shape[1]] = np.where(shown, gene_ranking.genes_of(best), 0)
        deviations[part, : best.shape[1]] = np.where(shown, gene_ranking.scores_of(best), 0)
    return columns, deviations, lengths


def beside_chosen(
    expression: scipy.sparse.csr_matrix,
    reference: GeneStatistics,
    max_genes: int,
    hidden: np.ndarray | None,
    select: Callable[..., tuple[Any, ...]],
) -> np.ndarray | None:
    """Hide all genes but those that the labels chose and, of the others, the best that fill the
    sequence.

    Parameters
    ----------
    select
        `ranked` or `most_deviating`.

    Returns
    -------
    bool, shape (rows, genes); `hidden` itself where no genes were chosen.
    """
    if reference.chosen is None:
        return hidden
    shape = expression.shape
    kept = np.broadcast_to(~reference.chosen, shape).copy()
    left = max_genes - int(reference.chosen.sum())
    if left > 0:
        others = np.broadcast_to(reference.chosen, shape)
        columns, *_, lengths = select(
            expression, reference, left, others if hidden is None else others | hidden
        )
        row, position = np.nonzero(np.arange(columns.shape[1]) < lengths[:, None])
        kept[row, columns[row, position]] = False
    return kept if hidden is None else kept | hidden


def _stored(
    expression: scipy.sparse.csr_matrix,
    reference: GeneStatistics,
    part: slice,
    hidden: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return what some rows hold and show: columns, how many each row has, deviations; and what of
    the rows is hidden."""
    begin, end = expression.indptr[part.start], expression.indptr[part.stop]
    held = np.diff(expression.indptr[part.start : part.stop + 1]).astype(np.int64)
    columns, data = expression.indices[begin:end], expression.data[begin:end]
    unseen = None if hidden is None else hidden[part]
    if unseen is not None:
        seen = ~unseen[np.repeat(np.arange(len(held)), held), columns]
        counted = np.concatenate([[0], np.cumsum(seen)])
        held = np.diff(counted[expression.indptr[part.start : part.stop + 1] - begin])
        columns, data = columns[seen], data[seen]
    return columns, held, reference.of_stored(data.astype(np.float32, copy=False), columns), unseen


def _absent(
    ordered: np.ndarray,
    columns: np.ndarray,
    held: np.ndarray,
    wanted: int,
    unseen: np.ndarray | None,
) -> np.ndarray:
    """Choose among the genes that rows do not hold: the deviation of an absent gene is the same in
    every row.

    Parameters
    ----------
    ordered
        Keys of all genes as if absent, ascending.
    columns, held
        Genes that the rows hold, row after row, and how many each has.
    unseen
        Genes that rows do not show, bool, shape (rows, genes).

    Returns
    -------
    uint64, shape (rows, at least `wanted` genes, or all): keys, `ranking.NONE` for genes that a row
    holds or does not show. Every row has its `wanted` smallest among them.
    """
    genes = gene_ranking.genes_of(ordered)
    free = np.ones((len(held), len(ordered)), dtype=bool) if unseen is None else ~unseen
    free.reshape(-1)[np.repeat(np.arange(len(held)) * len(ordered), held) + columns] = False
    looked = wanted + wanted // 4
    while True:
        found = free[:, genes[:looked]]
        if looked >= len(genes) or found.sum(axis=1).min(initial=wanted) >= wanted:
            return np.where(found, ordered[:looked], gene_ranking.NONE)
        looked *= 2
