"""What the key weights points at, and a remedy that leads there."""

from pathlib import Path

import pytest

from epigpt.errors import InputError
from epigpt.models import presets, published

TINY = presets.load("tiny")


def test_where_the_key_points(tmp_path: Path) -> None:
    assert published.source("none", TINY) is None
    assert published.source(str(tmp_path), TINY) == published.Source(folder=tmp_path)
    found = published.source("openai-community/gpt2@main", TINY)
    assert found is not None
    assert (found.repository, found.revision, found.slug) == (
        "openai-community/gpt2",
        "main",
        "openai-community--gpt2--main",
    )
    assert published.source("preset", presets.load("gpt2")) == published.Source(
        repository="openai-community/gpt2"
    )
    for wrong in ("./nowhere", "/nowhere/at/all", "a/b/c", "preset"):
        with pytest.raises(InputError):
            published.source(wrong, TINY)


def test_what_points_nowhere_points_somewhere_once_it_is_set_as_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        published.source(str(tmp_path / "wieghts"), presets.load("gpt2"))
    assert "correct the path" in refused.value.remedy
    (tmp_path / "weights").mkdir()
    for told in (str(tmp_path / "weights"), "openai-community/gpt2@main", "preset", "none"):
        published.source(told, presets.load("gpt2"))
        assert told in str(refused.value) or told == str(tmp_path / "weights")
    with pytest.raises(InputError) as refused:
        published.source("preset", TINY)
    assert refused.value.remedy == "set weights: none"
    assert published.source("none", TINY) is None
