"""Time of reading a wide table against pandas, pyarrow and polars; peak memory of an archive of
sparse matrices. Run by `make bench`."""

import gzip
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.csv as pacsv

from epigpt.matrices.candidate import Search
from epigpt.matrices.choose import find
from epigpt.matrices.sample_matching import SampleNames
from epigpt.matrices.streams import Budget, Member
from epigpt.stages import counts

GENES, SAMPLES, TRIPLETS, CELLS = 20_000, 500, 50, 5_000
SLOWEST, MOST_MEMORY = 1.5, 3.0


def best_of(
    repeats: int, actions: dict[str, Callable[[], object]]
) -> dict[str, tuple[float, float]]:
    """Give the shortest elapsed and processor time of each action; they take turns, so that other
    programs disturb all alike."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in actions}
    for _ in range(repeats):
        for name, action in actions.items():
            begun = time.perf_counter(), time.process_time()
            action()
            times[name].append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    return {
        name: (min(one for one, _ in taken), min(other for _, other in taken))
        for name, taken in times.items()
    }


def search(names: list[str], folder: Path) -> Search:
    return Search(SampleNames.of_sheet(names), "auto", frozenset(), Budget(1e11), folder)


def table(folder: Path) -> bool:
    """Print the times of reading a wide table; gives whether ours is beyond the bound."""
    names = [f"S{number}" for number in range(SAMPLES)]
    counts = np.random.default_rng(0).negative_binomial(0.5, 0.005, size=(GENES, SAMPLES))
    path = folder / "counts.csv.gz"
    pd.DataFrame(
        counts, columns=names, index=[f"ENSG{number:011d}" for number in range(GENES)]
    ).to_csv(path, compression={"method": "gzip", "compresslevel": 3})
    others = {
        "pyarrow": lambda: pacsv.read_csv(path),
        "pandas": lambda: pd.read_csv(path, index_col=0),
    }
    try:
        import polars

        others["polars"] = lambda: polars.read_csv(path)
    except ImportError:
        pass
    times = best_of(
        5, {**others, "EpiGPT": lambda: find([Member.of_file(path)], search(names, folder))}
    )
    shown = ", ".join(
        f"{name} {elapsed:.2f} s ({processor:.2f} s of processor)"
        for name, (elapsed, processor) in times.items()
    )
    elapsed, processor = times.pop("EpiGPT")
    ratio = elapsed / min(one for one, _ in times.values())
    of_processor = processor / min(other for _, other in times.values())
    print(f"{GENES} x {SAMPLES} csv.gz: {shown}")
    print(
        f"  EpiGPT takes {ratio:.2f} x the fastest, {of_processor:.2f} x of processor time (bound"
        f" {SLOWEST:g})"
    )
    return min(ratio, of_processor) > SLOWEST


def write_archive(path: Path) -> None:
    random = np.random.default_rng(0)
    barcodes = (
        "".join(f"{number:016d}-1\n" for number in range(CELLS)).replace("0", "A").replace("1", "C")
    )
    features = "".join(
        f"ENSMUSG{number:011d}\tg{number}\tGene Expression\n" for number in range(GENES)
    )
    per_cell = 300
    # Each gene once in a cell, in order.
    rows = np.cumsum(random.integers(1, GENES // per_cell + 1, size=(CELLS, per_cell)), axis=1)
    values = random.poisson(2, size=(CELLS, per_cell)) + 1
    lines = np.column_stack(
        [rows.ravel(), np.repeat(np.arange(1, CELLS + 1), per_cell), values.ravel()]
    )
    body = pd.DataFrame(lines).to_csv(sep=" ", header=False, index=False)
    matrix = (
        f"%%MatrixMarket matrix coordinate integer general\n%\n{GENES} {CELLS} {len(lines)}\n{body}"
    )
    parts = {
        name: gzip.compress(text.encode(), 1)
        for name, text in (
            ("matrix.mtx", matrix),
            ("barcodes.tsv", barcodes),
            ("features.tsv", features),
        )
    }
    with tarfile.open(path, "w") as archive:
        for number in range(TRIPLETS):
            for name, content in parts.items():
                entry = tarfile.TarInfo(f"GSM{number}_x_{name}.gz")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def write_series(folder: Path) -> Path:
    """Write record and manifest beside the archive, as a download leaves them; gives the
    manifest."""
    lines = [
        "^SERIES = GSE1",
        "!Series_title = Cells",
        "!Series_type = Expression profiling by high throughput sequencing",
    ]
    for number in range(TRIPLETS):
        lines += [
            f"^SAMPLE = GSM{number}",
            f"!Sample_title = donor {number}",
            "!Sample_organism_ch1 = Mus musculus",
        ]
        lines += [
            f"!Sample_characteristics_ch1 = genotype: {('WT', 'KO')[number % 2]}",
            "!Sample_library_strategy = RNA-Seq",
        ]
        lines += [
            "!Sample_library_source = transcriptomic single cell",
            "!Sample_data_row_count = 0",
        ]
    (folder / "GSE1_family.soft.gz").write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    manifest = folder / "manifest.tsv"
    listed = "".join(
        f"{name}\tx\t{(folder / name).stat().st_size}\tx\n"
        for name in ("GSE1_family.soft.gz", "GSE1_RAW.tar")
    )
    manifest.write_text(f"file\turl\tbytes\tsha256\n{listed}")
    return manifest


def run_stage(manifest: Path) -> None:
    """Run the counts stage here, alone in its process, and print time and peak memory."""
    outputs = {
        name: manifest.parent / file
        for name, file in (("samples", "s.tsv"), ("counts", "c.h5ad"), ("reading", "r.json"))
    }
    settings = {"row.source": "GSE1", "row.label": "genotype", "row.group": "sample"}
    sys.argv = [
        "counts",
        "--dataset",
        "cells",
        "--manifest",
        str(manifest),
        "--settings",
        json.dumps(settings),
    ]
    sys.argv += [part for name, path in outputs.items() for part in (f"--{name}", str(path))]
    before = peak_memory()
    begun = time.process_time()
    counts.main()
    seconds = time.process_time() - begun
    with h5py.File(outputs["counts"]) as file:
        size = sum(
            file[f"X/{part}"].size * file[f"X/{part}"].dtype.itemsize
            for part in ("data", "indices", "indptr")
        )
    peak = peak_memory()
    print(
        f"{TRIPLETS} triplets x {CELLS} cells into counts.h5ad: {seconds:.1f} s; result"
        f" {size / 1e6:.0f} MB, peak {peak / 1e6:.0f} MB",
        end="",
    )
    print(
        f" ({before / 1e6:.0f} MB of it the libraries) = {peak / size:.2f} x the result (bound"
        f" {MOST_MEMORY:g})"
    )
    sys.exit(peak / size >= MOST_MEMORY)


def peak_memory() -> int:
    """Give the largest resident size of this process so far; unlike ru_maxrss it leaves out what
    its parent held."""
    line = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


def main() -> int:
    with tempfile.TemporaryDirectory() as made:
        slower = table(Path(made))
        write_archive(Path(made) / "GSE1_RAW.tar")
        manifest = write_series(Path(made))
        larger = subprocess.run([sys.executable, __file__, str(manifest)], check=False).returncode
    return int(slower or larger)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_stage(Path(sys.argv[1]))
    sys.exit(main())
