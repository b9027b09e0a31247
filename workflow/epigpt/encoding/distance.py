"""How far samples lie from those that a reference was fitted on."""

import numpy as np

from epigpt.dataset import normalization
from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.token_dataset import BLOCK, Readable, taken
from epigpt.encoding.vocabulary import Vocabulary


def from_reference(
    observations: Readable, vocabulary: Vocabulary, fitted: GeneStatistics
) -> np.ndarray:
    """Return the root mean square deviation of each observation from the reference, over the
    vocabulary's genes that the observations have.

    About 1 for what the reference was fitted on; float64, shape (observations,), NaN where no gene
    is shared.
    """
    columns = vocabulary.columns(observations.genes)
    known = columns >= 0
    found = np.full(len(observations.index), np.nan)
    if not known.any():
        return found
    for positions, counts in observations.blocks(np.arange(len(found)), BLOCK):
        expression = taken(normalization.lognorm(counts, fitted.target), columns)
        deviations = fitted.deviations(expression)[:, known].astype(np.float64)
        found[positions] = np.sqrt((deviations**2).mean(axis=1))
    return found
