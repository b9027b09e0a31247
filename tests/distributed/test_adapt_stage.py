"""The stage adapt: sees training samples alone and no label, and the classifier starts from what it
leaves."""

import json
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
import safetensors.torch
import scipy.sparse

FIT = "repeat0/fold1"

pytestmark = pytest.mark.slow


def _adapt(run: Any, tokens: str, output: str) -> Path:
    finished = run.stage(
        "epigpt.stages.adapt",
        "--tokens",
        tokens,
        "--fit",
        FIT,
        "--preset",
        "tiny",
        "--checkpoints",
        f"{output}.checkpoints",
        "--adapted",
        output,
        settings={"adapt": 2},
    )
    assert finished.returncode == 0, finished.stderr
    return Path(run.folder / output)


def test_adapted_weights_know_nothing_of_held_out_samples_and_of_labels(run: Any) -> None:
    adapted = _adapt(run, "tokens", "adapted")
    losses = [
        json.loads(line)["loss"] for line in (adapted / "training.jsonl").read_text().splitlines()
    ]
    assert losses[-1] < losses[0]
    original = run.folder / "expression.h5ad"
    kept = original.read_bytes()
    try:
        data = anndata.read_h5ad(original)
        held_out = data.obs_names.isin(["S01", "S05", "S09", "S13"])
        counts = data.X.toarray()
        counts[held_out] = np.random.default_rng(5).poisson(30, counts[held_out].shape)
        data.X = scipy.sparse.csr_matrix(counts)
        data.write_h5ad(original)
        run.encode("other-held-out")
    finally:
        original.write_bytes(kept)
    again = _adapt(run, "other-held-out", "adapted-again")
    assert (again / "model.safetensors").read_bytes() == (
        adapted / "model.safetensors"
    ).read_bytes()


def test_the_classifier_starts_from_adapted_weights(run: Any) -> None:
    adapted = run.folder / "adapted"
    if not adapted.is_dir():
        _adapt(run, "tokens", "adapted")
    finished = run.stage(
        "epigpt.stages.train",
        "--tokens",
        "tokens",
        "--fit",
        FIT,
        "--preset",
        "tiny",
        "--checkpoints",
        "from-adapted.checkpoints",
        "--adapted",
        "adapted",
        "--weights",
        "from-adapted/model.safetensors",
        settings={"tuning": "frozen", "adapt": 2},
    )
    assert finished.returncode == 0, finished.stderr
    start = safetensors.torch.load_file(adapted / "model.safetensors")
    trained = safetensors.torch.load_file(run.folder / "from-adapted" / "model.safetensors")
    for name, tensor in start.items():
        assert np.array_equal(trained[name].numpy(), tensor.numpy()), name
