"""Results that were cut, replaced, deleted or copied since they were written; what became of each
data set of a run."""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from epigpt import files
from epigpt.cli import main
from epigpt.errors import InputError
from epigpt.provenance import output_checksums, run_outcome, run_start
from epigpt.stages import entry


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A working directory in which two jobs have written a table, a folder and a decision."""
    results = tmp_path / "results" / "a"
    files.write_text(results / "metrics.tsv", "model\testimate\nx\t0.9\n")
    with files.path(results / "tokens") as folder:
        folder.mkdir()
        (folder / "tokens.npy").write_bytes(b"tokens")
        (folder / "index.tsv").write_text("sample\n")
    files.write_json(results / "folds.json", {"assessable": True})
    outputs = [results / name for name in ("metrics.tsv", "tokens", "folds.json")]
    output_checksums.write(results / "logs" / "job.log", outputs, tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def closed_logs() -> Iterator[None]:
    yield
    for handler in list(logging.getLogger("epigpt").handlers):
        logging.getLogger("epigpt").removeHandler(handler)
        handler.close()


def check(root: Path, *arguments: str) -> list[str]:
    told: list[str] = []
    run_start.check(root, arguments, told.append)
    return told


def test_whole_results_are_left_alone(root):
    before = sorted(root.rglob("*"))
    assert check(root) == []
    assert sorted(root.rglob("*")) == before
    looked, damaged = output_checksums.verify(root, full=True, repair=False)
    assert (looked, damaged) == (3, [])


@pytest.mark.parametrize(
    ("damage", "output"),
    [
        (lambda at: (at / "metrics.tsv").write_text(""), "metrics.tsv"),
        (lambda at: (at / "metrics.tsv").write_text("model\testimate\nx\t0.1\n"), "metrics.tsv"),
        (lambda at: (at / "tokens" / "tokens.npy").write_bytes(b"tok"), "tokens"),
        (lambda at: (at / "tokens" / "tokens.npy").unlink(), "tokens"),
        (lambda at: (at / "tokens" / "index.tsv").write_text("smaple\n"), "tokens"),
        (lambda at: (at / "folds.json").write_text("{"), "folds.json"),
    ],
)
def test_a_damaged_result_is_set_aside_and_named(root, damage, output):
    results = root / "results" / "a"
    damage(results)
    told = check(root, "--dry-run")
    assert len(told) == 1
    assert "would set it aside" in told[0]
    assert (results / output).exists()
    (told_then,) = check(root, "--cores", "2")
    assert f"results/a/{output}" in told_then
    assert not (results / output).exists()
    assert (results / f"{output}.damaged").exists()
    assert check(root) == []


def test_a_change_of_equal_length_and_time_is_found_by_reading_everything(root):
    path = root / "results" / "a" / "metrics.tsv"
    status = path.stat()
    path.write_text(path.read_text().replace("0.9", "0.1"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert output_checksums.verify(root, full=False, repair=False)[1] == []
    (damage,) = output_checksums.verify(root, full=True, repair=False)[1]
    assert damage.output == Path("results/a/metrics.tsv")


def test_the_command_that_verifies_names_what_is_damaged(root, capsys):
    assert main(["verify", str(root)]) == 0
    assert "3 results are as they were written" in capsys.readouterr().out
    (root / "results" / "a" / "metrics.tsv").write_text("")
    assert main(["verify", str(root)]) == 1
    assert "results/a/metrics.tsv: 0 bytes instead of" in capsys.readouterr().out
    assert main(["verify", str(root), "--repair"]) == 1
    assert main(["verify", str(root)]) == 0
    assert main(["verify", str(root / "nothing")]) == 1
    assert "snakemake --directory" in capsys.readouterr().err


def test_a_copied_folder_gets_its_times_back(root, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(root / "results", copy / "results", copy_function=shutil.copy)
    of_table, of_copy = (at / "results" / "a" / "metrics.tsv" for at in (root, copy))
    assert of_copy.stat().st_mtime_ns != of_table.stat().st_mtime_ns
    assert check(copy) == []
    assert of_copy.stat().st_mtime_ns == of_table.stat().st_mtime_ns


def test_a_running_workflow_is_not_disturbed(root):
    (root / "results" / "a" / "metrics.tsv").write_text("")
    lock = root / ".snakemake" / "locks" / "0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("")
    assert check(root) == []
    assert (root / "results" / "a" / "metrics.tsv").exists()


@pytest.mark.parametrize("content", ["[1", "[" * 100_000])
def test_a_decision_that_no_note_knows_is_set_aside_when_it_cannot_be_read(root, content):
    path = root / "results" / "b" / "folds.json"
    path.parent.mkdir()
    path.write_text(content)
    (told,) = check(root)
    assert "results/b/folds.json" in told
    assert not path.exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"/etc/passwd": {}}', '{"../x": {}}', "[" * 100_000]
)
def test_a_damaged_note_stops_nothing(root, content):
    (root / "results" / "a" / "logs" / "job.checksums.json").write_text(content)
    assert check(root) == []


def job(monkeypatch: pytest.MonkeyPatch, root: Path, *words: str) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setattr("sys.argv", ["stage", *words])


def test_a_job_notes_what_it_wrote_and_nothing_after_a_refusal(root, monkeypatch):
    job(monkeypatch, root, "--log", "results/c/logs/x/good.log")
    with entry.job("A job."):
        files.write_text(Path("results/c/table.tsv"), "a\n")
    noted = json.loads((root / "results/c/logs/x/good.checksums.json").read_text())
    assert list(noted) == ["results/c/table.tsv"]
    job(monkeypatch, root, "--log", "results/c/logs/x/bad.log")
    with pytest.raises(SystemExit), entry.job("A job."):
        raise OSError(28, "No space left on device", "results/c/counts.h5ad")
    log = (root / "results/c/logs/x/bad.log").read_text()
    assert "no space left on the disk" in log
    assert "EpiGPT's fault" not in log
    assert not (root / "results/c/logs/x/bad.checksums.json").exists()


def test_a_folder_that_is_one_output_is_set_aside_whole(root, monkeypatch):
    folder = root / "results" / "c" / "models" / "final"
    job(monkeypatch, root, "--log", "results/c/logs/m.log", "--final", str(folder))
    with entry.job("A job."):
        for name in ("config.json", "labels.json"):
            files.write_json(folder / name, {"name": name})
    noted = json.loads((root / "results/c/logs/m.checksums.json").read_text())
    assert list(noted) == ["results/c/models/final"]
    # Another job reads the folder and puts a file into it, which is no output of the first.
    job(monkeypatch, root, "--log", "results/c/logs/n.log", "--final", str(folder))
    with entry.job("A job."):
        files.write_json(folder / "answer.json", {})
    noted = json.loads((root / "results/c/logs/n.checksums.json").read_text())
    assert list(noted) == ["results/c/models/final/answer.json"]
    assert check(root) == []
    (folder / "labels.json").write_text("")
    assert len(check(root)) == 1
    assert not folder.exists()


def test_the_later_of_two_notes_counts(root):
    path = root / "results" / "a" / "metrics.tsv"
    path.write_text("anew, by another job\n")
    os.utime(path, ns=(2 * 10**18, 2 * 10**18))
    output_checksums.write(root / "results" / "a" / "logs" / "a.log", [path], root)
    assert check(root) == []


def test_a_job_does_not_read_what_was_cut_since_it_was_written(root, monkeypatch, capsys):
    (root / "results" / "a" / "metrics.tsv").write_text("")
    words = ["--log", "results/a/logs/next.log", "--metrics", "results/a/metrics.tsv"]
    job(monkeypatch, root, *words)
    with pytest.raises(SystemExit), entry.job("A job."):
        raise AssertionError("it runs")
    said = capsys.readouterr().err
    assert "results/a/metrics.tsv is not as it was written (0 bytes instead of" in said
    assert "run the same command again" in said
    assert len(check(root)) == 1


def test_the_list_at_the_end_of_a_run_names_every_data_set(root, monkeypatch):
    job(monkeypatch, root, "--log", "results/bad/logs/counts.log")
    with pytest.raises(SystemExit), entry.job("A job."):
        raise InputError("no raw counts, only:\n  fpkm", "the files", "no reason", "name another")
    files.write_text(root / "results" / "good" / "report.html", "<html>")
    (root / "results" / "half").mkdir()
    outcomes = run_outcome.of_run(root, ["good", "bad", "half"], since=0)
    assert [outcome.finished for outcome in outcomes] == [True, False, False]
    text = run_outcome.closing_list(outcomes)
    assert "1 of 3 data sets are finished" in text
    assert "remedy: name another" in text
    assert run_outcome.reasons(outcomes)["bad"] == "no raw counts, only (the files)"
    later = run_outcome.of_run(root, ["bad"], since=2**40)
    assert later[0].refusal == ""


@pytest.mark.slow
def test_the_index_shows_what_there_is_and_why_the_rest_is_missing(root):
    outcomes = [
        run_outcome.Outcome("a", True),
        run_outcome.Outcome("b", False, "a <b>bad</b> table (counts.csv)"),
    ]
    modules = Path(output_checksums.__file__).parents[2]
    run_outcome.write_index(root, outcomes, modules)
    page = (root / "results" / "index.html").read_text()
    assert "refused: a &lt;b&gt;bad" in page
    assert (root / "results" / "index.html").stat().st_mtime < 10**6


def test_a_file_of_a_folder_that_a_later_job_wrote_is_judged_by_that_jobs_note(root):
    index = root / "results" / "a" / "tokens" / "index.tsv"
    files.write_text(index, "sample, and what a later job knows\n")
    later = index.stat().st_mtime_ns + 10**9
    os.utime(index, ns=(later, later))
    output_checksums.write(root / "results" / "a" / "logs" / "later.log", [index], root)
    assert output_checksums.verify(root, full=True, repair=False)[1] == []
    index.write_text("cut\n")
    damaged = output_checksums.verify(root, full=True, repair=False)[1]
    assert [one.output.name for one in damaged] == ["index.tsv"]
