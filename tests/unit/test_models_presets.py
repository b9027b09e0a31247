"""Presets: GPT-2's sizes as published, refusals that help."""

from pathlib import Path

import pytest

from epigpt.errors import InputError
from epigpt.models import presets

PUBLISHED = {
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
}


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_parameters_are_those_published(name: str, parameters: int) -> None:
    assert presets.load(name).parameters() == parameters
    assert presets.load(name).weight_bytes == 4 * parameters


def test_tiny_is_small() -> None:
    tiny = presets.load("tiny")
    assert (tiny.layers, tiny.width, tiny.heads) == (2, 64, 4)


@pytest.mark.parametrize("name", ["cpu", "h100x1", "h100x8", "h100x8-nodes"])
def test_hardware_presets_are_whole(name: str) -> None:
    assert presets.hardware(name).nodes >= 1


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(InputError) as refusal:
        presets.load("gpt2-x1")
    assert "gpt2-xl" in refusal.value.remedy


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("colour: red", "unknown key 'colour'"),
        ("layers: many", "layers: 'many'"),
        ("dropout: true", "dropout: True"),
        ("recipe: fast", "recipe: 'fast'"),
        ("recipe: {start: zero}", "no key 'recipe.full'"),
        (
            "recipe: {start: warm, random: &rates {matrices: 1.0, embeddings: 1.0, head: 1.0},"
            " full: *rates, lora: *rates}",
            "recipe.start: 'warm'",
        ),
        (
            "recipe: {start: zero, random: &rates {matrices: 1.0, embeddings: 1.0, head: 1.0},"
            " full: *rates, lora: {matrices: 1e-3, embeddings: 1.0, head: 1.0}}",
            "recipe.lora.matrices: '1e-3'",
        ),
        (None, "no key 'heads'"),
    ],
)
def test_a_preset_of_ones_own_is_checked_key_by_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str | None, message: str
) -> None:
    keys = {
        "layers": 2,
        "width": 8,
        "heads": 2,
        "positions": 16,
        "vocabulary": 10,
        "dropout": 0.0,
        "weights": "none",
        "recipe": "{start: standard, random: &rates {matrices: 1.0, embeddings: 1.0, head: 1.0},"
        " full: *rates, lora: *rates}",
    }
    if line is None:
        del keys["heads"]
    else:
        name, _, value = line.partition(": ")
        keys[name] = value
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.yaml").write_text(
        "".join(f"{key}: {value}\n" for key, value in keys.items())
    )
    monkeypatch.setattr(presets, "FOLDER", tmp_path)
    with pytest.raises(InputError, match=message):
        presets.load("mine")
