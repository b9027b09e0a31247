"""Time, memory and size of reports: a series of 100 samples, 100,000 cells, and an index of 200
data sets. Run by `make bench`.

Results are drawn from a seed in the shape of the contract; figures are those of a real run: 20,000
genes in bulk, 15,000 in cells.
"""

import importlib.util
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

ROOT = Path(__file__).resolve().parents[2]
CELLS, CELL_GENES, PER_CELL = 100_000, 15_000, 1_000
MOST_GIGABYTES, MOST_TO_OPEN = 4, 2


def generator() -> ModuleType:
    sys.path.insert(0, str(ROOT / "tests"))
    spec = importlib.util.spec_from_file_location(
        "report_results", ROOT / "tests" / "report_results.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = generator()


def cells(folder: Path) -> None:
    """Write 100,000 cells of 20 donors: a small series of the usual shape whose expression file is
    replaced."""
    make.write(folder, samples=20, genes=60, cells=1, attributions=True)
    rng = np.random.default_rng(0)
    samples = pd.read_csv(folder / "samples.tsv", sep="\t", dtype=str)
    owner = np.arange(CELLS) % len(samples)
    obs = samples.iloc[owner].reset_index(drop=True).astype("category")
    obs.index = pd.Index(
        [f"GSM{1000 + donor}_{number:016x}-1" for number, donor in enumerate(owner)]
    )
    obs["total_counts"], obs["n_genes"] = (
        rng.integers(2_000, 40_000, CELLS),
        rng.integers(500, 5_000, CELLS),
    )
    columns = (
        np.arange(PER_CELL)[None, :] * (CELL_GENES // PER_CELL)
        + rng.integers(0, CELL_GENES // PER_CELL, (CELLS, PER_CELL))
    ).astype(np.int32)
    values = rng.gamma(2, 0.6, CELLS * PER_CELL).astype(np.float32)
    pointers = np.arange(CELLS + 1, dtype=np.int64) * PER_CELL
    layer = sparse.csr_matrix((values, columns.ravel(), pointers), shape=(CELLS, CELL_GENES))
    ids = [f"ENSMUSG{at:011d}" for at in range(CELL_GENES)]
    data = anndata.AnnData(
        layer,
        obs=obs,
        var=pd.DataFrame({"symbol": [f"Gene{at}" for at in range(CELL_GENES)]}, index=ids),
    )
    data.layers["lognorm"] = layer
    code = (obs["label"] == "epilepsy").to_numpy().astype(float)[:, None]
    data.obsm = {
        "X_pca": rng.normal(size=(CELLS, 30)) + code,
        "X_umap": rng.normal(size=(CELLS, 2)) + 3 * code,
    }
    data.uns = {"assay": "single_cell", "normalisation": "log1p CPM", "simulated": False}
    data.write_h5ad(folder / "expression.h5ad")
    quality = pd.DataFrame(
        {
            "cell": obs.index,
            "total_counts": obs["total_counts"].to_numpy(),
            "n_genes": obs["n_genes"].to_numpy(),
        }
    )
    make.tsv(
        folder / "quality.tsv",
        quality.assign(mitochondrial_percent=rng.uniform(0, 10, CELLS), kept="true", reason=""),
    )
    p = np.sort(rng.uniform(0, 1, CELL_GENES) ** 3)
    table = pd.DataFrame(
        {"contrast": "epilepsy vs control", "gene": ids, "symbol": data.var["symbol"].to_numpy()}
    )
    table = table.assign(
        base_mean=rng.gamma(2, 100, CELL_GENES),
        log2_fold_change=rng.normal(0, 1, CELL_GENES),
        se=0.2,
        p=p,
        padj=p,
    )
    make.tsv(folder / "differential_expression.tsv", table)


def stage(name: str, *arguments: str) -> tuple[float, float]:
    """Run a stage in a process of its own: seconds on a processor of its own, and the peak of its
    memory in GB."""
    code = (
        "import resource, sys, runpy, atexit;atexit.register(lambda: print('PEAK',"
        f" resource.getrusage(resource.RUSAGE_SELF).ru_maxrss));sys.argv = ['{name}',"
        f" *sys.argv[1:]]; runpy.run_module('epigpt.stages.{name}', run_name='__main__')"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = (
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    )  # whatever else the machine does
    if done.returncode:
        sys.exit(done.stderr)
    return seconds, int(re.search(r"PEAK (\d+)", done.stdout)[1]) / 1e6


def opened(page: Path) -> str:
    """Open a page in headless Chromium: its work until the next frame after its scripts, as
    processor time, and the time by the clock."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return "not measured: playwright is not installed"
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        shown: Any = browser.new_page(viewport={"width": 1280, "height": 900})
        session = shown.context.new_cdp_session(shown)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        begun = time.perf_counter()
        shown.goto(page.as_uri())
        shown.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        seconds = time.perf_counter() - begun
        told = {
            one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]
        }
        browser.close()
    if told["TaskDuration"] > MOST_TO_OPEN:
        sys.exit(
            f"{page}: {told['TaskDuration']:.2f} s of work to open it, at most {MOST_TO_OPEN} are"
            " allowed"
        )
    return f"{told['TaskDuration']:.2f} s of work, {seconds:.2f} s by the clock"


def report(folder: Path, what: str, most_seconds: int, most_megabytes: int) -> None:
    page = folder / "report.html"
    seconds, peak = stage(
        "report",
        "--page",
        str(page),
        "--figures",
        str(folder / "figures"),
        "--exports",
        str(folder / "exports"),
        "--log",
        str(folder / "log"),
    )
    size = page.stat().st_size / 1e6
    print(
        f"{what}: {seconds:.1f} s (bound {most_seconds}), peak {peak:.2f} GB, {size:.2f} MB (bound"
        f" {most_megabytes})"
    )
    print(f"  opens in {opened(page)} (bound 2 s)", flush=True)
    if seconds > most_seconds or size > most_megabytes or peak > MOST_GIGABYTES:
        sys.exit(f"{what}: over a bound")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        make.write(
            base / "hundred", samples=100, genes=20_000, characteristics=10, attributions=True
        )
        report(base / "hundred", "100 samples, 20,000 genes", 20, 5)
        cells(base / "cells")
        report(base / "cells", f"{CELLS:,} cells, {CELL_GENES:,} genes (bound 4 GB)", 90, 15)
        names = [f"set{at:03d}" for at in range(200)]
        for number, name_of_set in enumerate(names):
            folder = base / name_of_set
            folder.mkdir()
            for file in (
                "reading.json",
                "samples.tsv",
                "metrics.tsv",
                "claims.tsv",
                "differential_expression.tsv",
            ):
                (folder / file).hardlink_to(base / "hundred" / file)
            verdict = ("works", "no_evidence", "confounded", "not_assessable")[number % 4]
            counted = {"genes_at_fdr_5_percent": number}
            (folder / "differential_expression.json").write_text(json.dumps(counted))
            (folder / "verdict.json").write_text(json.dumps({"verdict": verdict}), encoding="utf-8")
            (folder / "report.html").touch()
        index = base / "index.html"
        seconds, peak = stage(
            "index",
            "--pages",
            *(str(base / name_of_set / "report.html") for name_of_set in names),
            "--index",
            str(index),
            "--log",
            str(base / "log"),
        )
        print(
            f"index of 200 data sets: {seconds:.1f} s, peak {peak:.2f} GB,"
            f" {index.stat().st_size / 1e6:.2f} MB; opens in {opened(index)}"
        )
    print(
        f"machine: {resource.getpagesize()} byte pages,"
        f" {Path('/proc/loadavg').read_text().split()[0]} running"
    )


if __name__ == "__main__":
    main()
