"""How jobs that are forked from the run's warm process end: by themselves, told to stop, killed, and with whom."""

import os
import signal
import sys
from pathlib import Path

import pytest

import bare_process
from epigpt.jobs import warm_client
from warm_run import Run, gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    yield run
    run.end()


def test_an_error_that_nobody_foresaw_shows_its_traceback(run):
    run.warm()
    process = run.start("fail")
    _, log = process.communicate()
    assert process.returncode == 1
    assert log.endswith("RuntimeError: a fault\n")


@pytest.mark.parametrize(("ends", "status", "said"), [("text", 1, "a text\n"), ("nothing", 0, "")])
def test_a_job_ends_as_an_interpreter_does(run, ends, status, said):
    for warm in (False, True):
        if warm:
            run.warm()
        process = run.start("leave", ends)
        out, log = process.communicate()
        folder, *words = out.splitlines()
        assert (process.returncode, log, words) == (status, said, ["a thread", "at the end"])
        assert not Path(run.folder, folder).exists()


def test_signals_reach_the_job(run):
    run.warm()
    client, process, _ = run.waiting()
    client.send_signal(signal.SIGTERM)
    out, _ = client.communicate()
    assert (client.returncode, out) == (143, "told to stop\n")
    assert gone(process)


def test_a_killed_client_takes_its_job_along(run):
    server = run.warm()
    client, process, _ = run.waiting()
    client.kill()
    assert gone(process)
    assert run.echo()["parent"] == server


def test_a_killed_job_is_reported_as_killed(run):
    run.warm()
    client, process, _ = run.waiting()
    os.kill(process, signal.SIGKILL)
    client.communicate()
    assert client.returncode == -signal.SIGKILL


def test_a_killed_server_takes_its_jobs_along_and_the_next_job_leaves_another(run):
    first = run.warm()
    client, process, server = run.waiting()
    assert server == first
    os.kill(server, signal.SIGKILL)
    client.communicate()
    assert client.returncode == -signal.SIGKILL
    assert gone(process)
    assert run.warm() != first


def test_the_server_ends_with_snakemake(run):
    server = run.warm()
    client, _, _ = run.waiting()
    run.snakemake.kill()
    run.snakemake.wait()
    client.send_signal(signal.SIGTERM)
    client.communicate()
    assert client.returncode == 143
    assert gone(server)


def test_a_job_told_to_stop_before_it_has_begun_says_nothing(root):
    """Ctrl-C reaches all processes of a run, also one that is being forked."""
    code = """
import os
os.environ["EPIGPT_PARENT"] = "host:1"
from epigpt.jobs import warm_client, warm_server
def stopped(self):
    raise KeyboardInterrupt
warm_client.address = lambda: f"\\0epigpt-test-{os.getpid()}"
warm_server.Server.serve = stopped
warm_server.sys.argv = ["warm_server", warm_client.address()[1:]]
warm_server.main()
"""
    done = bare_process.run(code, root)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_client_told_to_stop_while_it_imports_says_nothing(root):
    code = f"""
import runpy, signal, sys
class Stop:
    def find_spec(self, name, *_):
        if name == "json":
            signal.raise_signal(signal.SIGINT)
sys.modules.pop("json", None)
sys.meta_path.insert(0, Stop())
sys.argv = ["warm_client.py", "epigpt.stages.echo"]
runpy.run_path({warm_client.__file__!r}, run_name="__main__")
"""
    done = bare_process.run(code, root)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
