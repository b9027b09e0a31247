"""Cells per second of the encodings against a stable argsort per row and cell2sentence 1.2.0;
memory by cells. Run by `make bench`.

cell2sentence is compared with where it can be imported (its licence allows no dependency): install
it anywhere with its own dependencies and put that folder on PYTHONPATH.
"""

import contextlib
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding import encoders, fitting, token_dataset
from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.vocabulary import Vocabulary

CELLS, GENES, DENSITY, MAX_GENES = 20_000, 20_000, 0.08, 256
BLOCK, COMPARED = 512, 2_000
MEMORY_CELLS, MEMORY_GENES = (10_000, 200_000), 2_000


def simulated(cells: int, genes: int, density: float, seed: int = 0) -> scipy.sparse.csr_matrix:
    """Log-normalised expression with about `density` of the genes detected in each cell."""
    generator = np.random.default_rng(seed)
    held = int(genes * density)
    step = genes // held
    # One gene of each stretch of `step`: columns sorted and distinct without a sort.
    columns = np.arange(held) * step + generator.integers(0, step, (cells, held))
    counts = generator.geometric(0.4, columns.size)
    data = np.log1p(counts * np.float32(1e4 / held / 2.5)).astype(np.float32)
    return scipy.sparse.csr_matrix(
        (data, columns.ravel().astype(np.int32), np.arange(cells + 1) * held), shape=(cells, genes)
    )


def rate(cells: int, action: Callable[[], object], repeats: int = 3) -> float:
    """Cells per second, best of some runs."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return cells / min(times)


def plain_loop(expression: scipy.sparse.csr_matrix) -> None:
    for row in range(expression.shape[0]):
        held = slice(expression.indptr[row], expression.indptr[row + 1])
        expression.indices[held][np.argsort(-expression.data[held], kind="stable")]


def cell2sentence(expression: scipy.sparse.csr_matrix, names: tuple[str, ...]) -> float | str:
    try:
        from cell2sentence import utils
    except ImportError as error:
        return f"not compared: {error}"
    data = anndata.AnnData(expression, var=pd.DataFrame(index=list(names)))
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        known = utils.generate_vocabulary(data)
        return rate(expression.shape[0], lambda: utils.generate_sentences(data, known), repeats=1)


def speed() -> None:
    expression = simulated(CELLS, GENES, DENSITY)
    generator = np.random.default_rng(1)
    centre, scale = (
        generator.gamma(0.5, 0.3, GENES).astype(np.float32),
        (0.5 + generator.random(GENES)).astype(np.float32),
    )
    reference = GeneStatistics(centre, scale, np.ones(GENES), 1e4, np.zeros((0, GENES), np.float32))
    names = tuple(f"Gene{number:05d}" for number in range(GENES))
    vocabulary = Vocabulary(names, names)
    few = expression[:COMPARED]
    loop, other = rate(COMPARED, lambda: plain_loop(few)), cell2sentence(few, names)
    print(
        f"{CELLS:,} cells x {GENES:,} genes at {DENSITY:.0%}: plain loop {loop:,.0f} cells/s,"
        " cell2sentence ",
        end="",
        flush=True,
    )
    print(other if isinstance(other, str) else f"{other:,.0f} cells/s")
    blocks = [expression[start : start + BLOCK] for start in range(0, CELLS, BLOCK)]
    for name, encoder in encoders.ENCODERS.items():
        if name == fitting.PROGRAMS:
            continue  # programs are fitted with labels, as `make bench-series` does
        encoder.width(vocabulary, MAX_GENES)  # cuts the symbols into pieces once, as a job does

        def whole(encoder: encoders.Encoder = encoder) -> None:
            for block in blocks:
                encoder.encode(block, vocabulary, reference, MAX_GENES)

        measured = rate(CELLS, whole, repeats=2)
        line = f"  {name}: {measured:,.0f} cells/s = {measured / loop:.2f} x the loop (bound 1.5)"
        print(
            line
            + (
                ""
                if isinstance(other, str)
                else f", {measured / other:.1f} x cell2sentence (bound 20)"
            )
        )


def write_cells(path: Path, cells: int) -> None:
    """Write a file of counts piece by piece, as large ones are."""
    block = 5_000
    held = int(MEMORY_GENES * DENSITY)
    with h5py.File(path, "w") as file:
        group = file.create_group("X")
        group.attrs.update(
            {
                "encoding-type": "csr_matrix",
                "encoding-version": "0.1.0",
                "shape": [cells, MEMORY_GENES],
            }
        )
        group["indptr"] = np.arange(cells + 1, dtype=np.int64) * held
        data = group.create_dataset("data", (cells * held,), np.int32, chunks=(1 << 16,))
        indices = group.create_dataset("indices", (cells * held,), np.int32, chunks=(1 << 16,))
        for start in range(0, cells, block):
            part = simulated(block, MEMORY_GENES, DENSITY, start)
            data[start * held : (start + block) * held] = np.expm1(part.data).astype(np.int32) + 1
            indices[start * held : (start + block) * held] = part.indices
        ids = [f"C{number:07d}" for number in range(cells)]
        for name, index, columns in (
            (
                "obs",
                ids,
                {
                    "sample": [f"S{number // 1000:03d}" for number in range(cells)],
                    "label": ["a", "b"] * (cells // 2),
                },
            ),
            ("var", [f"Gene{number:05d}" for number in range(MEMORY_GENES)], {}),
        ):
            frame = file.create_group(name)
            frame.attrs.update(
                {
                    "encoding-type": "dataframe",
                    "encoding-version": "0.2.0",
                    "_index": "_index",
                    "column-order": list(columns),
                }
            )
            for column, content in {"_index": index, **columns}.items():
                frame.create_dataset(column, data=content, dtype=h5py.string_dtype())
        file.create_group("uns").create_dataset(
            "assay", data="single_cell", dtype=h5py.string_dtype()
        )


def encode_cells(path: Path, folder: Path) -> None:
    observations = open_observations(path)
    begun = time.perf_counter()
    nothing_held_out = np.zeros(len(observations.index), dtype=bool)
    token_dataset.write(
        folder,
        observations,
        nothing_held_out,
        ["a", "b"],
        token_dataset.EncodingConfig("gene-tokens", MAX_GENES, 1000, 1, 1),
    )
    # Not getrusage: its peak is inherited from the process that started this one.
    peak = (
        int(
            next(
                line
                for line in Path("/proc/self/status").read_text().splitlines()
                if line.startswith("VmHWM")
            ).split()[1]
        )
        / 1024
    )
    print(
        f"  {len(observations.index):,} cells:"
        f" {len(observations.index) / (time.perf_counter() - begun):,.0f} cells/s, peak MB"
        f" {peak:.0f}"
    )


def memory(folder: Path) -> None:
    peaks = []
    for cells in MEMORY_CELLS:
        path = folder / f"{cells}.h5ad"
        write_cells(path, cells)
        done = subprocess.run(
            [sys.executable, __file__, str(path)], check=True, capture_output=True, text=True
        )
        print(done.stdout, end="")
        peaks.append(float(done.stdout.rsplit(" ", 1)[1]))
        path.unlink()
    print(
        f"  peak memory grows {peaks[1] / peaks[0]:.2f} x from {MEMORY_CELLS[0]:,} to"
        f" {MEMORY_CELLS[1]:,} cells (bound 1.2)"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as written:
            encode_cells(Path(sys.argv[1]), Path(written))
    else:
        speed()
        with tempfile.TemporaryDirectory() as made:
            memory(Path(made))
