"""`epigpt start`: what it proposes, what it writes and never writes over, what it refuses before
anything is fetched, what a run shows, and how it ends."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest

import quick_run
from epigpt.cli import main
from epigpt.config import dataset_table
from epigpt.config.settings import Settings
from epigpt.errors import InputError
from epigpt.models.choice import Devices
from epigpt.start import cost, run, screen
from epigpt.start.screen import RunScreen, in_words
from epigpt.training import machine


@pytest.fixture
def start(root, tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder, its Snakemake a stand-in; gives status and output."""
    monkeypatch.chdir(tmp_path)
    began = []

    def stand_in(directory, config, arguments, expected):
        began.append((config, arguments, expected))
        report = directory / "results" / dataset_table.read(config.with_suffix(".tsv"))[0].dataset
        report.mkdir(parents=True)
        (report / "report.html").write_text("")
        return 0, directory / "said"

    monkeypatch.setattr(run, "snakemake", stand_in)
    mirror = (root / "config" / "demo" / "geo-mirror").as_uri()

    def command(source, *more):
        given = ["--base-url", mirror] if source.startswith("GSE") else []
        try:
            status = main(["start", source, *given, *more])
        finally:
            said = capsys.readouterr()
        return SimpleNamespace(status=status, text=said.out + said.err, began=began)

    return command


def table(folder: Path) -> str:
    names = [f"S{number}" for number in range(1, 9)]
    rows = [",".join(["gene", *names])]
    rows += [f"ENSG{number:011d}," + ",".join(["7"] * 8) for number in range(1, 40)]
    (folder / "my counts.csv").write_text("\n".join(rows) + "\n")
    sheet = [f"{name},{'ko' if number % 2 else 'wt'}" for number, name in enumerate(names)]
    (folder / "sheet.csv").write_text("\n".join(["sample,genotype", *sheet]) + "\n")
    return "my counts.csv"


def test_a_series_is_proposed_written_and_run(start, tmp_path):
    asked = start("GSE9000001")
    assert asked.status == 0
    assert "condition: control 12, epilepsy 12" in asked.text
    assert "Nothing was written" in asked.text
    assert not (tmp_path / "config").exists()
    done = start("GSE9000001", "--yes", "--group", "litter", "--cores", "1")
    assert done.status == 0, done.text
    row = dataset_table.read(tmp_path / "config" / "GSE9000001.tsv")[0]
    assert (row.label, row.case, row.control, row.group) == (
        *("condition", "epilepsy", "control"),
        "litter",
    )
    config, arguments, expected = done.began[0]
    assert config == tmp_path / "config" / "GSE9000001.yaml"
    assert arguments == ["--cores", "1"]
    assert expected["models"] > 0
    assert str(tmp_path / "results" / "GSE9000001" / "report.html") in done.text


def test_files_that_are_there_are_taken_up(start, tmp_path):
    start("GSE9000001", "--yes")
    config = tmp_path / "config" / "GSE9000001.yaml"
    config.write_text(config.read_text() + "model: tiny\n# mine\n")
    before = config.read_bytes()
    again = start("gse9000001")
    assert "Taken up" in again.text
    assert config.read_bytes() == before
    other = start("GSE9000001", "--yes", "--label", "sex")
    assert other.status == 1
    assert "an earlier start wrote 'condition'" in other.text
    assert config.read_bytes() == before
    followed = start("GSE9000001", "--yes", "--label", "sex", "--name", "by_sex")
    assert followed.status == 0, followed.text
    assert dataset_table.read(tmp_path / "config" / "by_sex.tsv")[0].label == "sex"


def test_another_source_under_the_name_of_an_earlier_start_is_refused(start, tmp_path):
    named = table(tmp_path)
    assert start(named, "--samples", "sheet.csv", "--yes", "--name", "mine").status == 0
    assert start(named, "--samples", "sheet.csv", "--name", "mine").status == 0
    (tmp_path / "other.csv").write_text((tmp_path / "sheet.csv").read_text())
    for source, more in ((named, ["--samples", "other.csv"]), ("other.csv", [])):
        refused = start(source, *more, "--name", "mine")
        assert refused.status == 1
        assert "other.csv, where an earlier start wrote" in refused.text
    other = start("GSE9000001", "--name", "mine")
    assert "--base-url" in other.text or "SOURCE" in other.text
    followed = start(named, "--samples", "other.csv", "--yes", "--name", "mine_too")
    assert followed.status == 0, followed.text


def test_another_mirror_on_the_second_call_is_refused(start, tmp_path):
    start("GSE9000001", "--yes")
    (tmp_path / "mirror").mkdir()
    refused = start("GSE9000001", "--base-url", "mirror")
    assert refused.status == 1
    assert "--base-url" in refused.text


@pytest.mark.parametrize(
    ("option", "text", "followed"),
    [("--cores", "0", "4"), ("--cores", "two", "all"), ("--name", "../a b", "my_data")],
)
def test_what_no_run_can_be_made_of_is_refused_first(start, tmp_path, option, text, followed):
    refused = start("GSE9000001", "--yes", option, text)
    assert refused.status == 1
    assert f"such as {option} {followed}" in refused.text or f"{option} {followed}" in refused.text
    assert list(tmp_path.iterdir()) == []
    assert start("GSE9000001", "--yes", option, followed).status == 0


def test_samples_that_may_belong_together_are_named(start):
    told = start("GSE52778")
    assert "the group is then 'cell line'" in told.text
    assert "the group is" not in start("GSE52778", "--group", "cell line").text
    assert "the group is" not in start("GSE52778", "--group", "sample").text


def test_the_table_of_counts_is_no_sheet(start, tmp_path):
    named = table(tmp_path)
    rows = [f"ENSG{number:011d},1,2" for number in range(600)]
    (tmp_path / "large.csv").write_text("\n".join(["gene,S1,S2", *rows]) + "\n")
    for source, sheet in ((named, named), ("sheet.csv", "large.csv")):
        refused = start(source, "--samples", sheet, "--yes")
        assert refused.status == 1
        assert "a sample sheet has a row for each sample" in refused.text
    assert "name a file of it" in start(".", "--yes").text


def test_a_table_needs_its_sheet(start, tmp_path):
    named = table(tmp_path)
    refused = start(named, "--yes")
    assert refused.status == 1
    assert "--samples SHEET" in refused.text
    done = start(named, "--samples", "sheet.csv", "--yes")
    assert done.status == 0, done.text
    row = dataset_table.read(tmp_path / "config" / "my_counts.tsv")[0]
    assert row.source == str(tmp_path / "my counts.csv")
    assert row.label == "genotype"


def test_an_h5ad_file_describes_itself(start, tmp_path):
    names = [f"S{number}" for number in range(8)]
    obs = pd.DataFrame({"treatment": ["drug", "vehicle"] * 4}, index=names)
    anndata.AnnData(np.ones((8, 30), dtype=np.float32), obs=obs).write_h5ad(tmp_path / "2x.h5ad")
    done = start("2x.h5ad", "--yes")
    assert done.status == 0, done.text
    row = dataset_table.read(tmp_path / "config" / "data_2x.tsv")[0]
    assert (row.label, row.assay) == ("treatment", "bulk")


def test_a_model_too_large_is_refused_before_anything_is_written(start, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: 4_000_000_000)
    monkeypatch.setattr(machine, "can_swap", lambda: False)
    refused = start("GSE9000001", "--yes", "--model", "gpt2-xl", "--hardware", "cpu")
    assert refused.status == 1
    assert "gpt2-xl" in refused.text
    assert refused.text.count("remedy") == 1
    assert list(tmp_path.iterdir()) == []
    assert not refused.began


def test_a_profile_says_what_the_trainings_get(start, root):
    done = start("GSE9000001", "--yes", "--profile", "slurm")
    assert done.status == 0, done.text
    assert done.began[0][1] == ["--profile", str(root / "profiles" / "slurm")]
    assert "Model: gpt2-xl (auto: hardware h100x1 has GPUs of 80 GB)" in done.text
    assert "remedy" in start("GSE9000001", "--yes", "--profile", "of_nobody").text


def test_no_such_source(start):
    assert "remedy" in start("nowhere.h5ad", "--yes").text
    assert "gpt2-xl" in start("GSE9000001", "--model", "gpt2xl").text


def test_the_cost_follows_settings():
    def total(**changed):
        settings = Settings(model="tiny", **changed)
        return cost.of_run(settings, "cpu", Devices("this machine"), 24, 0)

    few, many = total(permutations=0), total(permutations=50)
    assert many.hours > few.hours
    # Ten of GPT-2's, and one for each baseline.
    assert many.jobs == few.jobs + 10 + len({*Settings().baselines, "logistic_l2"})
    assert total(permutations=0, comparisons=[]).hours < few.hours
    assert total(permutations=0, folds=3).jobs < few.jobs


def test_the_jobs_of_a_small_run():
    """As many as the run of tests/faults/test_runs.py has, beside its target."""
    changed = {**quick_run.CONFIG, "permutations": 0, "comparisons": ["finetuned_no_blocks"]}
    told = cost.of_run(Settings(**changed), "cpu", Devices("this machine"), 24, 0)
    assert told.jobs == 22


def test_too_little_disk(tmp_path):
    settings = Settings(model="tiny", permutations=0)
    told = cost.of_run(settings, "cpu", Devices("this machine"), 24, 1 << 60)
    with pytest.raises(InputError, match="do not fit on this disk"):
        cost.refuse_lack_of_disk(told, tmp_path / "not" / "yet")


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
    assert "Run the same command to resume:\n  epigpt start a --yes" in told
    assert "Stopped." in told or "a: " in told


def test_a_run_of_which_no_job_began_ends_with_what_snakemake_said(tmp_path):
    said = tmp_path / "said.txt"
    said.write_text("Error: Directory cannot be locked.\n")
    told = run.outcome(tmp_path, "a", 1, began=0, said=said, again="epigpt start a --yes")
    assert "no job could begin" in told
    assert "Error: Directory cannot be locked." in told


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
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["130", "7"], done.stderr


def test_a_start_of_snakemake_imports_no_installed_epigpt(root):
    """It imports every plugin, and the package has to be that of the Snakefile's checkout."""
    code = "import sys, snakemake.cli; snakemake.cli.get_argument_parser(); "
    code += "print('snakemake_logger_plugin_epigpt' in sys.modules, 'epigpt' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "False"]


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
