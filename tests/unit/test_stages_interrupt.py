"""Ctrl-C in a stage: no traceback, whenever it comes."""

import os
import signal
import subprocess
import sys
from pathlib import Path


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
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr == "Stopped from the keyboard.\n"
