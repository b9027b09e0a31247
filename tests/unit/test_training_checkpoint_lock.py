"""Orphans: one writer in a folder of checkpoints, and jobs that end with the workflow they are
part of."""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from epigpt.errors import InputError
from epigpt.provenance import parent_watch
from epigpt.training import checkpoint_lock

LOG = logging.getLogger("test")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
HOLDER = """
import logging, sys
from pathlib import Path
from epigpt.training import checkpoint_lock
checkpoint_lock.take(Path(sys.argv[1]), logging.getLogger("x"))
print("held", flush=True)
sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=60)


def test_a_second_writer_is_refused_and_named_the_first(tmp_path):
    first = holder(tmp_path / "fit")
    try:
        with pytest.raises(InputError, match=f"process {first.pid} on {socket.gethostname()}"):
            checkpoint_lock.take(tmp_path / "fit", LOG, patience=0.3)
    finally:
        ended(first)
    # A killed process holds nothing.
    checkpoint_lock.take(tmp_path / "fit", LOG, patience=5)
    checkpoint_lock.release(tmp_path / "fit")


def test_the_lock_of_a_folder_that_its_owner_deleted_is_taken_anew(tmp_path):
    folder = tmp_path / "fit"
    checkpoint_lock.take(folder, LOG)
    checkpoint_lock.take(folder, LOG)  # by the same process, as a rerun within it does
    shutil.rmtree(folder)
    checkpoint_lock.release(folder)
    checkpoint_lock.take(folder, LOG, patience=0.3)
    assert (folder / checkpoint_lock.NAME).is_file()
    checkpoint_lock.release(folder)


JOB = """
import sys, threading, time
sys.argv = ["job"]
from epigpt.stages import entry
with entry.job("A job."):
    try:
        watch = [one.name for one in threading.enumerate() if one.name == "parent"]
        print("running", *watch, flush=True)
        time.sleep(120)
    finally:
        print("tidied up", flush=True)
"""


def started(parent: int, host: str = "") -> subprocess.Popen[str]:
    environment = {
        **ENVIRONMENT,
        parent_watch.VARIABLE: f"{host or socket.gethostname()}:{parent}",
    }
    job = subprocess.Popen(
        [sys.executable, "-c", JOB],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    assert job.stdout is not None
    assert job.stdout.readline() == ("running\n" if host else "running parent\n")
    return job


def test_a_job_ends_and_tidies_up_when_its_workflow_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    job = started(parent.pid)
    parent.kill()
    parent.wait(timeout=60)
    told, _ = job.communicate(timeout=60)
    assert job.returncode == 128 + signal.SIGTERM
    assert f"process {parent.pid}) is gone" in told
    assert "tidied up" in told
    assert "Traceback" not in told


def test_a_job_of_another_machine_is_left_alone():
    ended(started(2**22 + 1, host="elsewhere"))
