"""Whole runs that are stopped: the results are those of a run that nobody disturbed."""

import signal
import subprocess
from pathlib import Path

import pytest

import quick_run
from faults import kills
from faults.kills import Stop
from faults.marked import MarkedRun

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults")]

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {**quick_run.CONFIG, "permutations": 0, "comparisons": ["finetuned_no_blocks"]}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    kills.prepare(folder, CONFIG, ["epilepsy"])
    assert kills.finish(folder) == []
    return folder


def test_killed_and_interrupted(undisturbed: Path, tmp_path: Path) -> None:
    """A share of what `make test-kills` does: each way to stop a run, the same command again."""
    stops = [
        Stop("interrupt", 1.0, "counts"),
        Stop("workflow", 4.0, "models"),
        Stop("all", 1.0, "evaluate"),
    ]
    folder = tmp_path / "run"
    wrong = kills.chain(folder, stops, kills.digests(undisturbed), CONFIG, ["epilepsy"])
    assert wrong == ([], len(stops))


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    kills.prepare(folder, CONFIG, ["epilepsy"])
    first = MarkedRun(ROOT, folder, ["results/epilepsy/counts.h5ad"])
    assert first.reaches("download"), first.text()
    # Held, so that it is still running however quick it is.
    first.process.send_signal(signal.SIGSTOP)
    second = subprocess.run(
        [*first.command, "results/epilepsy/counts.h5ad"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    first.process.send_signal(signal.SIGCONT)
    assert first.process.wait() == 0, first.text()
    assert second.returncode == 1
    assert second.stderr.count("cannot be locked") == 1
    assert "Traceback" not in second.stderr
    assert (folder / "results" / "epilepsy" / "counts.h5ad").is_file()
