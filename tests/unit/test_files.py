"""Files appear whole or not at all."""

import json
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epigpt import files


def test_nothing_is_left_after_an_error(tmp_path):
    target = tmp_path / "deep" / "a.txt"

    def half_written():
        with files.path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_written()
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_folder_replaces_a_folder(tmp_path):
    for content in ("one", "two"):
        with files.path(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["two"]


def test_tables(tmp_path):
    frame = pd.DataFrame(
        {"text": ["a\tb\nc", None], "number": [1 / 3, np.nan], "yes": [True, False]}
    )
    files.write_tsv(tmp_path / "t.tsv", frame)
    assert (
        tmp_path / "t.tsv"
    ).read_text() == "text\tnumber\tyes\na b c\t0.333333\ttrue\n\t\tfalse\n"


def test_json_without_numbers_json_does_not_know(tmp_path):
    files.write_json(
        tmp_path / "j.json", {"b": np.float64("nan"), "a": [np.int64(3), float("inf")]}
    )
    text = (tmp_path / "j.json").read_text()
    assert json.loads(text) == {"a": [3, None], "b": None}
    assert text.index('"a"') < text.index('"b"')


def test_what_a_killed_process_left_goes_with_the_next_writing(tmp_path: Path) -> None:
    left = tmp_path / f".table.{2**22 + 1}.part.tsv"
    of_a_living_one = tmp_path / f".table.{os.getppid()}.part.tsv"
    for path in (left, of_a_living_one):
        path.write_text("half")
    files.write_text(tmp_path / "table.tsv", "whole\n")
    assert sorted(tmp_path.iterdir()) == sorted([of_a_living_one, tmp_path / "table.tsv"])


def test_checksums_tell_what_was_changed_or_deleted(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    assert files.changed(tmp_path) == []
    files.write_checksums(tmp_path, ["a", "b", "c"])
    assert files.changed(tmp_path) == []
    (tmp_path / "a").write_text("A")
    (tmp_path / "b").unlink()
    assert files.changed(tmp_path) == ["a", "b"]


def test_texts_that_a_spreadsheet_would_run_are_told(tmp_path: Path, caplog) -> None:
    frame = pd.DataFrame({"sample": ["a", "=cmd|' /C calc'!A0"], "label": ["x", "-1"]})
    caplog.set_level("WARNING", logger="epigpt")
    logging.getLogger("epigpt").addHandler(caplog.handler)
    try:
        files.write_tsv(tmp_path / "samples.tsv", frame)
    finally:
        logging.getLogger("epigpt").removeHandler(caplog.handler)
    assert "1 texts in column 'sample' begin like a formula" in caplog.text
    assert "=cmd" in (tmp_path / "samples.tsv").read_text()


@pytest.mark.parametrize(
    ("text", "formula"),
    [("=1+1", True), ("+A1", True), ("@SUM(A1)", True), ("-cmd|x", True), ("-2+3", True)]
    + [(text, False) for text in ("-", "+", "-1.5", "-1e-3", "-.5", "a=b", "")],
)
def test_what_a_spreadsheet_takes_for_a_formula(tmp_path, caplog, text, formula):
    logging.getLogger("epigpt").addHandler(caplog.handler)
    try:
        files.write_tsv(tmp_path / "a.tsv", pd.DataFrame({"sample": [text]}))
    finally:
        logging.getLogger("epigpt").removeHandler(caplog.handler)
    assert ("begin like a formula" in caplog.text) == formula


def test_an_array_for_which_the_disk_has_no_room_is_an_error(tmp_path, monkeypatch):
    """A page of a mapped file that finds no room would end the process with a bus error."""
    array = files.new_array(tmp_path / "a.npy", np.uint16, (3, 4))
    array[:] = 7
    array.flush()
    assert np.load(tmp_path / "a.npy").sum() == 84
    size = (tmp_path / "a.npy").stat().st_size
    asked = []

    def full(number: int, offset: int, length: int) -> None:
        asked.append((offset, length))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        files.new_array(tmp_path / "b.npy", np.uint16, (3, 4))
    assert asked == [(0, size)]


def test_a_file_for_which_the_disk_has_no_room_is_not_begun(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    with files.path(tmp_path / "a.h5ad", free // 2) as temporary:
        temporary.write_text("whole")
    with (
        pytest.raises(OSError, match="No space left") as caught,
        files.path(tmp_path / "b.h5ad", 2 * free) as temporary,
    ):
        temporary.write_text("begun")
    assert caught.value.filename == str(tmp_path / "b.h5ad")
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5ad"]
