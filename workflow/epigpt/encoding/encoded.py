"""What an encoding makes of a block of observations."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Encoded:
    """Token sequences of a block of observations.

    Attributes
    ----------
    tokens
        int32, shape (rows, width), padded on the right.
    lengths
        int32, shape (rows,): tokens before the padding.
    values
        float32, shape (rows, width), 0 where padded; None for encodings without values.
    deviations
        float32, shape (rows, genes of the vocabulary): what programs were scored on, which
        attribution divides among the genes; None for encodings of genes.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    values: np.ndarray | None
    deviations: np.ndarray | None = None
