"""Processor seconds and memory of reading single cells, against the readers that are kept for it.
Run by `make bench`.

The same simulated cells (`cells.py`) as an h5ad file, compressed as on GEO and as anndata writes it
if it is not told to, as Cell Ranger's HDF5 file and as its triplet with a gzipped matrix. Every reader has a process of its own; libraries are imported before anything
is counted. What EpiGPT takes includes its checks of what strangers wrote.
"""

import argparse
import gzip
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import cells
import h5py
import numpy as np
import scanpy
import scipy.io
from bench_matrices import peak_memory

from epigpt.matrices import h5ad, hdf5_safety, matrix_market, tenx_and_loom
from epigpt.matrices.streams import Budget, Member

CELLS, REPEATS = 10_000, 3
SLOWEST, MOST_MEMORY = 1.3, 1.5
TRIPLET = ("matrix.mtx.gz", "features.tsv.gz", "barcodes.tsv.gz")


def write(folder: Path, number: int) -> None:
    """Write the three forms."""
    cells.write(folder / "cells.h5ad", number)
    read = anndata.read_h5ad(folder / "cells.h5ad")
    read.write_h5ad(folder / "compressed.h5ad", compression="gzip")
    barcodes, genes = [f"{name}-1" for name in read.obs_names], read.var_names.to_list()
    with h5py.File(folder / "cells.h5", "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group.create_dataset(name, data=getattr(read.X, name), compression=4)
        group["shape"] = np.array(read.shape[::-1], dtype=np.int32)
        group["barcodes"] = np.array(barcodes, dtype="S")
        for name, values in {
            "id": genes,
            "name": genes,
            "feature_type": ["Gene Expression"] * len(genes),
            "genome": ["GRCh38"] * len(genes),
        }.items():
            group[f"features/{name}"] = np.array(values, dtype="S")
    triplet = folder / "triplet"
    triplet.mkdir()
    with gzip.open(triplet / TRIPLET[0], "wb", 1) as stream:
        scipy.io.mmwrite(stream, read.X.T.tocsc())
    listed = "".join(f"{gene}\t{gene}\tGene Expression\n" for gene in genes)
    for name, text in zip(TRIPLET[1:], (listed, "\n".join(barcodes) + "\n"), strict=True):
        (triplet / name).write_bytes(gzip.compress(text.encode()))


def readers(folder: Path) -> dict[str, dict[str, Callable[[], Any]]]:
    """Give what reads each form; the result has a sparse matrix."""
    budget = Budget(1e12)

    def of_hdf5(name: str, read: Callable[..., Any]) -> Any:
        with hdf5_safety.opened(Member.of_file(folder / name), budget, folder) as file:
            return read(file, name)

    triplet = folder / "triplet"
    return {
        "h5ad, compressed": {
            "EpiGPT": lambda: of_hdf5("compressed.h5ad", h5ad.read_h5ad)[0].matrix,
            "anndata": lambda: anndata.read_h5ad(folder / "compressed.h5ad").X,
        },
        "h5ad": {
            "EpiGPT": lambda: of_hdf5("cells.h5ad", h5ad.read_h5ad)[0].matrix,
            "anndata": lambda: anndata.read_h5ad(folder / "cells.h5ad").X,
        },
        "10x HDF5": {
            "EpiGPT": lambda: of_hdf5("cells.h5", tenx_and_loom.read_10x).matrix,
            "scanpy": lambda: scanpy.read_10x_h5(folder / "cells.h5").X,
        },
        "10x triplet": {
            "EpiGPT": lambda: matrix_market.read_mtx(Member.of_file(triplet / TRIPLET[0]), budget),
            "scanpy": lambda: scanpy.read_10x_mtx(triplet, cache=False).X,
            "scipy": lambda: scipy.io.mmread(triplet / TRIPLET[0]),
        },
    }


def measure(folder: Path, form: str, reader: str) -> None:
    """Read once, alone in this process; print seconds, MB beyond the libraries, MB of the
    result."""
    read = readers(folder)[form][reader]
    before, begun = peak_memory(), time.process_time()
    matrix = read()
    seconds, peak = time.process_time() - begun, peak_memory() - before
    size = matrix.nnz * 8
    print("measured", seconds, peak / 1e6, size / 1e6)


def measured(folder: Path, form: str, reader: str) -> tuple[float, float, float]:
    command = [sys.executable, __file__, "--folder", str(folder), "--measure", form, reader]
    taken = []
    for _ in range(REPEATS):
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        (line,) = [part for part in done.stdout.splitlines() if part.startswith("measured ")]
        taken.append(tuple(float(part) for part in line.split()[1:]))
    return min(taken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", nargs=2)
    given = parser.parse_args()
    if given.measure:
        measure(given.folder, *given.measure)
        return 0
    beyond = []
    with tempfile.TemporaryDirectory() as made:
        write(Path(made), given.cells)
        print(f"| {given.cells:,} cells | reader | seconds | MB | × the result |")
        print("|---|---|---:|---:|---:|")
        for form, known in readers(Path(made)).items():
            taken = {reader: measured(Path(made), form, reader) for reader in known}
            for reader, (seconds, memory, size) in taken.items():
                print(
                    f"| {form} | {reader} | {seconds:.2f} | {memory:,.0f} | {memory / size:.2f} |"
                )
            own, memory, size = taken.pop("EpiGPT")
            ratio = own / min(one for one, _, _ in taken.values())
            print(f"{form}: {ratio:.2f} × the fastest other (at most {SLOWEST})")
            if ratio > SLOWEST or memory > MOST_MEMORY * size:
                beyond.append(form)
    print("\n".join(f"Beyond a bound: {form}" for form in beyond))
    return int(bool(beyond))


if __name__ == "__main__":
    sys.exit(main())
