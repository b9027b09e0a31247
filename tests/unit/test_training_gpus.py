"""GPUs without a scheduler: found, narrowed, one for each fit, given back when the fit ends. A
stand-in plays the driver's tool."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from epigpt.jobs import training_job
from epigpt.models import presets
from epigpt.training import gpus, node


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Two GPUs with names that no other run has."""
    names = [f"GPU-{uuid.uuid4()}" for _ in range(2)]
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\n"
        + "".join(f"echo '{number}, {name}, 81559'\n" for number, name in enumerate(names))
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("CUDA_VISIBLE_DEVICES", "RANK", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    return names


def claimer(root):
    """Start a process that claims a GPU, says which and holds it until its input ends."""
    code = (
        "import sys\nfrom epigpt.training import gpus\nprint(gpus.claim(0.05),"
        " flush=True)\nsys.stdin.read()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root / "workflow",
    )


def test_no_driver_no_gpus(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.visible() == []
    assert gpus.claim() == ""


def test_cuda_visible_devices_narrows_by_index_and_by_name(driver, monkeypatch):
    assert gpus.visible() == driver
    for value, expected in (("1", driver[1:]), (driver[0], driver[:1]), ("", [])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert gpus.visible() == expected


@pytest.mark.slow
def test_fits_side_by_side_get_a_gpu_each_and_a_killed_one_gives_its_back(driver, root):
    fits = [claimer(root), claimer(root)]
    assert {fit.stdout.readline().strip() for fit in fits} == set(driver)
    third = claimer(root)
    with pytest.raises(subprocess.TimeoutExpired):
        third.wait(1)
    fits[0].kill()
    assert third.stdout.readline().strip() in driver
    for fit in [*fits, third]:
        fit.stdin.close()
        fit.stdout.close()
        fit.wait(10)


def test_torchrun_and_slurm_give_out_gpus_themselves(driver, monkeypatch):
    for name in ("RANK", "SLURM_JOB_ID"):
        monkeypatch.setenv(name, "0")
        assert gpus.claim() == ""
        monkeypatch.delenv(name)


def scontrol(folder, monkeypatch, hosts):
    program = folder / "scontrol"
    program.write_text("#!/bin/sh\n" + "".join(f"echo {host}\n" for host in hosts))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("hosts", "address"),
    [(["localhost", "other"], "localhost"), (["no-such-node.invalid"], "10.0.0.7")],
)
def test_every_node_finds_the_first_one(tmp_path, monkeypatch, hosts, address):
    scontrol(tmp_path, monkeypatch, hosts)
    told = {
        "SLURM_NNODES": "2",
        "SLURM_NODEID": "1",
        "SLURM_JOB_ID": "10007",
        "SLURM_JOB_NODELIST": "n[1-2]",
    }
    options = node.rendezvous({**told, "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.7"}, devices=8)
    assert f"--master-addr={address}" in options
    assert {"--nnodes=2", "--node-rank=1", "--nproc-per-node=8", "--master-port=20007"} <= set(
        options
    )


def test_torchrun_leaves_the_options_of_a_stage_alone():
    """It would take `--log` for one of its own, abbreviated, but for the dashes in the rule's
    command."""
    from torch.distributed.run import parse_args

    started = training_job.start(presets.hardware("h100x8"), "python", "train", {}, threads=8)
    words = started.split()[started.split().index("--standalone") :]
    parsed = parse_args([*words, "--tokens", "x", "--log", "y"])
    assert parsed.training_script == "epigpt.stages.train"
    assert parsed.training_script_args[-4:] == ["--tokens", "x", "--log", "y"]


def test_the_claim_of_a_user_with_a_strict_umask_can_be_seen_by_others(driver):
    before = os.umask(0o077)
    try:
        assert gpus._lock(driver[0])
    finally:
        os.umask(before)
    path = Path("/tmp") / f"epigpt-{driver[0]}.lock"
    assert path.stat().st_mode & 0o777 == 0o644
    os.close(gpus._held.pop())
    path.unlink()
