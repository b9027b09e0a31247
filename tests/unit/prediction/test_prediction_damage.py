"""`epigpt predict` with models whose files were changed: refused, and with what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from epigpt import files
from epigpt.training import finished_fit
from finished_models import copied, predict, refusal


def _edit(path: Path, **changed: object) -> None:
    content = json.loads(path.read_text())
    content.update(changed)
    path.write_text(json.dumps(content))


def _tensors(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    held = load_file(path)
    change(held)
    save_file(held, path, metadata={"format": "pt"})


def _array(path: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    with np.load(path) as stored:
        held = dict(stored)
    held[name] = change(held[name])
    np.savez(path, **held)


def _with(values: np.ndarray, at: int, value: float) -> np.ndarray:
    values = values.copy()
    values[at] = value
    return values


WEIGHTS, STATISTICS = "model.safetensors", "reference.npz"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no head": (
        lambda at: _tensors(at / WEIGHTS, lambda held: held.pop("score.weight")),
        "lacks score.weight",
    ),
    "no block": (
        lambda at: _tensors(
            at / WEIGHTS, lambda held: held.pop("transformer.h.0.attn.c_attn.weight")
        ),
        "lacks transformer.h.0",
    ),
    "a foreign tensor": (
        lambda at: _tensors(at / WEIGHTS, lambda held: held.update(other=torch.ones(2))),
        "has other",
    ),
    "another shape": (
        lambda at: _tensors(
            at / WEIGHTS, lambda held: held.update({"score.weight": torch.ones(3, 5)})
        ),
        "another shape",
    ),
    "whole numbers for weights": (
        lambda at: _tensors(
            at / WEIGHTS,
            lambda held: held.update({"score.weight": held["score.weight"].to(torch.int32)}),
        ),
        "weights of type I32",
    ),
    "a weight that is no number": (
        lambda at: _tensors(at / WEIGHTS, lambda held: held["score.weight"].fill_(torch.nan)),
        "not finite",
    ),
    "cut weights": (
        lambda at: (at / WEIGHTS).write_bytes((at / WEIGHTS).read_bytes()[:-10]),
        "cut short",
    ),
    "no weights": (lambda at: (at / WEIGHTS).write_bytes(b""), "cannot be read"),
    "another model type": (lambda at: _edit(at / "config.json", model_type="bert"), "bert"),
    "more layers": (lambda at: _edit(at / "config.json", n_layer=10**6), "layers"),
    "another vocabulary size": (lambda at: _edit(at / "config.json", vocab_size=7), "vocab_size"),
    "swapped classes": (lambda at: _edit(at / "labels.json", classes=["b", "a"]), "classes"),
    "one class": (lambda at: _edit(at / "labels.json", classes=["a"]), "classes"),
    "a class twice": (lambda at: _edit(at / "labels.json", classes=["a", "a"]), "classes"),
    "no views": (lambda at: _edit(at / "labels.json", views=0), "encoding"),
    "an unknown encoding": (lambda at: _edit(at / "labels.json", encoding="x"), "encoding"),
    "genes out of order": (
        lambda at: _edit(
            at / "vocabulary.json",
            genes=json.loads((at / "vocabulary.json").read_text())["genes"][::-1],
        ),
        "sorted",
    ),
    "genes that are numbers": (
        lambda at: _edit(
            at / "vocabulary.json",
            genes=list(range(len(json.loads((at / "vocabulary.json").read_text())["genes"]))),
        ),
        "no texts",
    ),
    "fewer symbols": (lambda at: _edit(at / "vocabulary.json", symbols=["x"]), "symbols"),
    "no JSON": (lambda at: (at / "labels.json").write_text("{"), "JSONDecodeError"),
    "a list": (lambda at: (at / "labels.json").write_text("[]"), "list"),
    "a statistic that is no number": (
        lambda at: _array(at / STATISTICS, "centre", lambda old: _with(old, 3, np.nan)),
        "not numbers",
    ),
    "a scale of nothing": (
        lambda at: _array(at / STATISTICS, "scale", lambda old: _with(old, 3, 0.0)),
        "above 0",
    ),
    "fewer statistics": (
        lambda at: _array(at / STATISTICS, "centre", lambda old: old[:-1]),
        "of shape",
    ),
    "damaged statistics": (
        lambda at: (at / STATISTICS).write_bytes((at / STATISTICS).read_bytes()[:-40]),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("run", ["gene-values"], indirect=True)
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_model_is_refused(
    run: SimpleNamespace, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(run, tmp_path)
    damage, told = DAMAGE[kind]
    damage(folder)
    said = refusal(capsys, folder, run.folder / "counts.h5ad")
    assert told in said
    assert "Traceback" not in said
    assert "remedy" in said


def test_a_model_of_values_is_not_read_as_the_stock_class(
    run: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(run, tmp_path)
    kinds = {"gpt2", "epigpt-gene-values"}
    own = json.loads((folder / "config.json").read_text())["model_type"]
    _edit(folder / "labels.json", model_type=own)
    (other,) = kinds - {own}
    _edit(folder / "config.json", model_type=other)
    assert "model_type" in refusal(capsys, folder, run.folder / "counts.h5ad")


def test_checksums_tell_a_change_that_nothing_else_would(
    run: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(run, tmp_path)
    predict(SimpleNamespace(model=folder), run.folder / "counts.h5ad")
    assert "The model has no checksums.json" in capsys.readouterr().err
    files.write_checksums(folder, finished_fit.MODEL_FILES)
    predict(SimpleNamespace(model=folder), run.folder / "counts.h5ad")
    assert "The model has no checksums.json" not in capsys.readouterr().err
    _tensors(folder / WEIGHTS, lambda held: held["score.weight"].mul_(0.5))
    said = refusal(capsys, folder, run.folder / "counts.h5ad")
    assert "model.safetensors not as training wrote it" in said
    files.write_json(folder / files.CHECKSUMS, {})
    said = refusal(capsys, folder, run.folder / "counts.h5ad")
    assert "a checksums.json without config.json, model.safetensors" in said


def test_weights_without_their_head_are_refused(
    shared: Path, run: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared / "cases" / "faults" / "predict-missing-tensor"
    assert "lacks score.weight" in refusal(capsys, folder, run.folder / "counts.h5ad")
