"""A run whose jobs are forked from a warm process, of small stages and a process in Snakemake's place."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from epigpt.jobs import warm_client
from epigpt.provenance import parent_watch

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
