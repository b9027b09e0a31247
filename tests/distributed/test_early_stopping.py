"""Early stopping: groups are held back whole, training ends in time, the best epoch's weights are
kept, also when interrupted."""

import json
from pathlib import Path
from typing import Any


def _train(run: Any, forge: Any, output: str, **options: Any) -> list[int]:
    settings = {**run.settings, "early_stopping": 1, "epochs": 30, "learning_rate": 2e-2}
    statuses: list[int] = forge.run(
        "train",
        output=output,
        folder=str(run.folder),
        checkpoints=f"{output}.checkpoints",
        settings=settings,
        minutes=60,
        **options,
    )
    return statuses


def _lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def test_training_ends_after_the_best_epoch_and_resumes_to_the_same_weights(
    run: Any, forge: Any
) -> None:
    assert _train(run, forge, "patient") == [0]
    folder = run.folder / "patient"
    lines, planned = _lines(folder), json.loads((folder / "plan.json").read_text())
    inner = [line["inner_loss"] for line in lines if "inner_loss" in line]
    assert len(lines) < planned["steps"], "it went on to the end"
    assert inner[-1] >= min(inner)
    assert inner.index(min(inner)) == len(inner) - 2, "one epoch without a better loss is enough"
    assert _train(run, forge, "patient2", die="term 3") == [143]
    assert _train(run, forge, "patient2") == [0]
    for name in ("model.safetensors", "predictions.tsv"):
        assert (run.folder / "patient2" / name).read_bytes() == (folder / name).read_bytes()
