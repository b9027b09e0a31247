"""Training survives being stopped anywhere, with the result of an undisturbed run, also on another
number of processes."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

STEPS = 6


@pytest.fixture(scope="module")
def undisturbed(run: Any, forge: Any) -> Path:
    assert _train(run, forge, "whole") == [0]
    return Path(run.folder / "whole")


def _train(run: Any, forge: Any, output: str, processes: int = 1, **options: Any) -> list[int]:
    statuses: list[int] = forge.run(
        "train",
        processes,
        output=output,
        folder=str(run.folder),
        checkpoints=f"{output}.checkpoints",
        settings=run.settings,
        **options,
    )
    return statuses


def _checkpoints(run: Any, output: str) -> list[Path]:
    return sorted((run.folder / f"{output}.checkpoints").glob("*/step-*"))


def _same(first: Path, second: Path) -> bool:
    return all(
        (first / name).read_bytes() == (second / name).read_bytes()
        for name in ("model.safetensors", "predictions.tsv")
    )


def _steps(folder: Path) -> list[int]:
    return [
        json.loads(line)["step"] for line in (folder / "training.jsonl").read_text().splitlines()
    ]


@pytest.mark.slow
def test_killed_ten_times_anywhere_the_weights_are_those_of_an_undisturbed_run(
    run: Any, forge: Any, undisturbed: Path
) -> None:
    generator = random.Random(4)
    for number in range(
        10
    ):  # before a step, or amid the writing of a checkpoint; twice each in five trainings
        name = f"killed{number % 5}"
        left = STEPS - (
            int(_checkpoints(run, name)[-1].name.removeprefix("step-"))
            if _checkpoints(run, name)
            else 0
        )
        where = generator.choice(["step", "save"]) if left > 1 else "step"
        # No checkpoint follows the last step. Each goes to disk in four pieces: states,
        # description, folder, and the name it ends with.
        when = generator.randint(1, left if where == "step" else 4 * (left - 1))
        assert _train(run, forge, name, die=f"{where} {when}") == [-9]
        assert not (run.folder / name / "model.safetensors").exists()
    for number in range(5):
        assert _train(run, forge, f"killed{number}") == [0]
        assert _same(run.folder / f"killed{number}", undisturbed)
        assert _steps(run.folder / f"killed{number}") == list(range(1, STEPS + 1))
        assert not (run.folder / f"killed{number}.checkpoints").exists(), (
            "a finished training leaves no checkpoints"
        )


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_sigterm_leaves_a_checkpoint_and_every_stage_resumes_bit_for_bit(
    run: Any, forge: Any, stage: int
) -> None:
    name = f"term{stage}"
    assert _train(run, forge, f"whole{stage}", minutes=60, stage=stage) == [0]
    assert _train(run, forge, name, die="term 3", minutes=60, stage=stage) == [143]
    assert [path.name for path in _checkpoints(run, name)] == ["step-00000003"]
    assert "after step 3 of 6" in (run.folder / f"{name}.log").read_text()
    assert _train(run, forge, name, minutes=60, stage=stage) == [0]
    assert "going on after step 3 of 6" in (run.folder / f"{name}.log").read_text()
    assert _same(run.folder / name, run.folder / f"whole{stage}")


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(
    run: Any, forge: Any, undisturbed: Path
) -> None:
    assert _train(run, forge, "damaged", die="step 5") == [-9]
    older, newest = _checkpoints(run, "damaged")
    shard = next(newest.glob("*.safetensors"))
    content = bytearray(shard.read_bytes())
    content[-100] ^= 1
    shard.write_bytes(content)
    assert _train(run, forge, "damaged") == [0]
    log = (run.folder / "damaged.log").read_text()
    assert f"checkpoint {newest.name} is damaged" in log
    assert f"going on after step {int(older.name[5:])}" in log
    assert _same(run.folder / "damaged", undisturbed)


def test_other_settings_do_not_take_up_a_checkpoint(run: Any, forge: Any) -> None:
    assert _train(run, forge, "other", die="step 4") == [-9]
    arguments = {"output": "other", "folder": str(run.folder), "checkpoints": "other.checkpoints"}
    assert forge.run("train", 1, settings={**run.settings, "learning_rate": 5e-4}, **arguments) == [
        0
    ]
    assert "going on" not in (run.folder / "other.log").read_text()


@pytest.mark.parametrize(
    ("before", "after", "stages"), [(2, 2, (2, 2)), (2, 1, (3, 0)), (1, 2, (1, 3))]
)
def test_resumed_on_the_same_or_another_number_of_processes(
    run: Any, forge: Any, undisturbed: Path, before: int, after: int, stages: tuple[int, int]
) -> None:
    name = f"from{before}to{after}"
    assert (
        _train(run, forge, name, before, die="term 4", minutes=60, stage=stages[0])
        == [143] * before
    )
    assert _train(run, forge, name, after, minutes=60, stage=stages[1]) == [0] * after
    assert "going on after step 4 of 6" in (run.folder / f"{name}.log").read_text()
    resumed, whole = (
        load_file(folder / "model.safetensors") for folder in (run.folder / name, undisturbed)
    )
    for weight in whole:
        np.testing.assert_allclose(resumed[weight], whole[weight], rtol=0, atol=2e-3)
    losses = [
        [json.loads(line)["loss"] for line in (folder / "training.jsonl").read_text().splitlines()]
        for folder in (run.folder / name, undisturbed)
    ]
    np.testing.assert_allclose(*losses, rtol=1e-3)
