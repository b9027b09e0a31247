"""Values of several thousand genes, small enough to travel inside the page.

Counts and log-normalised expression of each sample are written as two digits of base 64 each, on a
logarithmic scale of 4,096 steps: exact for counts below a hundred or so, within half a per cent
above. A reader who needs the numbers themselves finds them under exports/.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from epigpt.report.matrix import Expression

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
STEPS = 4095
# Text that the values of all genes may take together; a page of 100 samples stays far below 5 MB.
_BUDGET = 1_600_000
_MOST_GENES = 4_000
Floats = npt.NDArray[np.float64]


def how_many(samples: int) -> int:
    """Return of how many genes a page can hold the values of this many samples."""
    return max(200, min(_MOST_GENES, _BUDGET // (4 * max(samples, 1))))


def of_samples(data: Expression, genes: list[str]) -> tuple[list[str], Floats, Floats]:
    """Return the samples, their counts and their log-normalised expression, samples × genes.

    Of cells, counts are summed over a sample and expression is averaged.
    """
    owner = data.obs.get("sample", pd.Series(data.obs.index, index=data.obs.index)).astype(str)
    codes, names = pd.factorize(owner)
    at = data.var.index.get_indexer(pd.Index(genes))
    found = []
    for layer in ("counts", "lognorm"):
        sums = np.zeros((len(names), len(genes)))
        if layer in data.layers or layer == "lognorm":
            for start, block in data.blocks(layer):
                own = codes[start : start + block.shape[0]]
                member = sparse.csr_matrix(
                    (np.ones(len(own)), (own, np.arange(len(own)))), shape=(len(names), len(own))
                )
                sums += (member @ block[:, at]).toarray()
        found.append(sums)
    size = np.bincount(codes, minlength=len(names))[:, None]
    return [str(name) for name in names], found[0], found[1] / size


def packed(values: Floats) -> dict[str, Any]:
    """Return non-negative values, samples × genes, as text, gene after gene, and the logarithm of
    the largest."""
    logs = np.log1p(np.maximum(values, 0)).T.ravel()
    top = float(logs.max()) if logs.size else 0.0
    steps = np.rint(logs / (top or 1.0) * STEPS).astype(np.int64)
    digits = np.frombuffer(DIGITS.encode(), dtype=np.uint8)
    text = np.empty((len(steps), 2), dtype=np.uint8)
    text[:, 0], text[:, 1] = digits[steps // 64], digits[steps % 64]
    return {"top": top, "text": text.tobytes().decode()}


def unpacked(content: dict[str, Any], genes: int) -> Floats:
    """Return what `packed` wrote, samples × genes, as the page's script reads it."""
    place = {digit: at for at, digit in enumerate(DIGITS)}
    text = content["text"]
    steps = [64 * place[text[at]] + place[text[at + 1]] for at in range(0, len(text), 2)]
    values = np.expm1(np.array(steps) / STEPS * content["top"])
    return np.asarray(values.reshape(genes, -1).T, dtype=np.float64)
