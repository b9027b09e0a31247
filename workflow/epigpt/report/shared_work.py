"""Work that a forked process shares, where the job has a second core."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from epigpt.provenance import parent_watch


def each(tasks: Sequence[Callable[[], Any]], processes: int = 1) -> list[Any]:
    """Do each task once and return what they give, in their order.

    Parameters
    ----------
    tasks
        At most 255, which do not depend on each other; what they give can be pickled. They are
        begun in their order: the longest should come first.
    processes
        This one and those forked from it. What a forked one does not hand back, because it failed
        or was killed, is done again here, so that an error is raised as it would be by one process.
    """
    given: dict[int, Any] = {}
    if processes < 2 or not hasattr(os, "fork"):
        return [task() for task in tasks]
    context = get_context("fork")
    # A byte of the pipe is a task: whoever reads it does it.
    taken, offered = os.pipe()
    os.write(offered, bytes(range(len(tasks))))
    os.close(offered)
    helpers = []
    sys.stdout.flush()
    sys.stderr.flush()
    for _ in range(min(processes, len(tasks)) - 1):
        ours, theirs = context.Pipe(duplex=False)
        helper = context.Process(target=_help, args=(tasks, taken, theirs, os.getpid()))
        helper.start()
        theirs.close()
        helpers.append((helper, ours))
    try:
        while number := os.read(taken, 1):
            given[number[0]] = tasks[number[0]]()
        for _, ours in helpers:
            with suppress(EOFError):
                given |= ours.recv()
    finally:
        os.close(taken)
        for helper, ours in helpers:
            ours.close()
            helper.kill()
            helper.join()
    return [given[number] if number in given else task() for number, task in enumerate(tasks)]


def _help(
    tasks: Sequence[Callable[[], Any]], taken: int, back: "Connection[Any, Any]", parent: int
) -> None:
    parent_watch.die_with(parent)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the job that is told ends this one
    done: dict[int, Any] = {}
    with suppress(Exception):  # the job meets it itself
        while number := os.read(taken, 1):
            done[number[0]] = tasks[number[0]]()
    with suppress(Exception):
        back.send(done)
