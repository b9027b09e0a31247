"""Join the matrices of single samples: observations below each other, genes by id."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices.values import Values

NOT_IN_ALL = "gene that not all samples' lists have"
# A gene that a sample of its depth would count so often is seldom 0; a twentieth of them never is.
# Fewer than five may be 0 by what the samples are (genes of one sex).
_WELL_COUNTED, _MOST_MISSING, _FEWEST_MISSING, _FEWEST_LISTS = 20, 0.05, 5, 4


class List(NamedTuple):
    """The genes of one file, as places in the union, and the sum of its counts."""

    sample: str
    genes: np.ndarray
    counts: float


def union(parts: Iterable[tuple[str, Values]]) -> tuple[Values, list[str]]:
    """Join matrices one after the other; each is released before the next is read.

    Parameters
    ----------
    parts
        Sample id and matrix (observations × genes); feature lists may differ in content and order.
        A generator keeps memory low.

    Returns
    -------
    values
        All observations; genes in the order they were met. A gene that a list lacks counts 0 there,
        and a note says how many; where lists lack many that their samples would count often, the
        genes of all lists are kept. Observation names are sample_name where a sample has
        several.
    samples
        Sample id per observation.

    Raises
    ------
    InputError
        One sample's list lacks genes that others count often: its file was cut.
    """
    position: dict[str, int] = {}
    symbols: dict[str, str] = {}
    in_lists: dict[str, int] = {}
    data, indices = Growing(), Growing()
    lengths: list[np.ndarray] = [np.zeros(1, np.int64)]
    observations: list[str] = []
    samples: list[str] = []
    told: dict[str, list[str]] = {}
    listed: list[List] = []
    aside: dict[str, dict[str, None]] = {}
    lists = 0
    for sample, values in parts:
        lists += 1
        target = np.array(
            [position.setdefault(gene, len(position)) for gene in values.genes], dtype=np.int32
        )
        for gene in set(values.genes):
            in_lists[gene] = in_lists.get(gene, 0) + 1
        if values.symbols:
            symbols.update(
                (gene, text)
                for gene, text in zip(values.genes, values.symbols, strict=True)
                if text and gene not in symbols
            )
        data.append(values.matrix.data)
        indices.append(target[values.matrix.indices])
        lengths.append(np.diff(values.matrix.indptr).astype(np.int64))
        listed.append(List(sample, np.unique(target), float(values.matrix.sum())))
        several = len(values.observations) > 1
        observations += [f"{sample}_{name}" if several else sample for name in values.observations]
        samples += [sample] * len(values.observations)
        for note in values.notes:
            told.setdefault(note, []).append(sample)
        for reason, names in values.aside.items():
            aside.setdefault(reason, {}).update(dict.fromkeys(names))
    pointer = np.cumsum(np.concatenate(lengths))
    pointer = pointer if pointer[-1] > np.iinfo(np.int32).max else pointer.astype(np.int32)
    shape = (len(observations), len(position))
    matrix = sparse.csr_array(
        (data.whole(), indices.whole().astype(pointer.dtype, copy=False), pointer), shape=shape
    )
    notes = [_whose(note, owners, lists) for note, owners in told.items()]
    partial = sum(count < lists for count in in_lists.values())
    genes = list(position)
    if partial:
        counted = np.array([in_lists[gene] for gene in genes])
        common = _common(matrix, listed, counted)
        if common is None:
            notes.append(
                f"{partial} of {len(genes)} genes are not in the lists of all {lists} samples;"
                " where a list lacks a gene its count is 0."
            )
        else:
            notes.append(
                "The lists of some samples lack genes that others count often: the"
                f" {partial} of {len(genes)} genes that are not in all {lists} lists are left out."
            )
            aside[NOT_IN_ALL] = {genes[at]: None for at in np.flatnonzero(counted < lists)}
            matrix, genes = sparse.csr_array(matrix[:, common]), [genes[at] for at in common]
    return (
        Values(
            matrix,
            observations,
            genes,
            [symbols.get(gene, "") for gene in genes] if symbols else None,
            notes,
            {reason: list(names) for reason, names in aside.items()},
        ),
        samples,
    )


def _common(matrix: sparse.csr_array, lists: list[List], in_lists: np.ndarray) -> np.ndarray | None:
    """Return the genes that all lists have, as places, where an absent one is no 0: lists that lack
    a twentieth of the genes that would be counted often in them were made with other genes; else
    None.

    Raises
    ------
    InputError
        One list alone does: its file was cut.
    """
    total, depth = np.asarray(matrix.sum(axis=0)).ravel(), np.zeros(len(in_lists))
    for one in lists:
        depth[one.genes] += one.counts
    share = total / np.maximum(depth, 1.0)
    short = {}
    for one in lists:
        often = share * one.counts >= _WELL_COUNTED
        lacking = often.copy()
        lacking[one.genes] = False
        if lacking.sum() >= max(_FEWEST_MISSING, _MOST_MISSING * often.sum()):
            short[one.sample] = (int(lacking.sum()), int(often.sum()), len(one.genes))
    if len(short) == 1 and len(lists) >= _FEWEST_LISTS:
        sample, (absent, of, present) = next(iter(short.items()))
        raise InputError(
            f"{absent:,} of {of:,} genes that other samples count often are not in"
            f" the list of {sample}, which has {present:,} genes",
            f"the file of {sample}",
            "the file was cut, or was written with other genes; their counts are not 0",
            f"fetch or write the file again, or leave the sample out: {leave_out(sample)}",
        )
    return np.flatnonzero(in_lists == len(lists)) if short else None


def leave_out(sample: str) -> str:
    """Return how a data set's row leaves a sample out."""
    return f"write `sample!={sample}` into the cell `include`"


def _whose(note: str, owners: list[str], lists: int) -> str:
    """Say of which samples a note is; what is true of all is said once."""
    distinct = list(dict.fromkeys(owners))
    if len(distinct) == 1:
        return f"{distinct[0]}: {note}"
    examples = ", ".join(distinct[:4]) + (", …" if len(distinct) > 4 else "")
    return f"In {'all' if len(owners) == lists else len(distinct)} samples ({examples}): {note}"


class Growing:
    """An array that grows in its place, so that hundreds of parts never lie in memory beside the
    whole they become.

    Large blocks of memory are moved by the system's page tables when they grow; small ones that are
    freed one by one stay with the process in pieces that nothing else fits into.
    """

    def __init__(self) -> None:
        self._array = np.empty(0, dtype=np.int32)
        self._used = 0

    def append(self, part: np.ndarray) -> None:
        """Add a part at the end; the type widens to what holds both."""
        wider = np.result_type(self._array, part) if self._used else part.dtype
        if wider != self._array.dtype:
            self._array = self._array.astype(wider)
        needed = self._used + len(part)
        if needed > len(self._array):
            # Nobody else holds the array: it is handed out only once it is whole.
            self._array.resize(max(needed, len(self._array) * 5 // 4), refcheck=False)
        self._array[self._used : needed] = part
        self._used = needed

    def whole(self) -> np.ndarray:
        """Return the array, cut to what was added; nothing can be added afterwards."""
        self._array.resize(self._used, refcheck=False)
        return self._array
