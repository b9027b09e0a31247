"""Count tables with planted genes, encoded as program tokens."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset.count_blocks import CountBlocks, open_observations
from epigpt.encoding import gene_statistics, token_dataset
from epigpt.encoding.programs import (
    Programs,
)

SAMPLES, GENES, PLANTED = 24, 300, 6


CLASSES = ["a", "b"]


def draw_counts(effect: float = 1.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Half of the samples are cases, in which the first genes are raised."""
    random = np.random.default_rng(seed)
    label = np.array(CLASSES * (SAMPLES // 2))
    mean = np.tile(random.gamma(2.0, 60.0, GENES) + 20, (SAMPLES, 1))
    mean[label == "b", :PLANTED] *= np.exp(effect)
    return random.negative_binomial(10, 10 / (10 + mean)), label


def open_blocks(
    folder: Path,
    counts: np.ndarray,
    label: np.ndarray,
    group: np.ndarray | None = None,
    sample: np.ndarray | None = None,
) -> CountBlocks:
    names = [f"S{number:02d}" for number in range(len(label))]
    obs = pd.DataFrame({"sample": names, "label": label, "group": group}, index=names)
    obs["group"] = names if group is None else group
    if sample is not None:
        obs["sample"] = sample
    matrix = scipy.sparse.csr_matrix(counts)
    var = pd.DataFrame(index=[f"Gene{number:03d}" for number in range(counts.shape[1])])
    folder.mkdir(exist_ok=True)
    path = folder / "a.h5ad"
    anndata.AnnData(matrix, obs=obs, var=var, uns={"assay": "bulk"}).write_h5ad(path)
    return open_observations(path)


def encoding_config(**changes: object) -> token_dataset.EncodingConfig:
    settings: dict[str, object] = {
        "encoding": "program-tokens",
        "max_genes": 64,
        "vocabulary_genes": 100,
        "views": 2,
        "seed": 1,
    }
    return token_dataset.EncodingConfig(**{**settings, **changes})  # type: ignore[arg-type]


def fit_on(
    observations: CountBlocks, training: np.ndarray, **changes: object
) -> tuple[list[str], gene_statistics.GeneStatistics]:
    vocabulary, reference = token_dataset.fit(
        observations, training, token_dataset.wanted(encoding_config(**changes), CLASSES)
    )
    return list(vocabulary.genes), reference


def programs_of(reference: gene_statistics.GeneStatistics) -> Programs:
    assert reference.programs is not None
    return reference.programs
