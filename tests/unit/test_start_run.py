"""The run that `epigpt start` begins: one in a folder, what its screen shows, how it ends."""

import fcntl
import json
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

import bare_process
from epigpt.errors import InputError
from epigpt.start import run, screen
from epigpt.start.screen import RunScreen, in_words


def test_two_starts_in_one_folder(tmp_path):
    lock = tmp_path / ".snakemake" / "epigpt-start.lock"
    lock.parent.mkdir()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="goes on already"):
            run.snakemake(tmp_path, tmp_path / "config.yaml", [], {})


def test_a_killed_run_is_unlocked_and_another_programs_lock_is_not(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: commands.append(command))
    stand_in = SimpleNamespace(wait=lambda: 0)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: stand_in)
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").touch()
    with (tmp_path / "screen").open("w") as screen:
        monkeypatch.setattr(sys, "stdout", screen)
        run.snakemake(tmp_path, tmp_path / "config.yaml", [], {})
        assert commands == []
        (tmp_path / ".snakemake" / "epigpt-start.lock").write_text("running\n")
        run.snakemake(tmp_path, tmp_path / "config.yaml", [], {})
    assert [command[-1] for command in commands] == ["--unlock"]
    assert (tmp_path / ".snakemake" / "epigpt-start.lock").read_text() == ""


@pytest.mark.parametrize("status", [run.STOPPED, -signal.SIGTERM, 1])
def test_what_ends_a_run_that_did_not_finish(tmp_path, status):
    (tmp_path / "said.txt").touch()
    told = run.outcome(
        tmp_path, "a", status, began=0, said=tmp_path / "said.txt", again="epigpt start a --yes"
    )
    assert "un the same command to resume:\n  epigpt start a --yes" in told
    assert "Stopped." in told or "a: " in told


def test_a_finished_run_ends_with_the_sentence_over_its_page(tmp_path):
    folder = tmp_path / "results" / "a"
    folder.mkdir(parents=True)
    (folder / "report.html").touch()
    told = {"sentence": "Too few mice to answer."}
    (folder / "verdict.json").write_text(json.dumps(told), encoding="utf-8")
    ended = run.outcome(tmp_path, "a", 0, began=0, said=tmp_path / "said", again="")
    assert ended.splitlines()[0] == "Too few mice to answer."
    assert f"The report: {folder / 'report.html'}" in ended


def test_a_run_of_which_no_job_began_ends_with_what_snakemake_said(tmp_path):
    said = tmp_path / "said.txt"
    said.write_text("Error: Directory cannot be locked.\n")
    told = run.outcome(tmp_path, "a", 1, began=0, said=said, again="epigpt start a --yes")
    assert "no job could begin" in told
    assert "Error: Directory cannot be locked." in told


@pytest.mark.slow
def test_told_to_end_it_tells_snakemake(root):
    """As a scheduler or a system that shuts down does it: SIGTERM to one process alone."""
    code = """
import os, signal, subprocess, sys, threading
from epigpt.start import run
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run behind `&`
waits = "import time, signal\\ntry: time.sleep(60)\\nexcept KeyboardInterrupt: raise SystemExit(7)"
child = subprocess.Popen([sys.executable, "-c", waits])
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
with run._told_to_end(child):
    print(run._ended(child), child.poll())
"""
    done = bare_process.run(code, root)
    assert done.stdout.split() == ["130", "7"], done.stderr


@pytest.mark.slow
def test_a_start_of_snakemake_imports_no_installed_epigpt(root):
    """It imports every plugin, and the package has to be that of the Snakefile's checkout."""
    code = "import sys, snakemake.cli; snakemake.cli.get_argument_parser(); "
    code += "print('snakemake_logger_plugin_epigpt' in sys.modules, 'epigpt' in sys.modules)"
    done = bare_process.run(code, root)
    assert done.stdout.split() == ["True", "False"], done.stderr


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_screen_of_a_run():
    said, clock = [], Clock()
    shown = RunScreen(said.append, expected={"models": 80.0}, clock=clock)
    shown.planned({"download": 1, "models": 1, "all": 1, "total": 3})
    shown.begun(1, "download", "a")
    assert shown.seconds_left() is None
    clock.now = 16.0
    shown.ended(1)
    shown.progress(1, 3)
    # The first job took twice what was expected of it, and so may the rest.
    assert shown.seconds_left() == pytest.approx(160)
    shown.begun(2, "models", "a")
    shown.begun(3, "models", "a")
    shown.failed("models", "a", "results/a/logs/models.log")
    shown.begun(4, "all", "")
    assert said == [
        "3 jobs to run, more where a stage decides which.\n",
        "  0:00  1 of 3  downloading, a\n",
        "  0:16  2 of 3  training GPT-2 and attributing it, a  (about 3 min left)\n",
        "  0:16  FAILED: training GPT-2 and attributing it, a; log: results/a/logs/models.log\n",
    ]


def test_a_screen_that_is_no_terminal_is_never_silent_for_long():
    said, clock = [], Clock()
    shown = RunScreen(said.append, clock=clock)
    shown.planned({"null": 3, "total": 3})
    for job in range(3):
        shown.begun(job, "null", "a")
    for done in (1, 2):
        clock.now += 40
        shown.ended(done)
        shown.progress(done, 3)
    assert said[-1] == "  1:20  2 of 3 done  (about 40 s left)\n"
    assert len(said) == 3


def test_every_rule_has_words(root):
    rules = re.findall(
        r"^ *(?:use rule \w+ as|rule|checkpoint) (\w+)\b",
        "\n".join(path.read_text() for path in sorted((root / "rules").glob("*.smk"))),
        re.MULTILINE,
    )
    assert len(rules) > 20
    assert set(rules) - {"all", "fetch"} <= screen.IN_WORDS.keys()


def test_the_screen_of_a_terminal_is_one_line():
    said, clock = [], Clock()
    shown = RunScreen(said.append, live=True, clock=clock, columns=60)
    shown.planned({"download": 1, "counts": 1, "total": 2})
    shown.begun(1, "download", "a" * 80)
    shown.ended(1)
    shown.progress(1, 2)
    text = "".join(said)
    assert text.count("\n") == 1
    assert all(len(part) < 60 for part in text.split("\r"))
    assert "1 of 2 jobs" in said[-1]
    shown.close()
    assert said[-1].strip() == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "10 s"), (62, "60 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words
