"""GPT-2 XL at its full size on a machine without a GPU, through the workflow's own rule: three full
steps, stopped and resumed, and LoRA.

Takes 12 GB of memory, 50 GB of disk, libaio-dev and a compiler: `make test-xl` runs it, `make test`
does not. Full steps are in bf16, in which all weights fit: tens of minutes on a CPU that computes in
it, hours on one that does not (forward products were 85 times slower there than in fp32).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from epigpt.training import machine

MEMORY, DISK = 12e9, 50e9
PARAMETERS = 1_557_611_200
TARGET = "results/small/models/gpt2-xl/final/model.safetensors"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "EPIGPT_TEST_XL" not in os.environ,
        reason="an hour's work for a small machine: `make test-xl` runs it",
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = Path(os.environ.get("EPIGPT_XL_FOLDER") or tmp_path_factory.mktemp("xl"))
    place.mkdir(parents=True, exist_ok=True)
    free, memory = shutil.disk_usage(place).free, machine.available_memory()
    if free < DISK or memory < MEMORY:
        pytest.skip(
            f"{free / 1e9:.0f} GB of disk and {memory / 1e9:.0f} GB of memory; {DISK / 1e9:.0f} and"
            f" {MEMORY / 1e9:.1f} are needed"
        )
    if not machine.can_swap():
        pytest.skip("no libaio.h or no compiler: apt-get install libaio-dev g++ ninja-build")
    _write_series(place)
    yield place
    shutil.rmtree(place, ignore_errors=True)


def _write_series(place: Path) -> None:
    """Six samples with a few hundred genes: what is trained on does not matter here, how does."""
    generator = np.random.default_rng(0)
    genes = pd.read_csv(
        Path(__file__).parents[2]
        / "config/demo/geo-mirror/series/GSE9000nnn/GSE9000001/GSE9000001_truth.tsv",
        sep="\t",
    )
    samples = [f"S{number}" for number in range(6)]
    # Libraries of unequal depth, genes of unequal means: what is alike in every column would be
    # read as normalised.
    means = np.exp(generator.normal(4, 2, (1500, 1))) * generator.uniform(0.5, 2, 6)
    counts = pd.DataFrame(generator.poisson(means), index=genes.iloc[:1500, 0], columns=samples)
    counts.rename_axis("gene").to_csv(place / "counts.tsv", sep="\t")
    sheet = pd.DataFrame({"sample": samples, "condition": ["case", "control"] * 3})
    sheet.to_csv(place / "samples.tsv", sep="\t", index=False)
    row = {
        "dataset": "small",
        "source": "counts.tsv",
        "samples": "samples.tsv",
        "organism": "mouse",
        "assay": "bulk",
        "label": "condition",
    }
    pd.DataFrame([{**row, "case": "case", "control": "control"}]).to_csv(
        place / "datasets.tsv", sep="\t", index=False
    )


def _run(
    root: Path, folder: Path, tuning: str, precision: str, epochs: int = 1
) -> "subprocess.Popen[str]":
    settings: dict[str, Any] = {
        "datasets": str(folder / "datasets.tsv"),
        "model": "gpt2-xl",
        "encoding": "gene-sentence",
        "max_genes": 8,
        "precision": precision,
        "weights": "none",
        "views": 1,
        "global_batch_size": 2,
        "epochs": epochs,
        "tuning": tuning,
        "quality": {"min_counts": 1, "min_genes": 1},
    }
    (folder / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(root / "Snakefile"),
        "--directory",
        str(folder),
        "--configfile",
        str(folder / "config.yaml"),
        "--cores",
        "2",
        TARGET,
    ]
    # The plan may not take more memory than the test promises to need.
    environment = {**os.environ, "SLURM_MEM_PER_NODE": str(int(MEMORY / 2**20))}
    with (folder / "run.log").open("a", encoding="utf-8") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env=environment, text=True
        )


def _steps(path: Path | None) -> list[dict[str, float]]:
    return (
        [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
        if path and path.is_file()
        else []
    )


def _training(folder: Path) -> int:
    """Find the process of the stage among this run's children by its command line."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            inside = (entry / "cwd").resolve() == folder.resolve()
        except OSError:
            continue
        if inside and words[1:3] == ["-m", "epigpt.stages.train"]:
            return int(entry.name)
    raise ProcessLookupError("no training runs")


def _check(folder: Path, steps: list[dict[str, float]]) -> None:
    planned = json.loads((folder / TARGET).with_name("plan.json").read_text())
    assert planned["parameters"] - 2 * 1600 == PARAMETERS
    assert [line["step"] for line in steps] == list(range(1, planned["steps"] + 1))
    assert np.isfinite([line["loss"] for line in steps]).all()
    peak, total = max(line["memory_bytes"] for line in steps), planned["bytes"]["total"]
    for line in steps:
        print(
            f"step {line['step']:.0f}: loss {line['loss']:.4f}, {line['tokens_per_second']}"
            f" tokens/s, {line['memory_bytes'] / 1e9:.1f} GB"
        )
    print(
        f"ZeRO {planned['zero_stage']}, optimizer {planned['offload']}; peak {peak / 1e9:.1f} GB,"
        f" planned {total / 1e9:.1f} GB"
    )
    assert 0.85 * total <= peak <= 1.15 * total
    assert peak <= MEMORY


def test_three_full_steps_stopped_after_the_second(root: Path, folder: Path) -> None:
    running = _run(root, folder, "full", "bf16")
    recorded = None
    while running.poll() is None and not _steps(recorded):
        recorded = next(
            (folder / "results").glob("small/checkpoints/gpt2-xl/final/*/training.jsonl"), None
        )
        time.sleep(0.5)
    assert running.poll() is None, (folder / "run.log").read_text()[-3000:]
    os.kill(_training(folder), signal.SIGTERM)  # during the second step, which it finishes
    assert running.wait() != 0
    assert (
        len(list((folder / "results").glob("small/checkpoints/gpt2-xl/final/*/step-00000002"))) == 1
    )
    assert _run(root, folder, "full", "bf16").wait() == 0, (folder / "run.log").read_text()[-3000:]
    assert (
        "going on after step 2 of 3"
        in next((folder / "results").glob("small/logs/train/gpt2-xl/final.log")).read_text()
    )
    steps = _steps((folder / TARGET).with_name("training.jsonl"))
    _check(folder, steps)
    # A flat rate of 1e-5 from a standard start moved it by 11.
    assert abs(steps[1]["loss"] - steps[0]["loss"]) < 0.1


def test_the_loss_falls_over_ten_steps_of_lora_from_a_random_start(
    root: Path, folder: Path
) -> None:
    running = _run(root, folder, "lora", "auto", epochs=4)
    assert running.wait() == 0, (folder / "run.log").read_text()[-3000:]
    steps = _steps((folder / TARGET).with_name("training.jsonl"))
    assert len(steps) == 12
    _check(folder, steps)
    first, last = (np.mean([line["loss"] for line in part]) for part in (steps[:3], steps[-3:]))
    assert last < first
