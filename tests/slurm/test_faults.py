"""What goes wrong on clusters: each run ends as an undisturbed one, trains on from its checkpoint,
leaves no job behind."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

FIT = "results/epilepsy/models/tiny/repeat0/fold0"
# Enough steps for the faults to find the training at work.
EPOCHS = 400
FILES = ("model.safetensors", "predictions.tsv", "training.jsonl")


def undisturbed(site, slurm) -> dict:
    site.run("--", f"{FIT}/predictions.tsv")
    return {}


def out_of_memory(site, slurm) -> dict:
    hog = site.folder / "hog"
    hog.touch()
    site.run("--", f"{FIT}/predictions.tsv", FAULT_HOG=str(hog))
    return {"hogged": not hog.exists()}


def time_limit(site, slurm) -> dict:
    # SLURM counts limits in minutes; a short training is held up until its minutes are over; two,
    # since it takes a while to start.
    started = site.start("--", f"{FIT}/predictions.tsv", resources={"runtime": "2*attempt"})
    site.wait_for_job()
    step = site.wait_for_checkpoint()
    stopped = _training(site)
    os.kill(stopped, signal.SIGSTOP)
    _wait_until_gone(stopped, 400)
    assert started.wait(1200) == 0, site.output()
    return {"step": step}


def node_killed(site, slurm) -> dict:
    # Alone on its node: a job of another fault would be given up with the node, its processes being
    # alive.
    started = site.start("--", f"{FIT}/predictions.tsv", resources={"slurm_extra": "'--exclusive'"})
    number = site.wait_for_job()
    step = site.wait_for_checkpoint()
    node = subprocess.run(
        ["squeue", "-h", "-j", number, "-o", "%N"], capture_output=True, text=True, check=True
    ).stdout.strip()
    os.kill(slurm.node_pid(node), signal.SIGKILL)
    for pid in _descendants(_steps_of(number)):  # with a node its processes are gone as well
        _kill(pid)
    assert started.wait(1200) == 0, site.output()
    slurm.start_node(node)
    return {"step": step, "node": node}


def cancelled(site, slurm) -> dict:
    started = site.start("--", f"{FIT}/predictions.tsv")
    number = site.wait_for_job()
    step = site.wait_for_checkpoint()
    subprocess.run(["scancel", number], check=True)
    assert started.wait(1200) == 0, site.output()
    return {"step": step}


def snakemake_killed(site, slurm) -> dict:
    started = site.start("--", f"{FIT}/predictions.tsv")
    number = site.wait_for_job()
    step = site.wait_for_checkpoint()
    started.kill()
    started.wait(10)
    assert number in site.jobs()
    subprocess.run(
        [*site.command(), "--unlock"],
        cwd=site.project,
        check=True,
        capture_output=True,
        timeout=120,
    )
    output = site.run("--", f"{FIT}/predictions.tsv")
    return {
        "step": step,
        "told": f"Cancelled 1 jobs that an earlier run left in the queue: {number}." in output,
    }


FAULTS: dict[str, Callable] = {
    fault.__name__: fault
    for fault in (undisturbed, time_limit, node_killed, out_of_memory, cancelled, snakemake_killed)
}


def _training(site) -> int:
    """Find the process that trains in a site's folder."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            if (
                b"epigpt.stages.train" in command
                and command[0].endswith(b"python")
                and (folder / "cwd").resolve() == site.folder.resolve()
            ):
                return int(folder.name)
        except OSError:
            continue
    raise AssertionError("no training is at work")


def _steps_of(job: str) -> list[int]:
    """List the processes of SLURM that look after a job."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [int(line.split()[0]) for line in listed if f"slurmstepd: [{job}." in line]


def _descendants(pids: list[int]) -> list[int]:
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    pairs = [tuple(map(int, line.split())) for line in listed]
    found, waiting = [], list(pids)
    while waiting:
        found.append(waiting.pop())
        waiting += [pid for pid, parent in pairs if parent == found[-1]]
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _wait_until_gone(pid: int, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < ends, f"process {pid} outlived its job's time limit"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def runs(demo, slurm) -> Iterator[dict[str, tuple]]:
    """Every fault in a folder of its own, three at a time, since most of their time is waiting."""
    sites = {}
    for name in FAULTS:
        sites[name] = demo.copy(f"fault {name}")
        sites[name].configure(epochs=EPOCHS)
        # The finished run's models are another rule's folders: this one fit is to be trained anew.
        for folder in ("models", "checkpoints"):
            shutil.rmtree(sites[name].folder / "results" / "epilepsy" / folder, ignore_errors=True)

    def happen(name: str) -> tuple[dict, float]:
        began = time.monotonic()
        return FAULTS[name](sites[name], slurm), time.monotonic() - began

    with ThreadPoolExecutor(3) as pool:
        futures: dict[str, Future] = {name: pool.submit(happen, name) for name in FAULTS}
        yield {name: (sites[name], future) for name, future in futures.items()}


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "undisturbed"])
def test_a_fault_changes_nothing(runs, slurm, fault, fault_table):
    reference, undisturbed_run = runs["undisturbed"]
    undisturbed_run.result()
    site, future = runs[fault]
    told, seconds = future.result()
    resumed = site.resumed_at()
    fault_table.append(
        f"{fault:<20} {seconds:>7.0f}  {told.get('step', '-'):>15}  {resumed:>13} "
        f" {_steps(reference):>5}"
    )
    assert all(value is not False for value in told.values()), told
    assert resumed >= max(1, told.get("step", 1))
    assert reference.resumed_at() == 0
    for name in FILES:
        assert _content(site, name) == _content(reference, name), name
    assert site.jobs() == []


def _steps(site):
    return len((site.folder / FIT / "training.jsonl").read_text().splitlines())


def _content(site, name):
    path = site.folder / FIT / name
    if name != "training.jsonl":
        return path.read_bytes()
    return [(line["step"], line["loss"]) for line in map(json.loads, path.read_text().splitlines())]


def test_nothing_is_left_in_the_queue(runs, slurm):
    for _, future in runs.values():
        future.result()
    assert slurm.jobs() == []
