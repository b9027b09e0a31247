"""Expression of more observations than fit into memory: quality and genes in one pass over the
counts, a bounded number of cells laid out, the others projected."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from epigpt.dataset import cell_sample, normalization, storage
from epigpt.expression import embedding, quality
from epigpt.expression.scverse import MOST_CELLS


def judged(
    path: Path, described: AnnData, floors: quality.Limits
) -> tuple[pd.DataFrame, np.ndarray]:
    """Judge every observation of counts.h5ad.

    Returns
    -------
    What `quality.judge` gives, and the positions of the genes with a count in a kept observation.
    """
    measured = []
    total = np.zeros(described.n_vars, dtype=np.int64)
    for rows, block in storage.blocks(path, "X"):
        part = AnnData(block, described.obs.iloc[rows], described.var, described.uns)
        measured.append(quality.measure(part))
        kept = quality.judge(measured[-1], floors)["kept"].to_numpy()
        total += np.asarray(block[np.flatnonzero(kept)].sum(axis=0, dtype=np.int64)).ravel()
    return quality.judge(pd.concat(measured), floors), np.flatnonzero(total > 0)


def laid_out(described: AnnData, kept: np.ndarray) -> np.ndarray:
    """Return the positions of the observations that are laid out: all that are kept, of more cells
    than `MOST_CELLS` as many of each sample."""
    positions = np.flatnonzero(kept)
    if str(described.uns["assay"]) != "single_cell" or len(positions) <= MOST_CELLS:
        return positions
    sample = described.obs["sample"].to_numpy(dtype=str)[positions]
    return positions[cell_sample.spread(sample, MOST_CELLS)]


def read(path: Path, described: AnnData, rows: np.ndarray, genes: np.ndarray) -> AnnData:
    """Read some observations of counts.h5ad and normalise them."""
    parts = [block for _, block in storage.blocks(path, "X", rows)]
    counts = AnnData(
        sp.vstack(parts, format="csr"),
        described.obs.iloc[rows],
        described.var,
        described.uns,
    )
    return normalization.normalise(counts, np.ones(len(rows), dtype=bool), genes)


def whole(path: Path, described: AnnData, kept: np.ndarray, shown: AnnData) -> AnnData:
    """Return all kept observations without their matrices, laid out as `shown`; those that are not
    among these have principal components by projection, and no place in UMAP.

    Parameters
    ----------
    kept
        bool, shape (observations,).
    shown
        Embedded.
    """
    obs = shown.obs if shown.n_obs == kept.sum() else described.obs.iloc[np.flatnonzero(kept)]
    made = AnnData(obs=obs.copy(), var=shown.var, uns=dict(shown.uns), varm=dict(shown.varm))
    if made.n_obs == shown.n_obs:
        made.obsm, made.obsp = shown.obsm, shown.obsp
        return made
    genes = described.var_names.get_indexer(shown.var_names)
    parts = [
        embedding.projected(shown, normalization.lognorm(block, scale(made)))
        for block in kept_blocks(path, kept, genes)
    ]
    components = np.concatenate(parts)
    layout = np.full((made.n_obs, 2), np.nan, dtype=np.float32)
    at = made.obs_names.get_indexer(shown.obs_names)
    components[at], layout[at] = shown.obsm["X_pca"], shown.obsm["X_umap"]
    made.obsm["X_pca"], made.obsm["X_umap"] = components, layout
    made.uns.pop("neighbors", None)
    made.uns["embedding"] = {**made.uns["embedding"], "laid_out": shown.n_obs}
    return made


def scale(expression: AnnData) -> float:
    """Return the total that every observation is brought to."""
    return float(normalization.SCALE[str(expression.uns["assay"])])


def kept_blocks(path: Path, kept: np.ndarray, genes: np.ndarray) -> Iterator[sp.csr_matrix]:
    """Yield the counts of kept observations and genes, block by block."""
    every = len(genes) and np.array_equal(genes, np.arange(genes[-1] + 1))
    for _, block in storage.blocks(path, "X", np.flatnonzero(kept)):
        yield block if every and len(genes) == block.shape[1] else block[:, genes]
