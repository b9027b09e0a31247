"""Work shared with forked processes: what one process would give."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from epigpt.report import shared_work


def together(number, marks, processes):
    """Wait until every process has begun a task, which one that never comes ends after 20 s."""
    (marks / f"{number} {os.getpid()}").touch()
    for _ in range(2000):
        if len({mark.name.split()[1] for mark in marks.iterdir()}) >= processes:
            break
        time.sleep(0.01)
    return number * number


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_each_task_is_done_once_and_answers_stand_in_order(tmp_path, processes):
    tasks = [partial(together, number, tmp_path, processes) for number in range(8)]
    assert shared_work.each(tasks, processes) == [number * number for number in range(8)]
    done = [mark.name.split() for mark in tmp_path.iterdir()]
    assert sorted(number for number, _ in done) == sorted(map(str, range(8)))
    assert len({process for _, process in done}) == processes


def test_there_may_be_nothing_to_do():
    assert shared_work.each([], 2) == []


def fails_elsewhere(at):
    time.sleep(0.05)
    if os.getpid() != at:
        raise OSError(28, "No space left on device")
    return "done"


def test_what_another_process_could_not_do_is_done_here():
    assert shared_work.each([partial(fails_elsewhere, os.getpid())] * 6, 2) == ["done"] * 6


def dies_elsewhere(at):
    time.sleep(0.05)
    if os.getpid() != at:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def test_what_a_killed_process_took_is_done_here():
    assert shared_work.each([partial(dies_elsewhere, os.getpid())] * 6, 2) == ["done"] * 6


def fails():
    time.sleep(0.05)
    raise OSError(28, "No space left on device")


def test_an_error_is_raised_as_by_one_process():
    with pytest.raises(OSError, match="No space left"):
        shared_work.each([fails] * 4, 2)


UNENDING = """
import os, pathlib, signal, sys, time
from functools import partial
from epigpt.report import shared_work
def wait(folder):
    (pathlib.Path(folder) / str(os.getpid())).touch()
    time.sleep(120)
# Whoever runs tests in the background hands down an interrupt that is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
shared_work.each([partial(wait, sys.argv[1])] * 2, 2)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_runs_on_when_the_job_ends(tmp_path, number):
    job = subprocess.Popen([sys.executable, "-c", UNENDING, str(tmp_path)], stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    (helper,) = {int(mark.name) for mark in tmp_path.iterdir()} - {job.pid}
    job.send_signal(number)
    job.communicate(timeout=60)
    while Path(f"/proc/{helper}").is_dir() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{helper}").is_dir()
