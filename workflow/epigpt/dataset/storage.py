"""The only code that opens counts.h5ad and expression.h5ad: whole, or the parts that are needed.

`count_blocks` reads the counts of many cells block by block, `expression_file` what a figure needs.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

if TYPE_CHECKING:
    from anndata import AnnData


def read(path: Path) -> "AnnData":
    """Read a whole file."""
    import anndata

    return anndata.read_h5ad(path)


def parts(path: Path, *names: str) -> list[Any]:
    """Read some parts and no others: the layers of many cells would fill the memory for nothing.

    Parameters
    ----------
    names
        Places in the file, such as `obs` or `layers/lognorm`.
    """
    from anndata.io import read_elem

    with h5py.File(path) as file:
        return [read_elem(file[name]) for name in names]


def text(path: Path, name: str) -> str:
    """Return a text of `uns`, such as `organism`; empty where the file does not say."""
    with h5py.File(path) as file:
        stored = file.get(f"uns/{name}")
        return str(stored.asstr()[()]) if isinstance(stored, h5py.Dataset) else ""
