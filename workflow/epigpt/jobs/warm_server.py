"""The warm process that small jobs are forked from; `warm_client` starts it and says why.

    python -m epigpt.jobs.warm_server NAME

It belongs to one Snakemake process and ends with it. It listens on a socket without a file and
answers processes of its own user alone. A job is forked only while this process has a single
thread, and only if the job's surroundings are exactly this process's. What a stage needs is
imported when its first job asks, or while nobody asks once a stage runs that it follows
(`warm_imports.FOLLOWING`), so that a run that ends before the counts never loads torch.
"""

import atexit
import gc
import importlib
import json
import os
import re
import selectors
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from epigpt.jobs import warm_client, warm_imports
from epigpt.provenance import parent_watch

# A client says all it has to say at once.
REQUEST_SECONDS = 60.0
# Nobody having asked for so long, something is imported ahead.
IDLE_SECONDS = 0.1
_STAGE = re.compile(r"epigpt\.stages\.[a-z_]+")
_ARROW = "JE_ARROW_MALLOC_CONF"


class _InChild(Exception):
    """This process is a job's: leave the server's loop and run it."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        super().__init__(command)


@dataclass(frozen=True)
class _Running:
    """A job's process and the connection to the client that waits for it."""

    number: int
    process: int
    client: socket.socket


class Server:
    """Waits for clients, and for the ends of jobs and of Snakemake.

    Parameters
    ----------
    listener
        The socket, listening.
    parent
        Number of the Snakemake process.
    """

    def __init__(self, listener: socket.socket, parent: int) -> None:
        self._listener = listener
        self._own = json.loads(json.dumps(warm_client.surroundings()))
        self._running: set[int] = set()
        self._parent_runs = True
        self._ahead: list[str] = []
        self._selector = selectors.DefaultSelector()
        self._watch(listener, self._accept)
        self._watch(os.pidfd_open(parent), self._parent_ended)

    def serve(self) -> None:
        """Import and fork until Snakemake and the last job have ended."""
        while self._parent_runs or self._running:
            asked = self._selector.select(IDLE_SECONDS if self._ahead else None)
            for key, _ in asked:
                key.data()
            if self._ahead and not asked:
                _import(self._ahead.pop(0))

    def _watch(self, what: Any, then: Callable[[], None]) -> None:
        self._selector.register(what, selectors.EVENT_READ, then)

    def _parent_ended(self) -> None:
        """Take no more jobs; those that run watch Snakemake themselves."""
        self._parent_runs = False
        for key in list(self._selector.get_map().values()):
            if key.data in (self._accept, self._parent_ended):
                self._selector.unregister(key.fileobj)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.settimeout(REQUEST_SECONDS)
        streams: list[int] = []
        try:
            request = _read(client) if warm_client.peer_is_user(client) else None
            if request is None or not self._fits(request):
                client.close()
                return
            stage = request["command"][0].rpartition(".")[2]
            _import(*warm_imports.modules(stage))
            if _threads() > 1:
                client.close()
                return
            client.sendall(b"ready\n")
            word, received, _, _ = socket.recv_fds(client, len(warm_client.GO), 3)
            streams += received
            if word != warm_client.GO or len(streams) != 3:
                client.close()
                return
            self._fork(client, request, streams)
            for following in warm_imports.FOLLOWING.get(stage, ()):
                self._ahead += warm_imports.modules(following)
        except (OSError, LookupError, TypeError, ValueError):
            client.close()
        finally:
            for stream in streams:
                with suppress(OSError):
                    os.close(stream)

    def _fits(self, request: dict[str, Any]) -> bool:
        known = _STAGE.fullmatch(request["command"][0])
        return known is not None and request["surroundings"] == self._own

    def _fork(self, client: socket.socket, request: dict[str, Any], streams: list[int]) -> None:
        server = os.getpid()
        number = os.fork()
        if number == 0:
            parent_watch.die_with(server)  # whose client then reports a killed job
            self._listener.close()
            client.close()
            for key in list(self._selector.get_map().values()):
                if isinstance(key.fileobj, int):
                    os.close(key.fileobj)
                elif isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()
            self._selector.close()
            for target, stream in enumerate(streams):
                os.dup2(stream, target)
            os.chdir(request["folder"])
            raise _InChild(request["command"])
        client.settimeout(None)
        running = _Running(number, os.pidfd_open(number), client)
        self._running.add(number)
        self._watch(running.process, partial(self._ended, running))
        self._watch(client, partial(self._client_ended, running))
        with suppress(OSError):
            client.sendall(f"{number}\n".encode())

    def _ended(self, running: _Running) -> None:
        _, status = os.waitpid(running.number, 0)
        self._selector.unregister(running.process)
        with suppress(KeyError):
            self._selector.unregister(running.client)
        with suppress(OSError):
            running.client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        running.client.close()
        os.close(running.process)
        self._running.discard(running.number)

    def _client_ended(self, running: _Running) -> None:
        """Kill a job whose client was killed, which could pass on every other signal."""
        self._selector.unregister(running.client)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(running.process, signal.SIGKILL)


def main() -> None:
    """Serve; in a forked process run its job instead."""
    name = "\0" + sys.argv[1]
    if warm_client.address() != name:
        return
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(name)
    except OSError:  # another job was quicker
        return
    listener.listen(128)
    parent = int(os.environ[warm_client.PARENT].rpartition(":")[2])
    try:
        _serve(Server(listener, parent))
    except KeyboardInterrupt:  # before the job itself could take note of it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)


def _serve(server: Server) -> None:
    try:
        server.serve()
    except _InChild as job:
        command = job.command
    else:
        return
    _run(command)


def _import(*wanted: str) -> None:
    """Import modules."""
    if all(name in sys.modules for name in wanted):
        return
    # Arrow's allocator would start a thread, and only a process with one can be forked safely.
    os.environ[_ARROW] = "background_thread:false"
    for name in wanted:
        # One that fails is left to the job, which says so.
        with suppress(Exception):
            importlib.import_module(name)
    del os.environ[_ARROW]
    # What is here stays: looking through it would copy its memory into every job.
    gc.collect()
    gc.freeze()


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _run(command: list[str]) -> NoReturn:
    """Run a job, and end this process without taking its libraries apart.

    An interpreter that ends looks at every object of every module once more, here the whole memory
    that is shared with the warm process: a third of a second in each job. `multiprocessing` ends
    its forked processes in the same way.
    """
    module, *arguments = command
    if numpy := sys.modules.get("numpy"):
        # What no seed decides differs between jobs, as it would if each had started by itself.
        numpy.random.seed()
    sys.argv = [module, *arguments]
    status = 0
    try:
        importlib.import_module(module).main()
    except SystemExit as ended:
        said = ended.code if ended.code is not None else 0
        status = said if isinstance(said, int) else 1
        if said is not status:
            print(said, file=sys.stderr)
    except Exception:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _read(client: socket.socket) -> dict[str, Any] | None:
    """Return the request, None where it is not whole."""
    head = client.recv(struct.calcsize("!Q"), socket.MSG_WAITALL)
    if len(head) != struct.calcsize("!Q"):
        return None
    (length,) = struct.unpack("!Q", head)
    parts = b""
    while len(parts) < length:
        part = client.recv(min(1 << 16, length - len(parts)))
        if not part:
            return None
        parts += part
    request: dict[str, Any] = json.loads(parts)
    return request


if __name__ == "__main__":
    main()
