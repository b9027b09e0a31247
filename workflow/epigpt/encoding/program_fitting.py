"""Fit programs on the training observations of one fit: principal components, genes that tell the
classes apart, pairs of them."""

import numpy as np

from epigpt.encoding.gene_statistics import GeneStatistics, strongest_axes

# Genes whose pairs are looked at.
PAIRED_GENES = 150


def components(
    deviations: np.ndarray, number: int, of_samples: np.ndarray | None = None
) -> np.ndarray:
    """Find the strongest principal axes of training deviations, scaled so that each score has the
    standard deviation 1 over the training observations.

    Parameters
    ----------
    deviations
        float32, shape (observations, genes).
    of_samples
        Of cells, the deviations of each sample's mean: up to half of the axes are those along which
        samples differ most, the others those of the cells that are left. The strongest axes of
        cells tell their kinds apart.

    Returns
    -------
    float32, shape (at most `number`, genes); the largest entry of each is positive.
    """
    # The last axis of few samples holds what rounding left of the mean.
    axes = np.zeros((0, deviations.shape[1]))
    left = deviations
    if of_samples is not None and len(of_samples) > 1:
        axes = strongest_axes(of_samples, min(number // 2, len(of_samples) - 1))
        left = deviations - (deviations @ axes.T) @ axes
    further = min(number, max(len(deviations) - 1, 1)) - len(axes)
    axes = np.concatenate([axes, strongest_axes(left, further)])
    spread = (deviations.astype(np.float64) @ axes.T).std(axis=0)
    return (axes / (spread + 1e-6)[:, None]).astype(np.float32)


def single_genes(columns: np.ndarray, within: np.ndarray, reference: GeneStatistics) -> np.ndarray:
    """Return loadings that measure each gene of `columns` by its deviation within the classes plus
    what is usual, float32, shape (genes chosen, genes).

    Measured by what is usual alone, a gene that is steady but for its class would hardly move.
    """
    loadings = np.zeros((len(columns), len(reference.centre)), dtype=np.float32)
    usual = float(np.median(reference.scale)) / 2  # a scale is twice what is usual, at the median
    loadings[np.arange(len(columns)), columns] = reference.scale[columns] / (within + usual)
    return loadings


def pair_loadings(
    pairs: np.ndarray, deviations: np.ndarray, reference: GeneStatistics
) -> tuple[np.ndarray, np.ndarray]:
    """Return loadings and offsets of `pairs` (columns, shape (pairs, 2)): the difference of the two
    genes' expression over its root mean square in the training observations.

    Positive where the first gene lies above the second. The score stays linear: a model without
    blocks over program tokens is then a linear model of the genes, and the blocks, whose layer
    norms keep little more of a score than its sign, are what reads pairs as votes.
    """
    first, second = pairs[:, 0], pairs[:, 1]
    scale, centre = reference.scale.astype(np.float64), reference.centre.astype(np.float64)
    level = centre[first] - centre[second]
    differences = deviations[:, first] * scale[first] - deviations[:, second] * scale[second]
    size = np.sqrt(((differences + level) ** 2).mean(axis=0)) + 1e-3
    loadings = np.zeros((len(pairs), len(centre)), dtype=np.float32)
    at = np.arange(len(pairs))
    loadings[at, first] = scale[first] / size
    loadings[at, second] = -scale[second] / size
    return loadings, (level / size).astype(np.float32)


def rule_loadings(
    coefficients: np.ndarray, intercepts: np.ndarray, reference: GeneStatistics
) -> tuple[np.ndarray, np.ndarray]:
    """Return loadings and offsets of margins that are linear in expression.

    Parameters
    ----------
    coefficients, intercepts
        Shapes (genes, margins) and (margins,).
    """
    loadings = (coefficients * reference.scale.astype(np.float64)[:, None]).T
    offsets = intercepts + reference.centre.astype(np.float64) @ coefficients
    return loadings.astype(np.float32), offsets.astype(np.float32)
