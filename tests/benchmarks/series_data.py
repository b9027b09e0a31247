"""The data of the tasks of `make bench-series`: real series by the workflow, simulated ones drawn."""

import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(Path(__file__).parent)]

import cells  # noqa: E402
from series_tasks import SERIES  # noqa: E402

from epigpt import files  # noqa: E402
from epigpt.dataset import normalization  # noqa: E402
from epigpt.samples.classes import class_order  # noqa: E402
from epigpt.simulation.design import CASE, CONTROL, FAMILIES  # noqa: E402
from epigpt.simulation.simulate import Simulated, simulate  # noqa: E402

# Families of the demo's kind are what `make bench-honesty` asks.
SIMULATED = {f"simulated_{name}": name for name in FAMILIES if name != "epilepsy"}
# Single cells of some donors (`cells.py`), prepared by the workflow.
CELLS = "simulated_cells"
_CELLS, _GENES, _DONORS = 2000, 6000, 12
_COLUMNS = (
    "dataset",
    "source",
    "samples",
    "organism",
    "assay",
    "label",
    "case",
    "control",
    "group",
)


@dataclass(frozen=True)
class Prepared:
    """A task ready to be fitted: its expression.h5ad, and the classes in their order."""

    expression: Path
    classes: list[str]


def prepare(task: str, draw: int, work: Path, shared: Path) -> Prepared:
    """Prepare a task; what is there is taken.

    Parameters
    ----------
    draw
        Number of the draw: a simulated series is another one in each.
    work, shared
        Folders for what is prepared, and with test material.
    """
    if task in SIMULATED:
        path = work / "simulated" / f"{SIMULATED[task]}.{draw}.h5ad"
        # Always drawn anew: the code that draws may have changed, and it takes a second.
        path.parent.mkdir(parents=True, exist_ok=True)
        write(simulate(1000 + draw, FAMILIES[SIMULATED[task]].design), path)
        return Prepared(path, [CONTROL, CASE])
    if task == CELLS:
        path = _prepare_cells(draw, work / "simulated" / f"cells.{draw}")
        return Prepared(path, ["control", "case"])
    if not (shared / "geo-mirror").is_dir():
        sys.exit(
            f"no test material at {shared}: give its folder with --shared, or set EPIGPT_SHARED"
        )
    path = make(task, work / "run", shared)
    row = SERIES[task]
    return Prepared(path, class_order(labels(path), row.get("case", ""), row.get("control", "")))


@functools.cache
def make(task: str, folder: Path, shared: Path) -> Path:
    """Let the workflow make a task's expression.h5ad, once in a process."""
    _write_run(folder, shared)
    path = folder / "results" / task / "expression.h5ad"
    _snakemake(folder, path.relative_to(folder))
    return path


def _prepare_cells(draw: int, folder: Path) -> Path:
    path = folder / "results" / "cells" / "expression.h5ad"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        cells.write(folder / "cells.h5ad", _CELLS, _GENES, _DONORS, seed=draw)
        rows = "dataset\tsource\tlabel\tgroup\ncells\tcells.h5ad\tcondition\tdonor_id\n"
        files.write_text(folder / "datasets.tsv", rows)
        files.write_text(folder / "config.yaml", yaml.safe_dump({"datasets": "datasets.tsv"}))
        _snakemake(folder, path.relative_to(folder))
    return path


def labels(expression: Path) -> pd.Series:
    """Read the labels of the observations."""
    return observed(expression)["label"]


def observed(expression: Path) -> pd.DataFrame:
    """Read sample, group and label of the observations."""
    import h5py
    from anndata.io import read_elem

    with h5py.File(expression) as file:
        return read_elem(file["obs"])[["sample", "group", "label"]].astype(str)


def _write_run(folder: Path, shared: Path) -> None:
    lines = ["\t".join(_COLUMNS)]
    for name, row in SERIES.items():
        cells = {**row, "dataset": name}
        local = [key for key in ("source", "samples") if "/" in cells.get(key, "")]
        cells.update({key: str(shared / cells[key]) for key in local})
        lines.append("\t".join(cells.get(column, "") for column in _COLUMNS))
    settings = {
        "datasets": "datasets.tsv",
        "geo": {"base_url": (shared / "geo-mirror").as_uri()},
    }
    files.write_text(folder / "datasets.tsv", "\n".join(lines) + "\n")
    files.write_text(folder / "config.yaml", yaml.safe_dump(settings))


def _snakemake(folder: Path, target: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "snakemake",
        str(target),
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--directory",
        str(folder),
        "--configfile",
        str(folder / "config.yaml"),
        "--cores",
        "1",
        "--quiet",
    ]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(done.returncode)


def write(series: Simulated, path: Path) -> None:
    """Write the expression.h5ad of a simulated series, quality control left out."""
    names = series.counts.index.astype(str)
    obs = pd.DataFrame(
        {
            "sample": series.samples.index,
            "label": series.samples["condition"],
            "group": series.samples["litter"],
        },
        index=series.samples.index,
    )
    counts = anndata.AnnData(
        scipy.sparse.csr_matrix(series.counts.T.to_numpy()),
        obs=obs,
        var=pd.DataFrame({"symbol": names}, index=names),
        uns={"assay": "bulk", "organism": "mouse"},
    )
    normalization.normalise(counts, np.ones(len(obs), dtype=bool)).write_h5ad(path)
