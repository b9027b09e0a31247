"""Raw counts of the kept samples or cells, read from expression.h5ad block by block in an order of
our own."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset import cell_sample, csr_rows, normalization, storage
from epigpt.dataset.normalization import SCALE, assay_of
from epigpt.errors import InputError

READ = 4096
# Counts that are held in memory, 12 bytes each with their logarithm.
MOST_HELD = 40_000_000


@dataclass(frozen=True)
class CountBlocks:
    """Samples or cells sorted by sample and id, genes sorted by canonical id, whatever their order
    in the file.

    The fixed order is what makes tokens and training independent of how the file happened to be
    written.

    Attributes
    ----------
    path
        The `.h5ad` file; counts are read from its layer `counts`, or from X where there is no such
        layer.
    index
        One row per observation, sorted by sample, then id: observation, sample, group, label (text;
        columns that the file lacks are left out).
    genes
        Canonical gene ids, sorted.
    symbols
        Symbol of each gene in `genes`.
    target
        Total to which an observation's counts are scaled before the logarithm: 1e6 for bulk, 1e4
        for single cells.
    organism
        As the file says, else "unknown".
    excluded
        Genes in `genes` that no model may see (key exclude_genes), bool. Their counts are part of
        an observation's total all the same.
    """

    path: Path
    index: pd.DataFrame
    genes: np.ndarray
    symbols: np.ndarray
    target: float
    organism: str
    excluded: np.ndarray
    _rows: np.ndarray
    _columns: np.ndarray
    _held: scipy.sparse.csr_matrix | None = None
    _expression: scipy.sparse.csr_matrix | None = None
    _remembered: dict[Hashable, scipy.sparse.csr_matrix] = field(default_factory=dict)

    def blocks(
        self, wanted: np.ndarray, size: int = 1024
    ) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
        """Read the observations at positions `wanted` of `index`, at most `size` at a time.

        Yields
        ------
        positions
            Positions in `index`, int64, shape (rows,).
        counts
            Counts as CSR of shape (rows, genes), columns in the order of `genes`, without stored
            zeros.
        """
        parts = _parts(wanted, size)
        if self._held is not None:
            yield from ((positions, self._held[positions]) for positions in parts)
            return
        with h5py.File(self.path, "r") as file:
            group = file["layers/counts"] if "layers/counts" in file else file["X"]
            starts = csr_rows.pointers(group)
            for positions in parts:
                counts = csr_rows.read(group, starts, self._rows[positions], len(self._columns))
                counts = counts[:, self._columns]
                counts.eliminate_zeros()
                counts.sort_indices()
                yield positions, counts

    def expression(
        self, wanted: np.ndarray, size: int = 1024
    ) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
        """Yield positions and log-normalised expression, otherwise as `blocks`."""
        if self._expression is not None:
            held = self._expression
            yield from ((positions, held[positions]) for positions in _parts(wanted, size))
            return
        for positions, counts in self.blocks(wanted, size):
            yield positions, normalization.lognorm(counts, self.target)

    def remembered(
        self, key: Hashable, make: Callable[[], scipy.sparse.csr_matrix]
    ) -> scipy.sparse.csr_matrix:
        """Return what `make` gives: made once, while there is room, of counts in memory.

        Parameters
        ----------
        key
            Says what is made of these counts, whatever their labels.
        """
        if key in self._remembered:
            return self._remembered[key]
        made = make()
        kept = made.nnz + sum(matrix.nnz for matrix in self._remembered.values())
        if self._held is not None and kept <= MOST_HELD:
            self._remembered[key] = made
        return made

    @property
    def assay(self) -> str:
        """Return bulk or single_cell."""
        return assay_of(self.target)

    def held(self) -> "CountBlocks":
        """Return the same with its counts and expression in memory, where they are few enough:
        whoever fits many models would read the file, and take logarithms, as often."""
        if self._held is not None:
            expression = normalization.lognorm(self._held, self.target)
            return replace(self, _expression=expression)
        with h5py.File(self.path, "r") as file:
            group = file["layers/counts"] if "layers/counts" in file else file["X"]
            starts = csr_rows.pointers(group)
        lengths = None if starts is None else np.diff(starts)[self._rows]
        number = len(self._rows) * len(self._columns) if lengths is None else int(lengths.sum())
        if number > MOST_HELD or not len(self._rows):
            return self
        every = np.arange(len(self._rows))
        counts = [block for _, block in self.blocks(every, csr_rows.AT_ONCE)]
        held = scipy.sparse.vstack(counts, format="csr")
        return replace(self, _held=held, _expression=normalization.lognorm(held, self.target))


def _parts(wanted: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(wanted), size):
        yield np.asarray(wanted[start : start + size], dtype=np.int64)


def open_observations(path: Path) -> CountBlocks:
    """Open an `.h5ad` file with raw counts for encoding: of single cells those that were drawn for
    the models, or the sums of their samples (`epigpt.dataset.cell_sample`).

    Parameters
    ----------
    path
        expression.h5ad or counts.h5ad of a data set.

    Raises
    ------
    InputError
        The file does not exist, holds no counts matrix by observations, or names a gene or an
        observation twice.
    """
    if not path.is_file():
        raise InputError(
            "no such file",
            str(path),
            "the counts to encode are read from it",
            "run the workflow up to `expression` first",
        )
    with h5py.File(path, "r") as file:
        place = "layers/counts" if "layers/counts" in file else "X"
        matrix = file.get(place)
        if matrix is None or (
            isinstance(matrix, h5py.Group) and matrix.attrs.get("encoding-type") != "csr_matrix"
        ):
            stored = "adata.X" if place == "X" else "adata.layers['counts']"
            raise InputError(
                "no counts stored by observation",
                str(path),
                "encoding reads the layer `counts` or X, dense or as CSR",
                f"write it by observation: {stored} = scipy.sparse.csr_matrix({stored})",
            )
        obs, var = _frame(file["obs"]), _frame(file["var"])
        marked = file.get("var/excluded")
        excluded = np.zeros(len(var), dtype=bool) if marked is None else marked[:].astype(bool)
        drawn = file.get(f"obs/{cell_sample.COLUMN}")
        kept = np.ones(len(obs), dtype=bool) if drawn is None else drawn[:].astype(bool)
        assay, organism, observed = (
            _scalar(file, f"uns/{name}") for name in ("assay", "organism", cell_sample.OBSERVED)
        )
    for axis, names in (("observation", obs.index), ("gene", var.index)):
        if names.has_duplicates:
            twice = names[names.duplicated()][0]
            raise InputError(
                f"{axis} {twice!r} twice",
                str(path),
                "ids must be unique",
                "sum or rename the duplicates",
            )
    columns = np.argsort(var.index.to_numpy(), kind="stable")
    held = None
    if observed == cell_sample.SUMS:
        summed = storage.by_sample(path)
        obs, kept, assay = summed.obs, np.ones(summed.n_obs, dtype=bool), "bulk"
        held = summed.layers["counts"][:, columns]
        held.sort_indices()
    rows = _by_sample(obs)
    rows = rows[kept[rows]]
    index = obs.iloc[rows].rename_axis("observation").reset_index()
    index = index[
        ["observation", *(name for name in ("sample", "group", "label") if name in index)]
    ]
    symbols = var["symbol"] if "symbol" in var else var.index.to_series()
    return CountBlocks(
        path=path,
        index=index,
        genes=var.index.to_numpy()[columns].astype(str),
        symbols=symbols.to_numpy()[columns].astype(str),
        target=float(SCALE["single_cell" if assay == "single_cell" else "bulk"]),
        organism=organism or "unknown",
        excluded=excluded[columns],
        _rows=rows,
        _columns=columns,
        _held=None if held is None else held[rows],
    ).held()


def _by_sample(obs: pd.DataFrame) -> np.ndarray:
    """Order observations by sample, then id: cells of a sample lie together in a file, and reading
    them one by one is slow."""
    ids = obs.index.to_numpy(dtype=str)
    return (
        np.lexsort((ids, obs["sample"].to_numpy(dtype=str)))
        if "sample" in obs
        else np.argsort(ids, kind="stable")
    )


def _scalar(file: h5py.File, name: str) -> str:
    return str(file[name].asstr()[()]) if name in file else ""


def _frame(group: h5py.Group) -> pd.DataFrame:
    """Read a data frame as anndata stores it (specification 0.2.0); importing anndata itself costs
    over a second per job."""
    index = _text(group[group.attrs["_index"]], distinct=True)
    columns = {}
    for name in ("sample", "group", "label", "symbol"):
        if name not in group:
            continue
        stored = group[name]
        if isinstance(stored, h5py.Group) and "categories" in stored:
            codes = stored["codes"][:]
            names = _text(stored["categories"])
            columns[name] = np.where(codes >= 0, names[codes], "")
        elif isinstance(stored, h5py.Group):  # nullable-string-array
            columns[name] = np.where(stored["mask"][:], "", _text(stored["values"]))
        else:
            columns[name] = _text(stored)
    return pd.DataFrame(columns, index=pd.Index(index, dtype=object))


def _text(stored: h5py.Dataset, distinct: bool = False) -> np.ndarray:
    """Read strings; equal ones become one object, unless all are known to be `distinct`: with many
    cells their memory would count."""
    reader = (
        stored.asstr() if h5py.check_string_dtype(stored.dtype) is not None else stored.astype(str)
    )
    texts = np.empty(len(stored), dtype=object)
    known: dict[str, str] = {}
    for start in range(0, len(stored), READ):
        part = reader[start : start + READ]
        texts[start : start + READ] = (
            part if distinct else [known.setdefault(text, text) for text in part.tolist()]
        )
    return texts
