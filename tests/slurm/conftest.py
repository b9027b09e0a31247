"""A cluster for the tests of this folder; they are skipped where none can be started, and `make
test-slurm` installs what it takes."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

import project_copy
import quick_run

_spec = importlib.util.spec_from_file_location(
    "slurm_cluster", Path(__file__).with_name("cluster.py")
)
cluster = importlib.util.module_from_spec(_spec)
sys.modules["slurm_cluster"] = cluster
_spec.loader.exec_module(cluster)

CONFIG = {**quick_run.CONFIG, "datasets": "datasets.tsv", "epochs": 2, "permutations": 5}
TABLE = quick_run.table("epilepsy")
FIT = "results/epilepsy/models/tiny/repeat0/fold0"
TRAINING_LOG = "results/epilepsy/logs/train/tiny/repeat0/fold0.log"
# Two nodes with a CPU process each: what a preset of H100 nodes asks for, without the GPUs.
TWO_NODES = {
    "nodes": 2,
    "devices": 1,
    "device": "cpu",
    "device_memory_gb": 0,
    "node_memory_gb": 0,
    "bf16": False,
    "measured_tflops": 0.3,
    "hours": 1,
}
# Python imports this module by itself at every start; it plays a machine with little memory, and a
# training that takes ever more.
FAULTS = '''
import os, sys, threading, time
from pathlib import Path

if small := os.environ.get("FAULT_MACHINE_BYTES"):
    asked = os.sysconf
    os.sysconf = lambda name: int(small) // asked("SC_PAGE_SIZE") if name == "SC_PHYS_PAGES" else asked(name)


def hog(checkpoints):
    """Take ever more memory once a checkpoint is there, in one attempt only."""
    while not list(checkpoints.rglob("step-*")):
        time.sleep(0.05)
    Path(os.environ["FAULT_HOG"]).unlink()
    held = []
    while True:
        held.append(b"x" * 200_000_000)
        time.sleep(0.05)


if Path(os.environ.get("FAULT_HOG", "/nonexistent")).exists() and "--checkpoints" in sys.orig_argv:
    folder = Path(sys.orig_argv[sys.orig_argv.index("--checkpoints") + 1])
    threading.Thread(target=hog, args=(folder,), daemon=True).start()
'''


# Lines of the table of faults that the run closes with.
MEASURED = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter, config) -> None:
    if lines := config.stash.get(MEASURED, None):
        terminalreporter.section("faults on a real SLURM")
        for line in [
            (
                f"{'fault':<20} {'seconds':>7}  {'checkpoint seen':>15}  {'resumed after':>13} "
                f" {'of':>5} steps"
            ),
            *lines,
        ]:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def fault_table(request) -> list[str]:
    """Lines that are printed under the heading of the table at the end of the run."""
    return request.config.stash.setdefault(MEASURED, [])


@pytest.fixture(scope="session")
def slurm(request, tmp_path_factory) -> Iterator:
    """Nodes as large as those the presets are made for: what is asked for can be had, while the
    jobs are small."""
    if not any("slurm" in argument for argument in request.config.args):
        pytest.skip("run by `make test-slurm`")
    if reason := cluster.missing():
        pytest.skip(reason)
    # Where this was started in the background SIGINT is ignored, by all that it starts as well, and
    # nothing could be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    started = cluster.Cluster(
        tmp_path_factory.mktemp("cluster"), nodes=5, cpus=128, memory_mb=2_000_000, gpus=8
    )
    yield started
    for process in Site.started:  # those of tests that failed
        if process.poll() is None:
            process.kill()
            process.wait()
    started.stop()


@dataclass
class Site:
    """A clone of the project on a cluster and a folder for its results."""

    project: Path
    folder: Path
    started: ClassVar[list[subprocess.Popen]] = []

    def command(self, hardware: str = "cpu", **resources: str) -> list[str]:
        # A checkpoint every second or so, for the faults to find one.
        wanted = {"checkpoint_seconds": "1", **resources}
        return [
            sys.executable,
            "-m",
            "snakemake",
            "--profile",
            "slurm",
            "--directory",
            str(self.folder),
            "--configfile",
            str(self.folder / "config.yaml"),
            "--config",
            f"hardware={hardware}",
            "--slurm-init-seconds-before-status-checks",
            "2",
            "--latency-wait",
            "30",
            "--set-resources",
            *(f"train:{name}={value}" for name, value in wanted.items()),
        ]

    def start(
        self,
        *arguments: str,
        hardware: str = "cpu",
        resources: dict[str, str] | None = None,
        **environment: str,
    ) -> subprocess.Popen:
        """Start `snakemake --profile slurm` at the clone's root, `resources` those of training;
        `output()` gives what it says."""
        with (self.folder / "output.txt").open("w") as output:
            process = subprocess.Popen(
                [*self.command(hardware, **(resources or {})), *arguments],
                cwd=self.project,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def run(self, *arguments: str, seconds: float = 1200, **others: str) -> str:
        """Run it to its end, which must be a good one; gives its output."""
        started = self.start(*arguments, **others)
        status = started.wait(seconds)
        assert status == 0, self.output()
        return self.output()

    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def configure(self, **settings) -> None:
        mirror = (self.project / "config/demo/geo-mirror").as_uri()
        (self.folder / "config.yaml").write_text(
            yaml.safe_dump({**CONFIG, "geo": {"base_url": mirror}, **settings})
        )

    def copy(self, name: str) -> "Site":
        """Give a site with the same results in another folder."""
        folder = self.folder.with_name(name)
        shutil.copytree(self.folder, folder, symlinks=True)
        return Site(self.project, folder)

    @staticmethod
    def wait_for(look, complaint: str, seconds: float):
        return wait_for(look, complaint, seconds)

    def jobs(self) -> list[str]:
        """List the ids of this folder's jobs that wait or run."""
        asked = ["squeue", "-h", "-t", "PENDING,RUNNING,COMPLETING", "-o", "%i|%Z"]
        listed = subprocess.run(
            asked, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        return [
            number
            for number, place in (line.split("|", 1) for line in listed)
            if place == str(self.folder)
        ]

    def wait_for_job(self, seconds: float = 300) -> str:
        """Wait until this folder has a job in the queue."""
        return wait_for(lambda: next(iter(self.jobs()), ""), "no job was submitted", seconds)

    def wait_for_checkpoint(self, seconds: float = 600) -> int:
        """Wait until the training has a checkpoint; gives its step."""
        folder = self.folder / "results/epilepsy/checkpoints/tiny/repeat0/fold0"
        name = wait_for(
            lambda: max((path.name for path in folder.rglob("step-*")), default=""),
            "no checkpoint appeared",
            seconds,
        )
        return int(name.removeprefix("step-"))

    def resumed_at(self) -> int:
        """Give the step after which the last attempt of the training went on; 0: it started
        anew."""
        found = re.search(r"going on after step (\d+)", (self.folder / TRAINING_LOG).read_text())
        return int(found[1]) if found else 0


def wait_for(look, complaint: str, seconds: float):
    """Ask until there is an answer."""
    ends = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends, complaint
        time.sleep(0.1)
    return found


@pytest.fixture(scope="session")
def clone(tmp_path_factory, root) -> Path:
    """A copy of the project: one more hardware preset, and a module that can inject faults."""
    folder = tmp_path_factory.mktemp("clone") / "epigpt"
    project_copy.copy(root, folder, tests=False)
    (folder / "workflow/presets/hardware/two-nodes.yaml").write_text(yaml.safe_dump(TWO_NODES))
    (folder / "workflow/sitecustomize.py").write_text(FAULTS)
    return folder


@pytest.fixture(scope="session")
def demo(slurm, clone, tmp_path_factory) -> Site:
    """The demo's simulated series, small, run as a whole through sbatch."""
    site = Site(clone, tmp_path_factory.mktemp("runs") / "a run")
    site.folder.mkdir()
    (site.folder / "datasets.tsv").write_text(TABLE)
    site.configure()
    site.run()
    return site
