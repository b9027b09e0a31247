"""What a run tells of itself: versions as jobs saw them, time, memory, energy, a crate that others
can read."""

import json
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from rocrate.rocrate import ROCrate

from epigpt.provenance import citations, crate, job_meter, job_records, record

BENCHMARK = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


@pytest.fixture
def results(tmp_path):
    """A data set's folder with two jobs, one of which ran twice and one of which saw another
    version."""
    folder = tmp_path / "epilepsy"
    for name in ("logs/train/tiny", "benchmarks/train/tiny", "geo"):
        (folder / name).mkdir(parents=True)
    old, new, other = (
        json.dumps({"host": host, "seconds": 1, "versions": versions, **more})
        for host, versions, more in (
            ("n1", {"torch": "2.1"}, {}),
            (
                "n2",
                {"torch": "2.2", "numpy": "2"},
                {"gpus": ["NVIDIA H100"], "energy_joules": 7200000},
            ),
            ("n3", {"numpy": "1"}, {}),
        )
    )
    mark = f"2026-01-01 00:00:00,000 DEBUG {job_meter.MARK}"
    (folder / "logs/train/tiny/final.log").write_text(f"{mark}{old}\n{mark}{new}\nfinished\n")
    (folder / "logs/evaluate.log").write_text(f"{mark}{other}\n")
    (folder / "logs/torn.log").write_text(f"{mark}{other[:10]}")
    (folder / "benchmarks/train/tiny/final.benchmark.tsv").write_text(
        BENCHMARK + "7200.0\t2:00:00\t512.5\t1\t1\t1\t0\t0\t50\t3600.0\n"
    )
    (folder / "benchmarks/evaluate.tsv").write_text(
        BENCHMARK + "0.1\t0:00:00\t-\t-\t-\t-\t-\t-\t-\t-\n"
    )
    (folder / "geo/manifest.tsv").write_text(
        "file\turl\tbytes\tsha256\ttime\ngeo/a.gz\thttps://x.org/a.gz\t3\tabc\t2026-01-01\n"
    )
    (folder / "folds.json").write_text('{"checksum": "f"}')
    (folder / "report.html").write_text("<html>")
    return folder


@pytest.fixture
def recorded(results):
    told = record.record(
        results,
        results / "geo/manifest.tsv",
        results / "folds.json",
        {"seed": 3, "row": {"source": "GSE1"}},
        "9.9",
    )
    (results / "provenance.json").write_text(json.dumps(told))
    return told


def test_versions_are_those_that_the_jobs_saw(recorded):
    assert recorded["packages"] == {"snakemake": "9.9", "numpy": "1 | 2", "torch": "2.2"}
    assert recorded["checksums"] == {"a.gz": "abc"}
    assert recorded["seed"] == 3
    assert recorded["epigpt"]["git"]


def test_time_memory_and_energy_are_summed(recorded):
    assert recorded["jobs"]["train/tiny/final"]["host"] == "n2"
    assert recorded["jobs"]["evaluate"]["max_rss_mb"] is None
    totals = recorded["totals"]
    assert totals == {
        "jobs": 2,
        "wall_hours": 2.0,
        "cpu_hours": 1.0,
        "max_rss_mb": 512.5,
        "gpus": ["NVIDIA H100"],
        "gpu_energy_kwh": 2.0,
    }


def test_the_larger_of_what_a_job_and_snakemake_measured_counts(results):
    """Of a job of the warm process Snakemake sees the client, of several processes each sees one."""
    inside = json.dumps({"cpu_seconds": 40.0, "max_rss_mb": 700.0})
    (results / "logs/evaluate.log").write_text(f"{job_meter.MARK}{inside}\n")
    (results / "logs/train/tiny/final.log").write_text(f"{job_meter.MARK}{inside}\n")
    jobs = job_records.read(results)
    assert (jobs["evaluate"]["cpu_seconds"], jobs["evaluate"]["max_rss_mb"]) == (40.0, 700.0)
    assert jobs["train/tiny/final"]["cpu_seconds"] == 3600.0
    assert jobs["train/tiny/final"]["max_rss_mb"] == 700.0


def test_every_tool_that_was_used_is_cited_and_no_other(recorded):
    assert set(recorded["citations"]) == {"snakemake", "geo", "rocrate", "torch", "numpy"}
    assert {"deseq2", "gpt2"} <= set(citations.of({"pydeseq2", "transformers"}))


def test_the_crate_can_be_read_and_names_sources_results_and_software(results, recorded):
    (results / crate.FILE).write_text(json.dumps(crate.describe(results)))
    read = ROCrate(results)
    run = read.dereference("#run")
    assert [file["sha256"] for file in run["object"]] == ["abc"]
    assert {file.id for file in run["result"]} == {"report.html", "provenance.json"}
    assert read.dereference("#software-torch")["softwareVersion"] == "2.2"
    assert run["instrument"]["softwareVersion"] == recorded["epigpt"]["git"]
    assert len(read.root_dataset["citation"]) == len(recorded["citations"])


def test_a_stage_leaves_its_record_in_its_log(tmp_path, root):
    code = "import numpy\nfrom epigpt.stages import entry\nwith entry.job('') as job: pass"
    log = tmp_path / "a.log"
    subprocess.run(
        [sys.executable, "-c", code, "--log", str(log)], cwd=root / "workflow", check=True
    )
    (tmp_path / "logs").mkdir()
    log.rename(tmp_path / "logs" / "a.log")
    record = job_records.read(tmp_path)["a"]
    assert record["versions"]["numpy"]
    assert record["python"].startswith("3.11")
    assert "energy_joules" not in record


class Rounds:
    """Stands for the event that ends a job: it comes after this many waits, which take no time."""

    def __init__(self, rounds: int) -> None:
        self.rounds, self.waited = rounds, []

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return len(self.waited) > self.rounds

    def set(self) -> None:
        pass


def test_energy_is_that_of_the_gpus_a_job_may_use(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\necho 'GPU-a, NVIDIA H100, 100.0'\necho 'GPU-b, NVIDIA H100, 900.0'\necho"
        " 'GPU-c, Old, [N/A]'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    # Looked at by the job as it begins, by its thread three times, by the job as it ends.
    looks = iter([0.0, 1.0, 3.0, 7.0, 9.04])
    monkeypatch.setattr(job_meter, "time", SimpleNamespace(monotonic=lambda: next(looks)))
    rounds = Rounds(2)
    monkeypatch.setattr(
        job_meter, "threading", SimpleNamespace(Event=lambda: rounds, Thread=threading.Thread)
    )
    meter = job_meter.JobMeter(seconds=5.0)
    meter._thread.join()
    record = meter.record()
    assert record["gpus"] == ["NVIDIA H100"]
    assert record["energy_joules"] == 100 * (7 - 1)
    assert record["seconds"] == 9.0
    assert rounds.waited == [5.0, 5.0, 5.0]
