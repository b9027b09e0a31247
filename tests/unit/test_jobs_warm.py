"""Jobs that are forked from the run's warm process: they cannot be told from jobs that started by
themselves, and where they could be, they do start by themselves."""

import importlib.util
import os
import resource
import signal
import socket
import subprocess
import sys
import time

import pytest

import bare_process
from epigpt.jobs import warm_client, warm_imports
from warm_run import Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    yield run
    run.end()


def test_a_warm_job_is_as_one_that_started_by_itself(run):
    cold = run.echo(code=3)
    server = run.warm()
    warm = run.echo(code=3)
    assert cold["parent"] == os.getpid()
    assert warm["parent"] == server
    assert {**warm, "parent": 0} == {**cold, "parent": 0}
    assert warm["input"] == "what is read"


def test_what_follows_a_stage_is_imported_while_nobody_asks(run):
    server = run.warm()
    imported = run.folder / "imported"
    for _ in range(500):
        if imported.exists() and imported.read_text():
            break
        time.sleep(0.02)
    assert int(imported.read_text()) == server
    imported.unlink()
    assert run.echo()["parent"] == server
    assert not imported.exists()


def test_a_job_with_other_surroundings_starts_by_itself(run):
    run.warm()
    assert run.echo(environment={"OMP_NUM_THREADS": "7"})["parent"] == os.getpid()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = {
        "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft // 2, hard)),
    }
    assert run.echo(**limit)["parent"] == os.getpid()
    assert run.echo(preexec_fn=lambda: os.nice(1))["parent"] == os.getpid()


def test_a_stopped_server_is_done_without(run, monkeypatch):
    server = run.warm()
    source = run.jobs / "warm_client.py"
    source.write_text(source.read_text().replace("ANSWER_SECONDS = 120.0", "ANSWER_SECONDS = 0.2"))
    os.kill(server, signal.SIGSTOP)
    assert run.echo()["parent"] == os.getpid()
    os.kill(server, signal.SIGCONT)
    assert run.echo()["parent"] in (server, os.getpid())


def test_what_is_no_stage_is_not_run_warm(run):
    run.warm()
    process = run.start("echo.main")
    process.communicate()
    assert process.returncode == 1


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be another user")
def test_another_user_gets_no_answer(run):
    run.warm()
    code = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect('\\0' + sys.argv[1]); print(s.recv(9))"
    done = subprocess.run(
        ["/usr/bin/python3", "-c", code, _name(run)], user=65534, capture_output=True, text=True
    )
    assert done.stdout == "b''\n", done.stderr


def _name(run: Run) -> str:
    code = "import runpy; print(runpy.run_path('epigpt/jobs/warm_client.py')['address']()[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=run.environment,
        cwd=run.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rstrip("\n")


def test_a_socket_of_another_user_is_not_spoken_to(monkeypatch):
    here, there = socket.socketpair()
    with here, there:
        assert warm_client.peer_is_user(here)
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        assert not warm_client.peer_is_user(here)


@pytest.mark.slow
def test_what_the_server_imports_is_there_and_starts_no_thread(root):
    code = (
        "import importlib, os, sys\n"
        "os.environ['JE_ARROW_MALLOC_CONF'] = 'background_thread:false'\n"
        "from epigpt.jobs.warm_imports import IMPORTED\n"
        "for stage, names in IMPORTED.items():\n"
        "    for name in (f'epigpt.stages.{stage}', *names): importlib.import_module(name)\n"
        "print(len(os.listdir('/proc/self/task')), sys.modules['torch'].cuda.is_initialized())"
    )
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = bare_process.run(code, root, **threads)
    assert done.stdout == "1 False\n", done.stderr


def test_stages_whose_modules_are_imported_are_stages():
    names = {*warm_imports.IMPORTED, *warm_imports.FOLLOWING}
    names |= {name for following in warm_imports.FOLLOWING.values() for name in following}
    for name in names:
        assert importlib.util.find_spec(f"epigpt.stages.{name}"), name
