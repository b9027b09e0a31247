"""Time of reading a wide table against pandas, pyarrow and polars; peak memory of an archive of sparse matrices. Run by `make bench`."""

import gzip
import io
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv as pacsv

from epigpt.geo.matrices.candidates import Search
from epigpt.geo.matrices.choose import find
from epigpt.geo.matrices.names import SampleNames
from epigpt.geo.matrices.streams import Budget, Member

GENES, SAMPLES, TRIPLETS, CELLS = 20_000, 500, 50, 5_000


def best_of(repeats: int, action: Callable[[], object]) -> float:
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return min(times)


def search(names: list[str], folder: Path) -> Search:
    return Search(SampleNames.of_sheet(names), "auto", frozenset(), Budget(1e11), folder)


def table(folder: Path) -> None:
    names = [f"S{number}" for number in range(SAMPLES)]
    counts = np.random.default_rng(0).negative_binomial(0.5, 0.005, size=(GENES, SAMPLES))
    path = folder / "counts.csv.gz"
    pd.DataFrame(counts, columns=names, index=[f"ENSG{number:011d}" for number in range(GENES)]).to_csv(
        path, compression={"method": "gzip", "compresslevel": 3}
    )
    others = {"pyarrow": lambda: pacsv.read_csv(path), "pandas": lambda: pd.read_csv(path, index_col=0)}
    try:
        import polars

        others["polars"] = lambda: polars.read_csv(path)
    except ImportError:
        pass
    times = {name: best_of(2, action) for name, action in others.items()}
    ours = best_of(3, lambda: find([Member.of_file(path)], search(names, folder)))
    print(f"{GENES} x {SAMPLES} csv.gz: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in times.items()))
    print(f"  EpiGPT {ours:.2f} s = {ours / min(times.values()):.2f} x the fastest (bound 1.5)")


def write_archive(path: Path) -> None:
    random = np.random.default_rng(0)
    barcodes = "".join(f"{number:016d}-1\n" for number in range(CELLS)).replace("0", "A").replace("1", "C")
    features = "".join(f"ENSG{number:011d}\tg{number}\tGene Expression\n" for number in range(GENES))
    per_cell = 300
    rows = np.sort(random.integers(1, GENES + 1, size=(CELLS, per_cell)), axis=1)
    values = random.poisson(2, size=(CELLS, per_cell)) + 1
    lines = np.column_stack([rows.ravel(), np.repeat(np.arange(1, CELLS + 1), per_cell), values.ravel()])
    body = pd.DataFrame(lines).to_csv(sep=" ", header=False, index=False)
    matrix = f"%%MatrixMarket matrix coordinate integer general\n%\n{GENES} {CELLS} {len(lines)}\n{body}"
    parts = {
        name: gzip.compress(text.encode(), 1)
        for name, text in (("matrix.mtx", matrix), ("barcodes.tsv", barcodes), ("features.tsv", features))
    }
    with tarfile.open(path, "w") as archive:
        for number in range(TRIPLETS):
            for name, content in parts.items():
                entry = tarfile.TarInfo(f"GSM{number}_x_{name}.gz")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def read_archive(path: Path) -> None:
    names = SampleNames.of_record(pd.DataFrame(index=[f"GSM{number}" for number in range(TRIPLETS)]), pd.DataFrame())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        found, _ = find([Member.of_file(path)], Search(names, "auto", frozenset(), Budget(1e11), Path(scratch)))
    matrix = found.values.matrix
    size = matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = time.perf_counter() - begun
    print(f"{TRIPLETS} triplets x {CELLS} cells: {seconds:.1f} s; result {size / 1e6:.0f} MB, peak {peak / 1e6:.0f} MB", end="")
    print(f" ({before / 1e6:.0f} MB of it before reading) = {peak / size:.2f} x the result (bound 3)")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        read_archive(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            table(Path(made))
            write_archive(Path(made) / "GSE1_RAW.tar")
            subprocess.run([sys.executable, __file__, str(Path(made) / "GSE1_RAW.tar")], check=True)
