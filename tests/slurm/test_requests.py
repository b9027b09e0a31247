"""The whole demo through sbatch, what each hardware preset asks SLURM for, and a training over two
nodes."""

import json
import os
import re
import signal
import subprocess

import numpy as np
import pandas as pd
import pytest

from epigpt.models import presets
from epigpt.training.memory_model import USABLE, MemoryModel, Strategy

PREDICTIONS = "results/epilepsy/models/tiny/repeat0/fold0/predictions.tsv"


def test_the_whole_demo_runs_through_sbatch(demo, slurm):
    output = demo.output()
    results = demo.folder / "results"
    assert (results / "index.html").exists()
    assert (results / "epilepsy" / "report.html").exists()
    submitted = re.findall(r"submitted with SLURM jobid (\d+)", output)
    # Six folds' worth of encoding and baselines travel in groups; every other rule is a job of its
    # own.
    assert len(submitted) >= 10
    logs = {
        path.relative_to(demo.folder / ".snakemake/slurm_logs").parts[0]
        for path in (demo.folder / ".snakemake/slurm_logs").rglob("*.log")
    }
    assert {"rule_counts", "rule_expression", "rule_models", "rule_evaluate", "rule_report"} <= logs
    assert {"rule_download", "rule_index"} & logs == set()
    assert sum(name.startswith("group_") for name in logs) >= 2
    assert slurm.jobs() == []


def test_a_second_run_submits_nothing(demo):
    assert "Nothing to be done" in demo.run("--dry-run", hardware="h100x8")


@pytest.fixture
def held(slurm):
    """Partitions that accept jobs and start none."""
    for name in ("cpu", "gpu"):
        subprocess.run(["scontrol", "update", f"partitionname={name}", "state=down"], check=True)
    yield
    for name in ("cpu", "gpu"):
        subprocess.run(["scontrol", "update", f"partitionname={name}", "state=up"], check=True)


@pytest.mark.parametrize(
    ("hardware", "batch", "expected"),
    [
        (
            "cpu",
            8,
            {
                "Partition": "cpu",
                "NumNodes": "1",
                "NumTasks": "1",
                "CPUs/Task": "1",
                "TimeLimit": "02:00:00",
            },
        ),
        # Batches of 32 tokens a sequence that keep all GPUs of the preset busy.
        ("h100x1", 8, {"NumNodes": "1", "CPUs/Task": "2", "TresPerNode": "gres:gpu:h100:1"}),
        ("h100x8", 1000, {"NumNodes": "1", "CPUs/Task": "16", "TresPerNode": "gres:gpu:h100:8"}),
        (
            "h100x8-nodes",
            4000,
            {"NumNodes": "4", "NumTasks": "4", "CPUs/Task": "16", "TresPerNode": "gres:gpu:h100:8"},
        ),
    ],
)
def test_what_a_preset_asks_for(demo, held, hardware, batch, expected):
    site = demo.copy(f"asks {hardware}")
    # tiny would go to CPUs on every hardware.
    site.configure(model="gpt2", weights="none", global_batch_size=batch)
    wanted = PREDICTIONS.replace("/tiny/", "/gpt2/")
    started = site.start("--", wanted, hardware=hardware)
    number = site.wait_for_job()
    shown = subprocess.run(
        ["scontrol", "-o", "show", "job", number], capture_output=True, text=True, check=True
    ).stdout
    # Snakemake cancels what it knows of, and it knows a job once it has said so.
    site.wait_for(lambda: f"jobid {number}" in site.output(), "the submission was not told", 300)
    os.kill(started.pid, signal.SIGINT)
    started.wait(300)
    told = dict(part.split("=", 1) for part in shown.split() if "=" in part)
    told["NumNodes"] = told["NumNodes"].partition("-")[0]  # a waiting job's is a range
    told["MinMemoryNode"] = f"{_megabytes(told['MinMemoryNode']):.0f}M"
    if hardware != "cpu":
        memory = f"{presets.hardware(hardware).node_memory_gb * 1000}M"
        expected = {**expected, "Partition": "gpu", "MinMemoryNode": memory}
    assert {name: told.get(name) for name in expected} == expected
    assert "TresPerTask" not in told  # tasks per GPU beside tasks would be refused by some sites
    assert site.jobs() == []


def _megabytes(amount):
    return float(amount[:-1]) * {"M": 1, "G": 1024, "T": 1024**2}[amount[-1]]


def _memory_that_needs_zero_3(demo):
    """Give the bytes of a node on which two processes fit with ZeRO 3 alone."""
    made = json.loads((demo.folder / PREDICTIONS).with_name("plan.json").read_text())
    tokens = np.load(
        next((demo.folder / "results/epilepsy/tokens/repeat0/fold0").glob("tokens*.npy")),
        mmap_mode="r",
    )
    layout = MemoryModel(
        presets.load("tiny"),
        made["parameters"],
        made["parameters"],
        made["precision"],
        2,
        tokens.shape[2],
        "cpu",
    )
    needed = [layout.memory(Strategy(stage, 1, True))["total"] for stage in (3, 2)]
    return int(sum(needed) / 2 / USABLE)


def test_two_nodes_with_zero_3_give_the_result_of_one_process(demo):
    site = demo.copy("two nodes")
    (site.folder / PREDICTIONS).unlink()
    before = {
        name: (demo.folder / PREDICTIONS).with_name(name)
        for name in ("predictions.tsv", "training.jsonl", "plan.json")
    }
    site.run(
        "--",
        PREDICTIONS,
        hardware="two-nodes",
        FAULT_MACHINE_BYTES=str(_memory_that_needs_zero_3(demo)),
    )
    after = {name: (site.folder / PREDICTIONS).with_name(name) for name in before}
    made = json.loads(after["plan.json"].read_text())
    assert (made["world_size"], made["zero_stage"]) == (2, 3)
    one, two = (
        pd.read_csv(files["predictions.tsv"], sep="\t")["probability"] for files in (before, after)
    )
    np.testing.assert_allclose(two, one, atol=2e-3)
    one, two = (
        [json.loads(line)["loss"] for line in files["training.jsonl"].read_text().splitlines()]
        for files in (before, after)
    )
    np.testing.assert_allclose(two, one, rtol=1e-3)
    log = next((site.folder / ".snakemake/slurm_logs/rule_train").rglob("*.log")).read_text()
    assert "srun" in log
    assert site.jobs() == []
