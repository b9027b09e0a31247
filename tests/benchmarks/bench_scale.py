"""Processor seconds and memory of every stage by the number of cells, and how much faster than the
cells either grows. Run by `make bench-scale`; `make bench` stops at 10,000 cells.

The whole workflow runs on simulated cells of ten donors (`cells.py`), one draw of the folds, no
permutations: these repeat what the others show. What a job used is what it recorded of itself.
Beside it what others' steps take on the same cells and tokens (`scale_peers.py`).
"""

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import cells
import pandas as pd
import scale_peers

from epigpt.provenance import job_records

ROOT = Path(__file__).resolve().parents[2]
SIZES = (1_000, 10_000)
# Cells grow tenfold from one size to the next, and no stage more than that. Below some seconds and
# megabytes it is libraries that are measured.
MOST_GROWTH, FEWEST_SECONDS, MEMORY_LIMIT_MB = 10.0, 10.0, 12_000


def run(folder: Path, number: int, arguments: list[str]) -> pd.DataFrame:
    """Run the workflow on this many cells; give processor seconds and peak MB by stage."""
    source = folder / f"cells{number}.h5ad"
    if not source.is_file():
        cells.write(source, number)
    here = folder / f"run{number}"
    here.mkdir(exist_ok=True)
    row = {
        "dataset": "cells",
        "source": str(source),
        "label": "condition",
        "case": "case",
        "control": "control",
        "group": "donor_id",
    }
    table = pd.DataFrame([row])
    table.to_csv(here / "datasets.tsv", sep="\t", index=False)
    (here / "config.yaml").write_text(f"datasets: {here / 'datasets.tsv'}\nmodel: tiny\n")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--cores", "2", "--quiet", "all", "--directory", str(here)]
    command += ["--configfile", str(here / "config.yaml"), *arguments]
    subprocess.run(command, check=True)
    stages: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, job in job_records.read(here / "results" / "cells").items():
        used = (job.get("cpu_seconds") or 0.0, job.get("max_rss_mb") or 0.0)
        stages[name.partition("/")[0]].append(used)
    return pd.DataFrame(
        {
            stage: (sum(one for one, _ in jobs), max(one for _, one in jobs), len(jobs))
            for stage, jobs in stages.items()
        },
        index=["seconds", "megabytes", "jobs"],
    ).T


def table(measured: dict[int, pd.DataFrame]) -> tuple[list[str], list[str]]:
    """Give the lines of the table, in Markdown, and what is beyond the bounds."""
    sizes = list(measured)
    stages = list(dict.fromkeys(stage for one in measured.values() for stage in one.index))
    heads = [f"{size:,} cells" for size in sizes]
    lines = [f"| stage | jobs | {' | '.join(heads)} |", "|---|---:|" + "---:|" * len(sizes)]
    beyond = []
    for stage in [*stages, "all"]:
        shown, before = [], None
        for size, one in measured.items():
            used = _of_stage(one, stage)
            shown.append(f"{used[0]:.1f} s / {used[1]:,.0f} MB" if used else "")
            if used and before and used[0] > max(FEWEST_SECONDS, MOST_GROWTH * before[0]):
                beyond.append(f"{stage}: {used[0]:.1f} s of {size:,} cells after {before[0]:.1f} s")
            if used and used[1] > MEMORY_LIMIT_MB:
                beyond.append(f"{stage}: {used[1]:,.0f} MB of {size:,} cells")
            before = used
        jobs = max(
            int(_of_stage(one, stage)[2])
            for one in measured.values()
            if stage in one.index or stage == "all"
        )
        lines.append(f"| {stage} | {jobs} | {' | '.join(shown)} |")
    return lines, beyond


def _of_stage(one: pd.DataFrame, stage: str) -> tuple[float, float, float] | None:
    if stage == "all":
        return one["seconds"].sum(), one["megabytes"].max(), one["jobs"].sum()
    if stage not in one.index:
        return None
    return tuple(one.loc[stage, ["seconds", "megabytes", "jobs"]])


def beside_peers(folder: Path, measured: dict[int, pd.DataFrame]) -> list[str]:
    """Give the lines of a table of what others' steps take and what the workflow's do, with
    imports: a job of its own has them in its record, a forked one has not."""
    used = {
        number: {
            peer: scale_peers.measure(peer, folder / f"run{number}" / "results" / "cells")
            for peer in scale_peers.PEERS
        }
        for number in measured
    }
    rows = {
        "genes ranked as for Geneformer, all cells": lambda n: used[n]["ranking"],
        "EpiGPT: encoding the modelled cells for a fold": lambda n: _a_job(measured[n], "encode"),
        "transformers Trainer, one fold": lambda n: used[n]["trainer"],
        "EpiGPT: five folds and the final model": lambda n: _a_job(measured[n], "models"),
    }
    lines = [f"| step | {' | '.join(f'{size:,} cells' for size in measured)} |"]
    lines += ["|---|" + "---:|" * len(measured)]
    for name, of in rows.items():
        cells_of_row = [f"{seconds:.1f} s / {mb:,.0f} MB" for seconds, mb in map(of, measured)]
        lines.append(f"| {name} | {' | '.join(cells_of_row)} |")
    return lines


def _a_job(one: pd.DataFrame, stage: str) -> tuple[float, float]:
    seconds, megabytes, jobs = _of_stage(one, stage) or (0.0, 0.0, 1.0)
    return seconds / jobs, megabytes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--folder", type=Path, help="kept, and taken up (default: a new one)")
    parser.add_argument("--set", nargs="*", default=["repeats=1", "permutations=0"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        arguments = ["--config", *given.set] if given.set else []
        measured = {number: run(folder.resolve(), number, arguments) for number in given.cells}
        peers = beside_peers(folder.resolve(), measured)
    lines, beyond = table(measured)
    print("\n".join([*lines, "", *peers, *(f"Beyond the bound: {one}" for one in beyond)]))
    return int(bool(beyond))


if __name__ == "__main__":
    sys.exit(main())
