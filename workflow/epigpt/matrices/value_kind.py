"""What kind of numbers a matrix holds, with the evidence: counts, or something that was made of
them."""

import re
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from epigpt.matrices import traces_of_counts

COUNTS = ("raw_counts", "estimated_counts")
IN_WORDS = {
    "raw_counts": "raw counts",
    "estimated_counts": "estimated counts",
    "normalised_counts": "counts normalised by a factor per sample",
    "normalised_integers": "normalised values rounded to integers",
    "tpm": "TPM",
    "cpm": "CPM or counts scaled to a fixed total",
    "fpkm": "FPKM",
    "log": "values on a logarithmic scale",
    "log_counts": "logarithms of one more than the counts",
    "intensity": "intensities",
    "unknown": "values of an unknown kind",
}
# Observations whose quartiles and integer shares are looked at; enough to see what a whole table
# has in common.
_LOOKED_AT = 64
_AT_ONCE = 1 << 22
_HINTS = [
    ("fpkm", re.compile(r"f?rpkm|fpkm", re.IGNORECASE)),
    ("tpm", re.compile(r"(?<![a-z])tpm", re.IGNORECASE)),
    ("cpm", re.compile(r"(?<![a-z])cpm", re.IGNORECASE)),
    ("log", re.compile(r"(?<![a-z])(log2?|log10|rlog|vst|voom)(?![a-z]{2})", re.IGNORECASE)),
    (
        "normalised",
        re.compile(
            r"(?<!non[-_ .])(?<!non)(?<!un)normali[sz]|(?<![a-z])norm(?![a-z])", re.IGNORECASE
        ),
    ),
    ("counts", re.compile(r"count|umi|(?<![a-z])raw|(?<![a-z])reads?(?![a-z])", re.IGNORECASE)),
]


@dataclass(frozen=True)
class ValueKind:
    """The kind of a matrix's numbers.

    Attributes
    ----------
    type
        One of the keys of `IN_WORDS`.
    evidence
        What was measured and what follows from it.
    undone
        How the logarithm is undone, where the numbers tell: a key of `traces_of_counts.UNDONE`.
    """

    type: str
    evidence: str
    undone: str = ""


def hint(name: str) -> str:
    """Return what a file or column name says of its numbers: 'fpkm', 'tpm', 'cpm', 'log',
    'normalised', 'counts' or ''."""
    return next((kind for kind, pattern in _HINTS if pattern.search(name)), "")


def kind_of_values(
    matrix: sparse.csr_array, name: str = "", microarray: bool = False, single_cell: bool = False
) -> ValueKind:
    """Return the kind of numbers of a matrix, observations × genes.

    Integers are counts unless their sums or upper quartiles are the same in all observations. Other
    numbers are named by what their sums and range have in common; only where the numbers leave it
    open does the file's name decide, and never in favour of counts.
    """
    data = matrix.data
    if not data.any():
        return ValueKind("unknown", "every value is 0")
    low, high = min(0.0, float(data.min())), float(data.max())
    if not np.isfinite(high) or not np.isfinite(low):
        return ValueKind("unknown", "some values are infinite")
    if microarray:
        return ValueKind("intensity", f"a microarray series; values from {low:.4g} to {high:.4g}")
    if low < 0:
        kind = "log" if high < 40 and low > -40 else "intensity"
        return ValueKind(kind, f"some values are negative (smallest {low:.4g}, largest {high:.4g})")
    sums = _sums(matrix)
    sums = sums[sums > 0]
    integers = matrix.dtype.kind in "iu" or bool(np.all(data == np.floor(data)))
    if integers:
        return _integers(matrix, sums, high, name, single_cell)
    return _fractions(matrix, sums, high, name)


def _sums(matrix: sparse.csr_array) -> np.ndarray:
    """Sum each observation, some at a time: sums in another type than the values' copy all values
    that they are taken over."""
    sums = np.zeros(matrix.shape[0])
    ends = matrix.indptr
    start = 0
    while start < matrix.shape[0]:
        stop = max(start + 1, int(np.searchsorted(ends, ends[start] + _AT_ONCE, side="right")) - 1)
        filled = start + np.flatnonzero(np.diff(ends[start : stop + 1]))
        if filled.size:
            sums[filled] = np.add.reduceat(
                matrix.data[ends[start] : ends[stop]], ends[filled] - ends[start], dtype=np.float64
            )
        start = stop
    return sums


def _integers(
    matrix: sparse.csr_array, sums: np.ndarray, high: float, name: str, single_cell: bool
) -> ValueKind:
    said = hint(name)
    measured = (
        f"all values are integers (largest {high:.0f}); column sums from {sums.min():.0f} to"
        f" {sums.max():.0f}"
    )
    if high <= 1:
        return ValueKind("unknown", f"{measured}: only 0 and 1, which says yes or no of each gene")
    if len(sums) >= 3 and _spread(sums) < 0.001 and sums.min() > 1000:
        return ValueKind(
            "normalised_integers", f"{measured}: equal sums, so normalised and rounded"
        )
    if not single_cell and matrix.shape[0] >= 3:
        for of_what, quartiles in _upper_quartiles(matrix).items():
            if quartiles.min() >= 50 and _spread(quartiles) < 0.005:
                found = (
                    f"the upper quartile of {of_what} is {np.median(quartiles):.0f} in every column"
                )
                return ValueKind(
                    "normalised_integers", f"{measured}; {found}, so normalised and rounded"
                )
    looked_at = [] if single_cell else _rows_looked_at(matrix)
    combed = traces_of_counts.gaps(looked_at) if looked_at else None
    # Where the factor is large, no small numbers are left to tell it.
    if combed or traces_of_counts.one_step([row for row in looked_at if len(row)]):
        return ValueKind(
            "normalised_integers",
            f"{measured}; some small numbers are missing or twice as frequent in a column, as when"
            " counts were divided by a factor per sample and rounded",
        )
    if said in ("fpkm", "tpm", "cpm", "log") or (said == "normalised" and combed is None):
        return ValueKind("normalised_integers", f"{measured}, but the name '{name}' says {said}")
    smooth = (
        ""
        if said != "normalised"
        else (f"; every small number occurs, as in counts, though the name '{name}' says {said}")
    )
    return ValueKind(
        "raw_counts", f"{measured}; neither sums nor upper quartiles are equal{smooth}"
    )


def _spread(numbers: np.ndarray) -> float:
    """Relative distance of the 5th and the 95th percentile: a single odd sample does not hide a
    constant."""
    low, high = np.quantile(numbers, [0.05, 0.95])
    return float((high - low) / max(abs(np.median(numbers)), 1e-300))


def _upper_quartiles(matrix: sparse.csr_array) -> dict[str, np.ndarray]:
    expressed, everything = [], []
    for row in _rows_looked_at(matrix):
        if len(row) < 20:
            continue
        expressed.append(np.quantile(row, 0.75))
        rank = 0.75 * (matrix.shape[1] - 1) - (matrix.shape[1] - len(row))
        everything.append(float(np.partition(row, int(rank))[int(rank)]) if rank >= 0 else 0.0)
    found = {"expressed genes": np.array(expressed), "all genes": np.array(everything)}
    return {name: quartiles for name, quartiles in found.items() if len(quartiles) >= 3}


def _chosen(matrix: sparse.csr_array) -> np.ndarray:
    count = min(_LOOKED_AT, matrix.shape[0])
    return np.unique(np.linspace(0, matrix.shape[0] - 1, count).astype(int))


def _rows_looked_at(matrix: sparse.csr_array) -> list[np.ndarray]:
    rows = [matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]] for row in _chosen(matrix)]
    return [row[row != 0] for row in rows]


def _genes_looked_at(matrix: sparse.csr_array) -> list[np.ndarray]:
    """Return the genes of the values that `_rows_looked_at` gives."""
    spans = [(matrix.indptr[row], matrix.indptr[row + 1]) for row in _chosen(matrix)]
    expressed = [matrix.indices[start:end][matrix.data[start:end] != 0] for start, end in spans]
    return [genes for genes in expressed if len(genes)]


def _fractions(matrix: sparse.csr_array, sums: np.ndarray, high: float, name: str) -> ValueKind:
    said = hint(name)
    rows = [row for row in _rows_looked_at(matrix) if len(row)]
    whole = float(np.median([np.mean(np.abs(row - np.rint(row)) < 1e-6) for row in rows]))
    measured = (
        f"values are not integers (largest {high:.5g}, {_share(whole)} of them whole); column sums"
        f" from {sums.min():.6g} to {sums.max():.6g}"
    )
    even = len(sums) >= 3 and _spread(sums) < 0.001
    if float(np.mean(np.abs(sums - 1e6) < 5e3)) > 0.9:
        steps = traces_of_counts.one_step(rows)
        return ValueKind(
            "cpm" if steps else "tpm",
            measured + ": one million each" + (", whole multiples of one step" if steps else ""),
        )
    if even:
        return ValueKind("cpm", f"{measured}: the same in every column, so scaled to a fixed total")
    if high < 40:
        return _logarithms(matrix, rows, measured)
    if said in ("fpkm", "tpm", "cpm", "log"):
        return ValueKind(said, f"{measured}; the name '{name}' says {said}")
    return _unnamed_fractions(matrix, rows, sums, whole, f"{measured}|{said}")


def _share(whole: float) -> str:
    return "nearly all" if whole > 0.995 else f"{whole:.0%}"


def _logarithms(matrix: sparse.csr_array, rows: list[np.ndarray], measured: str) -> ValueKind:
    """Name what the logarithm was taken of, where undoing it tells."""
    undone, held = traces_of_counts.logarithm(rows)
    if held == "counts":
        return ValueKind(
            "log_counts", f"{measured}; {undone} gives whole numbers, so counts", undone
        )
    small = f"{measured}; so small a range is that of logarithms"
    if held:
        return ValueKind(
            "log", f"{small}; {undone} gives counts divided by a factor per sample", undone
        )
    undone, total = _undone(matrix)
    sum_in_words = f"; {undone} sums to {total:.6g} in every column" if undone else ""
    return ValueKind("log", small + sum_in_words, undone)


def _unnamed_fractions(
    matrix: sparse.csr_array, rows: list[np.ndarray], sums: np.ndarray, whole: float, about: str
) -> ValueKind:
    """Tell estimated and normalised counts from what is left, by whole numbers, steps and
    totals."""
    measured, _, said = about.rpartition("|")
    if whole < 0.9 and traces_of_counts.one_step(rows):
        return ValueKind(
            "normalised_counts",
            f"{measured}; whole multiples of one step per column: counts divided by a factor per"
            " sample, as by DESeq2 or TMM",
        )
    if whole >= 0.2 and said != "normalised":
        return ValueKind(
            "estimated_counts",
            f"{measured}: many whole numbers and different sums, as in estimated counts of genes",
        )
    if said == "counts" and np.median(sums) > 2e6:
        return ValueKind(
            "estimated_counts",
            f"{measured}; few whole numbers, but sums like those of libraries, and the name says"
            " counts",
        )
    if traces_of_counts.length_scaled(rows, _genes_looked_at(matrix)):
        return ValueKind(
            "fpkm",
            f"{measured}; between two samples many genes have the same ratio while no column has a"
            " step: counts divided by something of each gene, such as its length, as in FPKM",
        )
    return ValueKind(
        "unknown",
        f"{measured}: neither whole nor multiples of a step nor with equal sums, and the name does"
        " not say what they are",
    )


def _undone(matrix: sparse.csr_array) -> tuple[str, float]:
    """Find the logarithm whose undoing gives the same sum in every column; ("", 0) for none."""
    rows = _rows_looked_at(matrix)
    for name, undo in traces_of_counts.UNDONE.items():
        sums = np.array([undo(row).sum() for row in rows])
        if len(sums) >= 3 and _spread(sums) < 0.01:
            return name, float(np.median(sums))
    return "", 0.0
