"""`epigpt doctor`: what it says of machines, clusters and profiles, with stand-ins for the site's
programs."""

import json
from pathlib import Path

import pytest
import snakemake.cli

from epigpt.cli import main
from epigpt.config.settings import Settings
from epigpt.doctor import cluster, machine, sources
from epigpt.doctor import profile as found_profile


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Stand-ins for a site's programs: a name, its exit status and what it prints."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def program(name, status, text):
        path = folder / name
        path.write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{text}\nEND\nexit {status}\n")
        path.chmod(0o755)

    program("which", 1, "")  # asked by Snakemake's plugin for SLURM
    return program


@pytest.fixture
def profile(tmp_path):
    def write(text):
        (tmp_path / "config.yaml").write_text(text)
        return tmp_path

    return write


PROFILE = (
    "default-resources:\n  slurm_partition: 'cpu'\nset-resources:\n  train:\n    slurm_partition:"
    ' "gpu"\n    gres: "\'gpu:h100:1\'"\n'
)


def told(findings):
    return {
        finding.subject: (finding.status, finding.found, finding.remedy) for finding in findings
    }


def test_a_machine_without_a_scheduler(site, profile):
    assert told(cluster.look(profile(PROFILE)))["scheduler"][0] == "ok"


def test_a_cluster_that_fits(site, profile):
    site("sbatch", 0, "slurm 22.05")
    site(
        "sinfo",
        0,
        "cpu|(null)|64|256000|1-00:00:00|4\ngpu|gpu:h100:8(S:0-1)|96|1000000|2-00:00:00|2",
    )
    site("sacct", 1, "Slurm accounting storage is disabled")
    found = told(cluster.look(profile(PROFILE + "slurm-status-command: squeue\n")))
    assert {status for status, _, _ in found.values()} == {"ok"}
    assert "gpu:h100:8" in found["partition gpu"][1]


def test_partitions_accounting_and_gpus_that_do_not_fit(site, profile):
    site("sbatch", 0, "slurm 22.05")
    site("sinfo", 0, "short|gpu:a100:4|64|256000|1-00:00:00|4")
    site("sacct", 1, "")
    found = told(cluster.look(profile(PROFILE)))
    assert found["partitions"][0] == "problem"
    assert "cpu, gpu" in found["partitions"][1]
    assert "short" in found["partitions"][2]
    assert found["accounting"][0] == "problem"
    assert "squeue" in found["accounting"][2]
    assert found["GPU types"][0] == "warning"
    assert "h100" in found["GPU types"][1]


def test_a_controller_that_is_down(site, profile):
    site("sbatch", 0, "slurm 22.05")
    site("sinfo", 1, "sinfo: error\nunable to contact slurm controller")
    status, found, _ = told(cluster.look(profile(PROFILE)))["scheduler"]
    assert status == "problem"
    assert "unable to contact" in found


@pytest.mark.parametrize(
    ("text", "subject", "status", "told_of"),
    [
        ("executor: slurm\njobs: 9\n", "profile", "ok", "executor slurm"),
        ("executor: slurm\nlatency_wait: 60\n", "profile", "ok", "2 keys"),
        ("executor: slurm\nretrys: 3\n", "profile", "problem", "write 'retries'"),
        ("default-resources: {gpu_gres: 'gpu:h100:8'}\n", "GPU request", "problem", "gpu:h100:8"),
        ("default-resources: {mem_mb: 0}\n", "amounts", "problem", "mem_mb: 0"),
        ("set-resources: {train: {hardware: h100x9}}\n", "hardware", "problem", "h100x9"),
        ("executor: slurm\n", "not looked at", "ok", "`sacct` answers"),
    ],
)
def test_a_profile_is_judged_without_its_cluster(site, profile, text, subject, status, told_of):
    found = told(cluster.look(profile(text)))
    assert found[subject][0] == status
    assert told_of in "; ".join(found[subject])


def test_a_program_that_snakemakes_plugins_need(site, profile, monkeypatch):
    monkeypatch.setattr(
        snakemake.cli,
        "get_argument_parser",
        lambda: open("/nowhere/which"),  # noqa: SIM115, PTH123 - fails as starting it would
    )
    assert "/nowhere/which" in told(cluster.look(profile("jobs: 1\n")))["profile"][1]


def test_a_profile_by_its_name(root, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "snakemake" / "mine"
    mine.mkdir(parents=True)
    (mine / "config.yaml").write_text("jobs: 1\n")
    assert found_profile.find(Path("mine")) == mine
    assert found_profile.find(Path("slurm")) == root / "profiles" / "slurm"
    assert found_profile.find(mine) == mine


def test_a_profile_that_cannot_be_read(profile, tmp_path):
    assert told(cluster.look(tmp_path / "none"))["profile"][0] == "problem"
    assert told(cluster.look(profile("a: [")))["profile"][0] == "problem"


def test_a_lock_that_would_make_every_run_wait(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    (tmp_path / "shm_comm").mkdir()
    assert "compiled extensions" not in told(machine.look(tmp_path))
    (tmp_path / "shm_comm" / "lock").touch()
    assert told(machine.look(tmp_path))["compiled extensions"][0] == "warning"


def test_mirrors_and_weights(tmp_path):
    (tmp_path / "series").mkdir()
    good = Settings.model_validate(
        {"geo": {"base_url": tmp_path.as_uri()}, "weights": str(tmp_path)}
    )
    bad = Settings.model_validate(
        {"geo": {"base_url": (tmp_path / "none").as_uri()}, "weights": "openai-community/gpt2"}
    )
    assert {status for status, _, _ in told(sources.look(good)).values()} == {"ok"}
    found = told(sources.look(bad))
    assert [status for status, _, _ in found.values()] == ["problem", "warning"]
    assert "`snakemake fetch`" in str(found["weights"])
    for weights, status in (("corpus", "ok"), ("./not/there", "problem"), ("none", "ok")):
        settings = good.model_copy(update={"weights": weights})
        assert told(sources.look(settings))["weights"][0] == status


def test_the_command_prints_json_and_fails_on_a_problem(site, tmp_path, capsys):
    (tmp_path / "series").mkdir()
    config = tmp_path / "config.yaml"
    config.write_text(f"geo: {{base_url: '{tmp_path.as_uri()}'}}\n")
    assert main(["doctor", "--json", "--configfile", str(config)]) == 0
    assert {"subject", "status", "found", "remedy"} == set(json.loads(capsys.readouterr().out)[0])
    config.write_text("epoch: 1\n")
    assert main(["doctor", "--configfile", str(config)]) == 1
    assert "did you mean 'epochs'?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hardware", "status", "told_of"),
    [
        ("h100x8", "ok", "h100x8"),
        ("h100x16", "problem", "h100x16"),
        ("h100x8-nodes", "problem", "has 4 GPUs"),
    ],
)
def test_the_hardware_that_the_profile_names(site, profile, hardware, status, told_of):
    site("sbatch", 0, "slurm 22.05")
    site("sinfo", 0, f"gpu|gpu:h100:{4 if 'nodes' in hardware else 8}|96|1000000|2-00:00:00|2")
    text = (
        f"default-resources:\n  hardware: '{hardware}'\n  gpu_partition: gpu\n  gpu_gres:"
        " 'gpu:h100'\n"
    )
    found = told(cluster.look(profile(text)))
    assert found["hardware"][0] == status
    assert told_of in found["hardware"][1]
    assert found["GPU types"][0] == "ok"


def test_the_profiles_of_this_project_can_be_read(root, site):
    site("sbatch", 0, "slurm 22.05")
    site("sinfo", 0, "cpu|(null)|64|256000|1-00:00:00|4\ngpu|gpu:h100:8|96|2000000|2-00:00:00|8")
    site("sacct", 0, "")
    for name in ("slurm", "slurm-accounting"):
        assert {
            status for status, _, _ in told(cluster.look(root / "profiles" / name)).values()
        } == {"ok"}
