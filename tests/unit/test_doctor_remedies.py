"""Each remedy of `epigpt doctor` that can be followed without another machine: forge the fault, do
what is printed, and doctor has nothing to say of it any more.

What stays: another Python, other packages, a build of PyTorch with CUDA, and what only a site's
administrator can do.
"""

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
import snakemake.cli
import yaml

from epigpt.config.settings import Settings
from epigpt.doctor import cluster, command, job, machine, sources
from epigpt.doctor.finding import Finding

PROFILE = {
    "executor": "slurm",
    "default-resources": {
        "hardware": "h100x8",
        "slurm_partition": "cpu",
        "gpu_partition": "gpu",
        "gpu_gres": "gpu:h100",
        "mem_mb": 4000,
    },
}


def one(findings: list[Finding], subject: str) -> Finding:
    (found,) = [finding for finding in findings if finding.subject == subject]
    return found


def silent(findings: list[Finding], subject: str) -> bool:
    """Whether nothing stands against a subject."""
    return all(finding.status == "ok" for finding in findings if finding.subject == subject)


@pytest.fixture
def site(tmp_path, monkeypatch) -> Callable[[str, int, str], None]:
    """Make a stand-in for a program of the site."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def program(name: str, status: int, text: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{text}\nEND\nexit {status}\n")
        path.chmod(0o755)

    program("which", 1, "")
    program("sbatch", 0, "slurm 22.05")
    program("sinfo", 0, "short|gpu:a100:4|64|256000|1-00:00:00|4\nlong|(null)|64|256000|9:00|4")
    program("sacct", 1, "")
    return program


def _with(**resources: Any) -> dict[str, Any]:
    return {**PROFILE, "default-resources": PROFILE["default-resources"] | resources}


def _partitions(remedy: str) -> dict[str, Any]:
    first, second = remedy.rpartition(": ")[2].split(", ")
    return _with(slurm_partition=second, gpu_partition=first)


def _smaller(remedy: str) -> dict[str, Any]:
    names = re.search(r"\((.*?) or one of your own", remedy)
    assert names is not None
    return _with(hardware=names[1].split(", ")[0])


# Subject, the profile, and what the remedy makes of it.
OF_PROFILES: dict[str, tuple[str, dict[str, Any], Callable[[str], dict[str, Any]]]] = {
    "an option's name": (
        "profile",
        {**PROFILE, "retrys": 3},
        lambda remedy: {**PROFILE, remedy.split("'")[1]: 3},
    ),
    "an option of nowhere": (
        "profile",
        {**PROFILE, "qqqqqqqq": 3},
        lambda remedy: PROFILE if remedy.startswith("remove it") else {},
    ),
    "partitions": ("partitions", PROFILE, _partitions),
    "types": (
        "GPU types",
        PROFILE,
        lambda remedy: _with(gpu_gres=re.findall(r"`(gpu[^`]*)`", remedy)[-1]),
    ),
    "accounting": (
        "accounting",
        PROFILE,
        lambda remedy: {**PROFILE, **yaml.safe_load(remedy.split("`")[1])},
    ),
    "too many GPUs": ("hardware", PROFILE, _smaller),
    "hardware of nowhere": (
        "hardware",
        _with(hardware="h100x3"),
        lambda remedy: _with(hardware=re.split(r"[ ,]", remedy)[1].replace("h100x8", "h100x1")),
    ),
    "a request with a number": (
        "GPU request",
        _with(gpu_gres="gpu:h100:8"),
        lambda remedy: _with(gpu_gres=remedy.split("`")[1]),
    ),
    "no memory": (
        "amounts",
        _with(mem_mb=0),
        lambda remedy: _with(mem_mb=int(remedy.split()[2])),
    ),
}


@pytest.mark.parametrize("fault", OF_PROFILES)
def test_remedies_for_a_profile(site, tmp_path, fault):
    subject, broken, follow = OF_PROFILES[fault]
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(broken))
    found = one(cluster.look(tmp_path), subject)
    assert found.status != "ok"
    if "config.yaml" in found.remedy:
        assert str(path) in found.remedy
    path.write_text(yaml.safe_dump(follow(found.remedy)))
    assert silent(cluster.look(tmp_path), subject)


def test_remedy_for_a_profile_that_is_not_there(site, tmp_path):
    found = one(cluster.look(tmp_path / "none"), "profile")
    assert "name a folder that holds a config.yaml" in found.remedy
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(PROFILE))
    assert silent(cluster.look(tmp_path), "profile")


def test_remedy_for_a_program_that_is_missing(site, tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(PROFILE))
    program, parser = tmp_path / "bin" / "which", snakemake.cli.get_argument_parser
    program.unlink()

    def asking() -> Any:
        """Do as a plugin that starts the program."""
        if not program.exists():
            raise FileNotFoundError(2, "No such file or directory", program.name)
        return parser()

    monkeypatch.setattr(snakemake.cli, "get_argument_parser", asking)
    found = one(cluster.look(tmp_path), "profile")
    assert found.status == "problem"
    site(found.remedy.split()[-1], 1, "")
    assert silent(cluster.look(tmp_path), "profile")


def test_remedies_for_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    lock = tmp_path / "cache" / "lock"
    lock.touch()
    found = one(machine.look(tmp_path), "compiled extensions")
    assert str(lock) in found.found
    assert found.remedy.startswith("remove them")
    lock.unlink()
    assert silent(machine.look(tmp_path), "compiled extensions")
    locked, access = tmp_path / "locked", os.access
    locked.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path != locked and access(path, mode))
    found = one(machine.look(locked), "disk")
    assert found.status == "problem"
    assert "--directory" in found.remedy
    assert one(machine.look(tmp_path), "disk").status != "problem"


@pytest.mark.parametrize("address", ["{tmp_path}/none", "http://127.0.0.1:9"])
def test_remedies_for_geo(root, tmp_path, address):
    broken = address.format(tmp_path=tmp_path.as_uri())
    found = one(sources.look(Settings.model_validate({"geo": {"base_url": broken}})), "GEO")
    assert found.status != "ok"
    assert "'geo.base_url' to a mirror" in found.remedy
    mirror = (root / "config" / "demo" / "geo-mirror").as_uri()
    assert silent(sources.look(Settings.model_validate({"geo": {"base_url": mirror}})), "GEO")


def test_remedies_for_weights(root, tmp_path):
    geo = {"base_url": (root / "config" / "demo" / "geo-mirror").as_uri()}

    def look(weights: str) -> list[Finding]:
        return sources.look(Settings.model_validate({"geo": geo, "weights": weights}))

    found = one(look(str(tmp_path / "none")), "weights")
    assert found.status == "problem"
    for named in (str(tmp_path), *re.findall(r"'(\w+)'", found.remedy)):
        assert silent(look(named), "weights"), named


def test_remedies_for_a_configuration(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("epoch: 3\n")
    found = command._configuration(path)
    assert isinstance(found, Finding)
    meant = re.search(r"did you mean '(\w+)'", found.remedy)
    assert meant is not None
    path.write_text(f"{meant[1]}: 3\n")
    assert isinstance(command._configuration(path), Settings)


def test_remedies_for_a_job(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    findings = job.look()
    assert "srun" in one(findings, "job").remedy
    monkeypatch.setenv("SLURM_JOB_ID", "7")  # as srun sets it
    assert silent(job.look(), "job")
    if one(findings, "GPUs of the job").status != "ok":
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # as SLURM does for --gres
        assert silent(job.look(), "GPUs of the job")
