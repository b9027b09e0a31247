"""LoRA and frozen training: what moves, what stays, and that the finished model loads like any
other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file


def _train(
    run: Any, forge: Any, output: str, tuning: str, processes: int = 1, **options: Any
) -> Path:
    arguments = {
        "output": output,
        "folder": str(run.folder),
        "checkpoints": f"{output}.checkpoints",
        "minutes": 60,
    }
    settings = {**run.settings, "tuning": tuning}
    assert (
        forge.run("train", processes, settings=settings, **arguments, **options) == [0] * processes
    )
    return Path(run.folder / output)


def test_merged_adapters_say_what_peft_says_and_load_again(run: Any, forge: Any) -> None:
    assert forge.run("adapters", folder=str(run.folder), settings=run.settings) == [0]


@pytest.mark.parametrize(("stage", "processes"), [(0, 1), (3, 2)])
def test_lora_trains_adapters_and_head_alone_and_resumes(
    run: Any, forge: Any, stage: int, processes: int
) -> None:
    name = f"lora{stage}"
    whole = load_file(
        _train(run, forge, name, "lora", processes, stage=stage) / "model.safetensors"
    )
    full = load_file(
        _train(run, forge, f"{name}-start", "frozen") / "model.safetensors"
    )  # its blocks are the start's
    assert whole.keys() == full.keys()
    assert not np.allclose(
        whole["transformer.h.0.attn.c_attn.weight"],
        full["transformer.h.0.attn.c_attn.weight"],
        atol=1e-4,
    )
    for untouched in (
        "transformer.ln_f.weight",
        "transformer.h.1.mlp.c_fc.bias",
        "transformer.wpe.weight",
    ):
        assert np.array_equal(whole[untouched], full[untouched])
    arguments = {
        "output": f"{name}-again",
        "folder": str(run.folder),
        "checkpoints": f"{name}-again.checkpoints",
        "minutes": 60,
    }
    settings = {**run.settings, "tuning": "lora"}
    assert (
        forge.run("train", processes, settings=settings, stage=stage, die="term 3", **arguments)
        == [143] * processes
    )
    again = load_file(
        _train(run, forge, f"{name}-again", "lora", processes, stage=stage) / "model.safetensors"
    )
    for weight in whole:
        np.testing.assert_allclose(
            again[weight], whole[weight], rtol=0, atol=0 if processes == 1 else 1e-5
        )


def test_frozen_trains_the_head_alone(run: Any, forge: Any) -> None:
    first = load_file(_train(run, forge, "frozen", "frozen") / "model.safetensors")
    moved = load_file(_train(run, forge, "frozen-zero3", "frozen", stage=3) / "model.safetensors")
    for name in first:
        np.testing.assert_allclose(moved[name], first[name], rtol=0, atol=1e-5)
    full = load_file(_train(run, forge, "unfrozen", "full") / "model.safetensors")
    assert not np.allclose(
        first["transformer.wte.weight"], full["transformer.wte.weight"], atol=1e-4
    )
    assert np.abs(first["score.weight"]).sum() > 0
