"""A small series as tokens, and two ways to train on it: a stage as the rules start it, and
processes forked from a warm one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

SETTINGS = {
    "shared_programs": "none",
    "epochs": 2,
    "learning_rate": 1e-3,
    "global_batch_size": 8,
    "precision": "auto",
    "tuning": "full",
    "early_stopping": 0,
    "weights": "none",
    "seed": 1,
    "encoding": "gene-values",
    "max_genes": 32,
    "vocabulary_genes": 100,
    "views": 2,
    "gene_dropout": 0.0,
    "gene_selection": "deviation",
    "row.case": "case",
    "row.control": "control",
}
FIT = "repeat0/fold1"


@dataclass
class Run:
    """Starts stages in a folder with a small series: 16 samples, 300 genes, 30 of which follow the
    class."""

    folder: Path
    root: Path
    settings: dict[str, Any] = field(default_factory=lambda: dict(SETTINGS))

    def stage(
        self, *arguments: str, processes: int = 1, settings: dict[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        launcher = (
            ["-m"]
            if processes == 1
            else [
                "-m",
                "torch.distributed.run",
                "--standalone",
                f"--nproc_per_node={processes}",
                "-m",
            ]
        )
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.root / "workflow"),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }
        return subprocess.run(
            [
                sys.executable,
                *launcher,
                *arguments,
                "--settings",
                json.dumps({**SETTINGS, **(settings or {})}),
            ],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def train(
        self,
        output: str,
        processes: int = 1,
        tokens: str = "tokens",
        options: tuple[str, ...] = (),
        **settings: Any,
    ) -> Path:
        finished = self.stage(
            "epigpt.stages.train",
            "--tokens",
            tokens,
            "--fit",
            FIT,
            "--preset",
            "tiny",
            "--checkpoints",
            f"{output}.checkpoints",
            "--weights",
            f"{output}/model.safetensors",
            *options,
            processes=processes,
            settings=settings,
        )
        assert finished.returncode == 0, finished.stderr
        return self.folder / output

    def encode(self, output: str, **settings: Any) -> None:
        finished = self.stage(
            "epigpt.stages.encode",
            "--expression",
            "expression.h5ad",
            "--folds",
            "folds.tsv",
            "--fit",
            FIT,
            "--tokens",
            output,
            settings=settings,
        )
        assert finished.returncode == 0, finished.stderr


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Run:
    folder = tmp_path_factory.mktemp("series")
    generator = np.random.default_rng(0)
    samples = [f"S{number:02d}" for number in range(16)]
    means = generator.gamma(1, 40, 300)
    rates = np.tile(means, (16, 1))
    rates[8:, :30] *= 4
    counts = scipy.sparse.csr_matrix(generator.poisson(rates).astype(np.int32))
    obs = pd.DataFrame(
        {"sample": samples, "group": samples, "label": ["control"] * 8 + ["case"] * 8},
        index=samples,
    )
    genes = [f"Gene{number:03d}" for number in range(300)]
    data = anndata.AnnData(X=counts, obs=obs, var=pd.DataFrame({"symbol": genes}, index=genes))
    data.uns.update({"assay": "bulk", "organism": "mouse"})
    data.write_h5ad(folder / "expression.h5ad")
    folds = pd.DataFrame(
        {
            "sample": samples,
            "group": samples,
            "repeat": 0,
            "fold": [number % 4 for number in range(16)],
        }
    )
    folds.to_csv(folder / "folds.tsv", sep="\t", index=False)
    started = Run(folder, root)
    started.encode("tokens")
    return started


class Forge:
    """Runs functions of forged.py in processes forked from one that has the libraries imported: a
    start costs nothing."""

    def __init__(self, root: Path) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(root / "workflow"),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }
        program = [sys.executable, str(Path(__file__).with_name("forged.py"))]
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def run(self, function: str, processes: int = 1, **arguments: Any) -> list[int]:
        """Run a function in `processes` ranks; give their exit statuses, negative for a signal.
        Errors go to standard error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(
            json.dumps({"function": function, "processes": processes, "arguments": arguments})
            + "\n"
        )
        self._process.stdin.flush()
        statuses: list[int] = json.loads(self._process.stdout.readline())
        return statuses

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(300)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="session")
def forge(root: Path) -> Iterator[Forge]:
    started = Forge(root)
    yield started
    started.close()
