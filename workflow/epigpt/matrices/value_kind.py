"""What kind of numbers a matrix holds, with the evidence: counts, or something that was made of
them."""

import re
from dataclasses import dataclass

import numpy as np
from scipy import sparse

COUNTS = ("raw_counts", "estimated_counts")
IN_WORDS = {
    "raw_counts": "raw counts",
    "estimated_counts": "estimated counts",
    "normalised_integers": "normalised values rounded to integers",
    "tpm": "TPM",
    "cpm": "CPM or counts scaled to a fixed total",
    "fpkm": "FPKM",
    "log": "values on a logarithmic scale",
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
    """

    type: str
    evidence: str


def hint(name: str) -> str:
    """Give what a file or column name says of its numbers: 'fpkm', 'tpm', 'cpm', 'log',
    'normalised', 'counts' or ''."""
    return next((kind for kind, pattern in _HINTS if pattern.search(name)), "")


def kind_of_values(
    matrix: sparse.csr_array, name: str = "", microarray: bool = False, single_cell: bool = False
) -> ValueKind:
    """Tell the kind of numbers of a matrix, observations × genes.

    Integers are counts unless their sums or upper quartiles are the same in all observations. Other
    numbers are named by what their sums and range have in common; only where the numbers leave it
    open does the file's name decide, and never in favour of counts.
    """
    data = matrix.data
    if data.size == 0:
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
    if said in ("fpkm", "tpm", "cpm", "log", "normalised"):
        return ValueKind("normalised_integers", f"{measured}, but the name '{name}' says {said}")
    return ValueKind("raw_counts", f"{measured}; neither sums nor upper quartiles are equal")


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


def _rows_looked_at(matrix: sparse.csr_array) -> list[np.ndarray]:
    chosen = np.unique(
        np.linspace(0, matrix.shape[0] - 1, min(_LOOKED_AT, matrix.shape[0])).astype(int)
    )
    rows = [matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]] for row in chosen]
    return [row[row != 0] for row in rows]


def _fractions(matrix: sparse.csr_array, sums: np.ndarray, high: float, name: str) -> ValueKind:
    said = hint(name)
    rows = [row for row in _rows_looked_at(matrix) if len(row)]
    whole = float(np.median([np.mean(np.abs(row - np.rint(row)) < 1e-6) for row in rows]))
    measured = (
        f"values are not integers (largest {high:.5g}, {whole:.0%} of them whole); column sums from"
        f" {sums.min():.6g} to {sums.max():.6g}"
    )
    even = len(sums) >= 3 and _spread(sums) < 0.001
    if float(np.mean(np.abs(sums - 1e6) < 5e3)) > 0.9:
        steps = _one_step(rows)
        return ValueKind(
            "cpm" if steps else "tpm",
            measured + ": one million each" + (", whole multiples of one step" if steps else ""),
        )
    if even:
        return ValueKind("cpm", f"{measured}: the same in every column, so scaled to a fixed total")
    if high < 40:
        return ValueKind(
            "log", f"{measured}; so small a range is that of logarithms{_undone(matrix)}"
        )
    if said in ("fpkm", "tpm", "cpm", "log"):
        return ValueKind(said, f"{measured}; the name '{name}' says {said}")
    return _unnamed_fractions(rows, sums, whole, measured, said)


def _unnamed_fractions(
    rows: list[np.ndarray], sums: np.ndarray, whole: float, measured: str, said: str
) -> ValueKind:
    """Tell estimated counts from what is left, by whole numbers and totals."""
    if whole >= 0.2 and said != "normalised":
        return ValueKind(
            "estimated_counts",
            f"{measured}: many whole numbers and different sums, as in estimated counts of genes",
        )
    if _one_step(rows):
        return ValueKind(
            "unknown",
            f"{measured}; whole multiples of one step per column: counts divided by a factor per"
            " sample",
        )
    if said == "counts" and np.median(sums) > 2e6:
        return ValueKind(
            "estimated_counts",
            f"{measured}; few whole numbers, but sums like those of libraries, and the name says"
            " counts",
        )
    return ValueKind("fpkm", f"{measured}: neither whole nor with equal sums, as in FPKM")


def _one_step(rows: list[np.ndarray]) -> bool:
    """Whether the values of each column are whole multiples of its smallest one: counts that were
    divided by something."""
    if not rows:
        return False
    shares = [
        max(_whole_multiples(row, row.min() / fewest) for fewest in (1, 2, 3)) for row in rows
    ]
    return float(np.median(shares)) > 0.98


def _whole_multiples(row: np.ndarray, step: float) -> float:
    """Share of the values below 1,000 steps that are whole multiples of a step; a column's smallest
    value may be several counts."""
    ratio = row / step
    small = ratio[ratio < 1000]
    return float(np.mean(np.abs(small - np.rint(small)) < 0.01 * np.maximum(1, small / 10)))


def _undone(matrix: sparse.csr_array) -> str:
    """Say what undoing the logarithm gives, where that is telling."""
    rows = _rows_looked_at(matrix)
    for label, undo in (("2^x - 1", lambda row: np.exp2(row) - 1), ("exp(x) - 1", np.expm1)):
        sums = np.array([undo(row).sum() for row in rows])
        if len(sums) >= 3 and _spread(sums) < 0.01:
            return f"; {label} sums to {np.median(sums):.6g} in every column"
    return ""
