"""Write expression.h5ad block by block.

The layout is that of anndata's own files. X and the layer lognorm are one object under two names
(hard links), and both layers share their positions, which are the same.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import scipy.sparse as sp

from epigpt.dataset import normalization

if TYPE_CHECKING:
    from anndata import AnnData

# Entries of a stored piece: few enough that reading some cells of many leaves most of them alone.
_PIECE = 1 << 14
# Of cells, most of the time would go into the last tenth of the file's size.
_PACKED: dict[str, Any] = {"compression": "gzip", "compression_opts": 1}


def write(path: Path, described: "AnnData", counts: Iterable[sp.csr_matrix], scale: float) -> None:
    """Write the expression of observations.

    Parameters
    ----------
    described
        obs, var, uns, obsm, varm and obsp; no matrices.
    counts
        Raw counts, blocks of observations × genes in the order of `described`, columns sorted.
    scale
        Total that every observation is brought to (`epigpt.dataset.normalization.lognorm`).
    """
    described.write_h5ad(path, **_PACKED)
    with h5py.File(path, "r+") as file:
        layers = file.require_group("layers")
        groups = {name: layers.create_group(name) for name in ("counts", "lognorm")}
        for group in groups.values():
            group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
            group.attrs["shape"] = np.array(described.shape, dtype=np.int64)
        data = {
            name: _growing(group, "data", kind)
            for (name, group), kind in zip(groups.items(), (np.int32, np.float32), strict=True)
        }
        indices = _growing(groups["counts"], "indices", np.int32)
        lengths = [np.zeros(1, dtype=np.int64)]
        for block in counts:
            raw = block.astype(np.int32, copy=False)
            _append(data["counts"], raw.data)
            _append(indices, raw.indices)
            _append(data["lognorm"], normalization.lognorm(raw, scale).data)
            lengths.append(np.diff(raw.indptr))
        ends = np.cumsum(np.concatenate(lengths))
        kind = np.int32 if ends[-1] <= np.iinfo(np.int32).max else np.int64
        groups["counts"].create_dataset("indptr", data=ends.astype(kind), **_PACKED)
        for name in ("indices", "indptr"):
            groups["lognorm"][name] = groups["counts"][name]
        if "X" in file:
            del file["X"]
        file["X"] = groups["lognorm"]


def _growing(group: h5py.Group, name: str, kind: type) -> h5py.Dataset:
    # Three of the four bytes of most counts are zeros: put together, they pack sooner and smaller.
    shuffle = np.issubdtype(kind, np.integer)
    return group.create_dataset(
        name, (0,), kind, maxshape=(None,), chunks=(_PIECE,), shuffle=shuffle, **_PACKED
    )


def _append(stored: h5py.Dataset, values: np.ndarray) -> None:
    begin = len(stored)
    stored.resize((begin + len(values),))
    stored[begin:] = values
