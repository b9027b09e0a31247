"""What a fresh clone plans: on a cluster one GPU job for each data set, on a laptop none; which
devices a training uses."""

import re
import subprocess
import sys

import pytest

import project_copy

CHOICE = (
    "Model: gpt2-xl (auto: hardware h100x1 has GPUs of 80 GB), weights openai-community/gpt2-xl"
)
SERIES = ("ketogenic_mouse", "zebrafish_epilepsy")


@pytest.fixture(scope="module")
def clone(tmp_path_factory, root):
    """The project as git has it, without results."""
    return project_copy.copy(root, tmp_path_factory.mktemp("clone") / "epigpt", tests=False)


def planned(clone, *options):
    """Return what a dry run at the clone's root says."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", *options]
    done = subprocess.run(
        command, cwd=clone, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def gpu_jobs(output):
    """Map each data set to the rules whose jobs ask for a GPU."""
    found: dict[str, list[str]] = {}
    rule = dataset = ""
    for line in output.splitlines():
        if named := re.match(r" *(?:rule|checkpoint|localrule) (\w+):", line):
            rule = named[1]
        elif wildcards := re.search(r"wildcards: .*dataset=(\w+)", line):
            dataset = wildcards[1]
        elif re.search(r"\bgres=gpu", line):
            found.setdefault(dataset, []).append(rule)
    return found


def asked(output):
    """Return what jobs ask for beside processors and memory."""
    return set(re.findall(r"\bgres=([^,\s]+)", output))


def test_a_cluster_is_asked_for_one_gpu_job_for_each_of_the_default_series(clone):
    output = planned(clone, "--profile", "slurm")
    assert CHOICE in output
    assert "tuning lora" in output
    jobs = gpu_jobs(output)
    assert jobs == {name: ["models"] for name in SERIES}
    assert asked(output) == {"gpu:h100:1"}
    # Fetched once, on the machine that has a network.
    assert re.search(r"^weights +1$", output, re.MULTILINE)


@pytest.mark.parametrize("hardware", ["h100x8", "h100x8-nodes"])
def test_more_gpus_than_a_small_step_fills_are_not_asked_for(clone, hardware):
    output = planned(clone, "--profile", "slurm", "--config", f"hardware={hardware}")
    assert "One GPU and one job for each data set" in output
    assert asked(output) == {"gpu:h100:1"}


def test_a_large_batch_takes_every_gpu_for_each_fit(clone):
    options = ["hardware=h100x8-nodes", "global_batch_size=2048", "model=gpt2-xl"]
    output = planned(clone, "--profile", "slurm", "--config", *options)
    assert "32 GPUs for each fit, and a job for each" in output


def test_tiny_goes_to_cpus_also_on_a_cluster(clone):
    output = planned(clone, "--profile", "slurm", "--config", "model=tiny")
    assert "tiny trains on CPUs" in output
    assert asked(output) == set()


def test_a_laptop_trains_tiny(clone):
    output = planned(clone, "--cores", "2")
    assert "Model: tiny (auto: this machine has no GPU), random weights" in output
