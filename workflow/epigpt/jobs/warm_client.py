"""Run a stage in a process that is forked from a warm one, which has imported everything already.

    python -I -S warm_client.py epigpt.stages.NAME ARGUMENT ...

Most of a small job is imports. The first job of a run therefore leaves a server behind
(`warm_server`), which imports what stages need and forks a process for each job that asks. This
file is what stands in the job's place meanwhile: it hands over its arguments, folder and streams,
passes signals on, and ends as the job ends. Where anything is not as expected (no server yet,
another environment, limits, nice value or control group than the server's), it becomes the job
itself by `exec`, as if it had never been there. It imports little, for it starts with every job.
"""

# Ctrl-C ends this process without the traceback of an import, as `epigpt.stages` has it for jobs.
# The module `signal` itself imports for half of the time that all of them take.
import _signal

if __name__ == "__main__" and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import json
import os
import resource
import signal
import socket
import struct
import sys
from contextlib import suppress
from typing import Any, NoReturn

# Host and number of the Snakemake process, which the rules' shell fills in.
PARENT = "EPIGPT_PARENT"
SERVER = "epigpt.jobs.warm_server"
# A server that does not answer for so long, being stopped or without memory, is done without.
ANSWER_SECONDS = 120.0
GO = b"g"
# What a shell sets for itself, which tells nothing about a job.
_OF_THE_SHELL = {"_", "SHLVL", "PWD", "OLDPWD"}
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def main() -> NoReturn:
    """Have the stage run by the server, or become it."""
    command = sys.argv[1:]
    name = address()
    if name is None:
        _become(command)
    connection = _connect(name)
    if connection is None:
        _leave_server(name)
        _become(command)
    # From here on, a signal waits until there is a process to pass it on to.
    waiting = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    process = _ask(connection, command)
    if process is None:
        connection.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, waiting)
        _become(command)
    _pass_signals_on(process)
    signal.pthread_sigmask(signal.SIG_SETMASK, waiting)
    _end_as(_read_line(connection))


def address() -> str | None:
    """Return the name of the server's socket, None where there can be none.

    The name is in Linux's abstract namespace: no file is left over, no network reaches it. It names
    the user, the Snakemake process with its start, the interpreter and this copy of the package.
    """
    host, _, number = os.environ.get(PARENT, "").rpartition(":")
    if sys.platform != "linux" or not hasattr(os, "pidfd_open") or not number.isdigit():
        return None
    try:
        began = _start_of(int(number))
    except (OSError, IndexError):
        return None
    if host != socket.gethostname() or os.getpid() == 1:
        return None
    whole = f"{os.getuid()} {number} {began} {sys.executable} {os.path.realpath(__file__)}"
    return f"\0epigpt {whole}" if len(whole) < 90 else f"\0epigpt {_digest(whole)}"


def surroundings() -> dict[str, Any]:
    """Return what a process inherits and a job may depend on, beside its folder and streams.

    Returns
    -------
    dict
        Environment, user and groups, limits, nice value, cores, control groups, umask.
    """
    umask = os.umask(0o077)
    os.umask(umask)
    return {
        "environment": {
            key: value for key, value in os.environ.items() if key not in _OF_THE_SHELL
        },
        "user": [os.getuid(), os.geteuid(), os.getgid(), os.getegid(), sorted(os.getgroups())],
        "limits": {
            key: resource.getrlimit(getattr(resource, key))
            for key in dir(resource)
            if key.startswith("RLIMIT_")
        },
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "cores": sorted(os.sched_getaffinity(0)),
        "control groups": _read("/proc/self/cgroup"),
        "umask": umask,
    }


def peer_is_user(connection: socket.socket) -> bool:
    """Return whether the other end of a connection is a process of the same user, as the kernel
    says."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", told)
    return pid > 0 and uid == os.getuid()


def _connect(name: str) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(name)
        if peer_is_user(connection):
            return connection
    except OSError:
        pass
    connection.close()
    return None


def _ask(connection: socket.socket, command: list[str]) -> int | None:
    """Hand the job over; return a descriptor of its process, None if the server will not run it."""
    request = json.dumps(
        {"command": command, "folder": os.path.realpath("."), "surroundings": surroundings()}
    ).encode()
    connection.settimeout(ANSWER_SECONDS)
    try:
        connection.sendall(struct.pack("!Q", len(request)) + request)
        if _read_line(connection) != "ready":
            return None
    except OSError:
        return None
    # It waits for this word: a job that was given up is never started, and its streams, which have
    # readers waiting for their end, are not held by a server that never answered.
    connection.settimeout(None)
    with suppress(OSError):
        socket.send_fds(connection, [GO], [0, 1, 2])
    number = _read_line(connection)
    if not number.isdigit():
        # It forked nothing, or was killed just then and its fork with it.
        return None
    try:
        return os.pidfd_open(int(number))
    except ProcessLookupError:
        _end_as(_read_line(connection))


def _pass_signals_on(process: int) -> None:
    def forward(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, number)

    def stop(number: int, _: object) -> None:
        forward(signal.SIGSTOP, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        forward(signal.SIGCONT, None)

    for number in _FORWARDED:
        signal.signal(number, forward)
    signal.signal(signal.SIGTSTP, stop)


def _end_as(status: str) -> NoReturn:
    """Exit as the job did; a job whose server is gone was killed with it."""
    code = int(status) if status.lstrip("-").isdigit() else -signal.SIGKILL
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def _read_line(connection: socket.socket) -> str:
    line = b""
    while not line.endswith(b"\n"):
        try:
            part = connection.recv(1)
        except ConnectionError:
            part = b""
        if not part:
            return ""
        line += part
    return line.decode().strip()


def _leave_server(name: str) -> None:
    """Start the server as nobody's child, so that it counts for no job and outlasts this one."""
    if os.fork():
        os.wait()
        return
    try:
        os.setsid()
        if os.fork() == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nothing, stream)
            # Whoever reads from another one would wait for its end as long as the server runs.
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            os.execv(sys.executable, [sys.executable, "-m", SERVER, name[1:]])  # noqa: S606
    finally:
        os._exit(0)


def _become(command: list[str]) -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606


def _start_of(process: int) -> str:
    """Return when a process began, in clock ticks since the machine did."""
    return _read(f"/proc/{process}/stat").rpartition(")")[2].split()[19]


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 (pathlib is slow)
        return file.read()


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
