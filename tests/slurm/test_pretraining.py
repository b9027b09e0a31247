"""Pretraining on a corpus over two nodes, stopped, and resumed by one process."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

PRETRAINED = "results/corpus/corpus/tiny"
SERIES = 3
# Enough steps for a checkpoint to be found while it is at work.
PRETRAINING = {"epochs": 60, "views": 2, "genes": 300, "global_batch_size": 8}


def _series(site) -> None:
    """Draw the series of a corpus and write its table."""
    lines = ["series\tsource\tsamples\torganism"]
    for number in range(SERIES):
        subprocess.run(
            [
                *(sys.executable, "-m", "epigpt.cli", "simulate", "--family", "shared"),
                *("--seed", str(31 + number), "--accession", f"GSE900003{number}"),
                *("--genes", "600", "--groups", "8", "--per-group", "1"),
                *("--output-tables", str(site.folder / f"s{number}")),
            ],
            env={"PYTHONPATH": str(site.project / "workflow"), "PATH": ""},
            check=True,
            capture_output=True,
        )
        lines.append(f"s{number}\ts{number}/counts.tsv.gz\ts{number}/samples.tsv\tmouse")
    (site.folder / "corpus.tsv").write_text("\n".join(lines) + "\n")


def test_two_nodes_pretrain_and_one_process_goes_on(demo):
    site = demo.copy("corpus")
    _series(site)
    site.configure(corpus="corpus.tsv", pretraining=PRETRAINING)
    seconds = ["--set-resources", "pretrain:checkpoint_seconds=1"]
    started = site.start(*seconds, "--", PRETRAINED, hardware="two-nodes")
    checkpoints = site.folder / "results/corpus/corpus/checkpoints/tiny"
    site.wait_for(lambda: list(checkpoints.rglob("step-*")), "no checkpoint appeared", 600)
    os.kill(started.pid, signal.SIGINT)
    started.wait(300)
    assert not (site.folder / PRETRAINED).exists()
    log = next((site.folder / ".snakemake/slurm_logs/rule_pretrain").rglob("*.log")).read_text()
    assert "srun" in log
    site.wait_for(lambda: not site.jobs(), "the job is still there", 120)
    site.run(*seconds, "--", PRETRAINED, hardware="cpu")
    made = site.folder / PRETRAINED
    text = (site.folder / "results/corpus/corpus/logs/tiny.log").read_text()
    assert "going on after step" in text
    # All steps, the first by two processes, the others by one.
    steps = [json.loads(line) for line in (made / "training.jsonl").read_text().splitlines()]
    planned = json.loads((made / "plan.json").read_text())
    assert (planned["world_size"], planned["steps"]) == (1, len(steps))
    assert len(steps) == PRETRAINING["epochs"] * PRETRAINING["views"] * SERIES * 8 // 8
    losses = [step["loss"] for step in steps]
    assert np.mean(losses[-20:]) < np.mean(losses[:20])
    table = pd.read_csv(made / "corpus.tsv", sep="\t")
    assert table["use"].tolist() == ["train"] * SERIES
    assert all(
        np.isfinite(values).all() for values in load_file(made / "model.safetensors").values()
    )
    assert site.jobs() == []
