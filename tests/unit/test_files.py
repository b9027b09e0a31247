"""Files appear whole or not at all."""

import json

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
