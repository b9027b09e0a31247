"""Ctrl-C in a stage: no traceback, whenever it comes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def begin(root: Path, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a stage whose first import of a library says so and then waits."""
    (folder / "numpy.py").write_text("print('waiting', flush=True)\nimport time\ntime.sleep(60)\n")
    return subprocess.Popen(
        [sys.executable, "-m", "epigpt.stages.folds", "--settings", "{}", "--expression", "none"],
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}:{root / 'workflow'}",
            "PYTHONSAFEPATH": "1",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def test_while_libraries_are_imported(root: Path, tmp_path: Path) -> None:
    with begin(root, tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said


def test_importing_a_stage_leaves_ctrl_c_alone() -> None:
    code = "import signal, epigpt.stages; print(signal.getsignal(2) is signal.default_int_handler)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert done.stdout == "True\n"


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, "Stopped from the keyboard.\n"),
        (signal.SIGTERM, 143, "Told to stop; nothing unfinished is left under a final name.\n"),
    ],
)
def test_a_signal_while_an_object_is_finalised(
    tmp_path: Path, number: signal.Signals, status: int, said: str
) -> None:
    code = (
        "import os, signal, time\n"
        "from epigpt.stages import entry\n"
        "class Finalised:\n"
        "    def __del__(self):\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "        time.sleep(60)\n"
        "with entry.job('A job.'):\n"
        "    Finalised()\n"
        "    time.sleep(60)\n"
    )
    done = run(code, tmp_path)
    assert (done.returncode, done.stderr) == (status, said)


def test_a_library_that_makes_another_error_of_ctrl_c(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from epigpt.stages import entry\n"
        "with entry.job('A job.'):\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        signal.pause()\n"
        "    except BaseException:\n"
        "        raise ImportError('numpy failed to import') from None\n"
    )
    done = run(code, tmp_path)
    assert done.returncode == 130, done.stderr
    assert done.stderr == "Stopped from the keyboard.\n"
