"""Counts of any of the four species over human genes, where series meet."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse

from epigpt.genes import orthologs


def summed(
    counts: scipy.sparse.csr_matrix, genes: Sequence[str], symbols: Sequence[str], organism: str
) -> tuple[np.ndarray, scipy.sparse.csr_matrix]:
    """Add the counts of co-orthologs; genes without a human counterpart are left out.

    Parameters
    ----------
    counts
        Observations × genes.
    genes, symbols
        Canonical ids and symbols of the columns.
    organism
        One of the four species.

    Returns
    -------
    Human symbols, sorted, and the counts of each, CSR of shape (observations, symbols).
    """
    rows, _ = orthologs.to_human(genes, symbols, organism)
    mapped = np.flatnonzero((rows["human"] != "").to_numpy())
    names, place = np.unique(rows["human"].to_numpy(dtype=str)[mapped], return_inverse=True)
    sums = scipy.sparse.csr_matrix(
        (np.ones(len(mapped), dtype=counts.dtype), (mapped, place)), shape=(len(rows), len(names))
    )
    return names, scipy.sparse.csr_matrix(counts @ sums)
