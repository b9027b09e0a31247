"""Jobs that are forked from the run's warm process: they cannot be told from jobs that started by
themselves, and where they could be, they do start by themselves."""

import importlib.util
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bare_process
from epigpt.jobs import warm_client, warm_imports
from epigpt.provenance import parent_watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

ECHO = """
import json, os, sys
def main():
    print(json.dumps({"parent": os.getppid(), "arguments": sys.argv[1:], "folder": os.getcwd(),
        "environment": dict(os.environ), "input": sys.stdin.read()}))
    print("to the log", file=sys.stderr)
    sys.exit(int(sys.argv[1]))
if __name__ == "__main__":
    main()
"""
WAIT = """
import os, pathlib, signal, sys, time
def told(number, frame):
    print("told to stop", flush=True)
    sys.exit(143)
def main():
    signal.signal(signal.SIGTERM, told)
    pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {os.getppid()}")
    time.sleep(120)
"""
LATER = """
import os, pathlib
pathlib.Path("FOLDER/imported").write_text(str(os.getpid()))
def main():
    pass
"""
FAIL = """
def main():
    raise RuntimeError("a fault")
"""

LEAVE = """
import atexit, sys, tempfile, threading, time
def late():
    time.sleep(0.3)
    print("a thread")
def main():
    atexit.register(print, "at the end")
    folder = tempfile.TemporaryDirectory(dir=".")
    print(folder.name)
    threading.Thread(target=late).start()
    if sys.argv[1] == "text":
        sys.exit("a text")
    if sys.argv[1] == "nothing":
        sys.exit()
if __name__ == "__main__":
    main()
"""


class Run:
    """A library of three small stages, and a process in Snakemake's place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs = folder / "epigpt" / "jobs"
        stages = folder / "epigpt" / "stages"
        provenance = folder / "epigpt" / "provenance"
        for package in (self.jobs.parent, self.jobs, stages, provenance):
            package.mkdir()
            (package / "__init__.py").touch()
        shutil.copy(parent_watch.__file__, provenance)
        for name in ("warm_client", "warm_server", "warm_imports"):
            source = Path(warm_client.__file__).with_name(f"{name}.py")
            shutil.copy(source, self.jobs)
        with (self.jobs / "warm_imports.py").open("a") as file:
            file.write("IMPORTED = {'echo': ('no.such.module', 'decimal')}\n")
            file.write("FOLLOWING = {'echo': ('later',)}\n")
        later = LATER.replace("FOLDER", str(folder))
        for name, code in (
            ("echo", ECHO),
            ("wait", WAIT),
            ("fail", FAIL),
            ("leave", LEAVE),
            ("later", later),
        ):
            (stages / f"{name}.py").write_text(code)
        self.snakemake = subprocess.Popen(["sleep", "300"])
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "EPIGPT_PARENT": f"{socket.gethostname()}:{self.snakemake.pid}",
        }
        self.opened: list[subprocess.Popen] = []

    def start(self, stage: str, *words: str, **options) -> subprocess.Popen:
        client = [sys.executable, "-I", "-S", str(self.jobs / "warm_client.py")]
        environment = {**self.environment, **options.pop("environment", {})}
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(
            [*client, f"epigpt.stages.{stage}", *words],
            env=environment,
            text=True,
            cwd=self.folder,
            **{**pipes, **options},
        )
        self.opened.append(process)
        return process

    def echo(self, code: int = 0, **options) -> dict:
        process = self.start("echo", str(code), "an argument", **options)
        out, log = process.communicate("what is read")
        assert (process.returncode, log) == (code, "to the log\n")
        return json.loads(out)

    def warm(self) -> int:
        """Have a job leave the server, wait until another one is its child; return its number."""
        for _ in range(200):
            parent = self.echo()["parent"]
            if b"epigpt.jobs.warm_server" in Path(f"/proc/{parent}/cmdline").read_bytes():
                return parent
            time.sleep(0.05)
        raise AssertionError("no server")

    def waiting(self) -> tuple[subprocess.Popen, int, int]:
        """Start a job that waits; return its client and the numbers of its process and the server."""
        told = self.folder / "told"
        client = self.start("wait", str(told))
        while not told.exists() or " " not in told.read_text():
            time.sleep(0.02)
        process, server = map(int, told.read_text().split())
        return client, process, server

    def end(self) -> None:
        self.snakemake.kill()
        self.snakemake.wait()
        for process in self.opened:
            if process.poll() is None:
                process.kill()
            process.communicate()


def gone(process: int) -> bool:
    """Wait until a process is gone, or is waited for by nobody."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


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


def test_a_job_with_other_surroundings_starts_by_itself(run):
    run.warm()
    assert run.echo(environment={"OMP_NUM_THREADS": "7"})["parent"] == os.getpid()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = {
        "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft // 2, hard)),
    }
    assert run.echo(**limit)["parent"] == os.getpid()
    assert run.echo(preexec_fn=lambda: os.nice(1))["parent"] == os.getpid()


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


def test_a_stopped_server_is_done_without(run, monkeypatch):
    server = run.warm()
    source = run.jobs / "warm_client.py"
    source.write_text(source.read_text().replace("ANSWER_SECONDS = 120.0", "ANSWER_SECONDS = 0.2"))
    os.kill(server, signal.SIGSTOP)
    assert run.echo()["parent"] == os.getpid()
    os.kill(server, signal.SIGCONT)
    assert run.echo()["parent"] in (server, os.getpid())


def test_the_server_ends_with_snakemake(run):
    server = run.warm()
    client, _, _ = run.waiting()
    run.snakemake.kill()
    run.snakemake.wait()
    client.send_signal(signal.SIGTERM)
    client.communicate()
    assert client.returncode == 143
    assert gone(server)


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


def test_stages_whose_modules_are_imported_are_stages():
    names = {*warm_imports.IMPORTED, *warm_imports.FOLLOWING}
    names |= {name for following in warm_imports.FOLLOWING.values() for name in following}
    for name in names:
        assert importlib.util.find_spec(f"epigpt.stages.{name}"), name
