"""`epigpt doctor` on a real SLURM: what it says of the cluster, and of a job with a GPU."""

import json
import os
import subprocess
import sys


def said(clone, folder, *arguments, through=()):
    command = [*through, sys.executable, "-m", "epigpt.cli", "doctor", "--json", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(clone / "workflow"), "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.startswith("["), done.stderr
    return {line["subject"]: line for line in json.loads(done.stdout)}, done.returncode


def next_job():
    shown = subprocess.run(
        ["scontrol", "show", "config"], capture_output=True, text=True, check=True
    ).stdout
    return next(
        line.split("=")[1].strip() for line in shown.splitlines() if line.startswith("NEXT_JOB_ID")
    )


def test_it_finds_the_cluster_and_submits_nothing(slurm, clone, tmp_path):
    before = next_job()
    found, _ = said(clone, tmp_path, "--profile", str(clone / "profiles/slurm"))
    assert next_job() == before
    for subject in (
        "scheduler",
        "partition cpu",
        "partition gpu",
        "GPU types",
        "accounting",
        "profile",
        "hardware",
    ):
        assert found[subject]["status"] == "ok", found[subject]
    assert found["GPU types"]["found"] == "h100"
    assert found["accounting"]["found"] == "none; the profile asks squeue"


def test_it_finds_what_the_site_lacks(slurm, clone, tmp_path):
    (tmp_path / "config.yaml").write_text(
        "default-resources:\n  slurm_partition: 'long'\n  gpu_gres: 'gpu:a100'\n  hardware:"
        " 'h100x8-nodes'\nslurm-status-command: sacct\n"
    )
    found, status = said(clone, tmp_path, "--profile", str(tmp_path))
    assert status == 1
    assert found["partitions"]["status"] == "problem"
    assert "cpu, gpu" in found["partitions"]["remedy"]
    assert found["accounting"]["status"] == "problem"
    assert found["GPU types"]["status"] == "warning"


def test_it_looks_at_torch_inside_a_job(slurm, clone, tmp_path):
    """The GPUs here are only names: the job is given one, and PyTorch finds nothing behind it."""
    found, status = said(
        clone,
        tmp_path,
        "--job",
        through=("srun", "--partition=gpu", "--gres=gpu:h100:1", "--mem=2000"),
    )
    assert found["job"]["status"] == "ok"
    assert found["job"]["found"].startswith("SLURM job ")
    assert found["GPUs of the job"]["found"] == "CUDA_VISIBLE_DEVICES=0"
    assert (found["torch.cuda"]["status"], status) == ("problem", 1)
    without, _ = said(clone, tmp_path, "--job", through=("srun", "--partition=cpu", "--mem=2000"))
    assert without["GPUs of the job"]["status"] == "warning"
    assert without["torch.cuda"]["status"] == "warning"
    assert "CUDA" in found["torch.cuda"]["remedy"]
