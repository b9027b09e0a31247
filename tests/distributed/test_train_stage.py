"""The stages encode and train as the rules start them: same result on one process and two, same
figures from reloaded weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

FIT = "repeat0/fold1"


@pytest.fixture(scope="module")
def trained(run: Any) -> Path:
    return run.train("one")


def _probabilities(folder: Path) -> np.ndarray:
    return pd.read_csv(folder / "predictions.tsv", sep="\t")["probability"].to_numpy()


def test_every_file_of_a_fit_is_there_and_says_what_it_should(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "README.md",
        "checksums.json",
        "config.json",
        "fit.json",
        "labels.json",
        "model.safetensors",
        "plan.json",
        "predictions.tsv",
        "reference.npz",
        "training.jsonl",
        "vocabulary.json",
    ]
    predictions = pd.read_csv(trained / "predictions.tsv", sep="\t")
    assert predictions.columns.tolist() == [
        "model",
        "repeat",
        "fold",
        "sample",
        "group",
        "truth",
        "class",
        "probability",
    ]
    assert sorted(set(predictions["sample"])) == ["S01", "S05", "S09", "S13"]
    np.testing.assert_allclose(predictions.groupby("sample")["probability"].sum(), 1, atol=1e-5)
    assert json.loads((trained / "labels.json").read_text())["classes"] == ["control", "case"]
    steps = [json.loads(line) for line in (trained / "training.jsonl").read_text().splitlines()]
    assert len(steps) == json.loads((trained / "plan.json").read_text())["steps"] == 6
    assert steps[-1]["loss"] < steps[0]["loss"]


def test_the_same_run_again_gives_the_same_bits(run: Any, trained: Path) -> None:
    again = run.train("again")
    assert (again / "model.safetensors").read_bytes() == (
        trained / "model.safetensors"
    ).read_bytes()
    assert (again / "predictions.tsv").read_bytes() == (trained / "predictions.tsv").read_bytes()


def test_two_processes_give_the_result_of_one(run: Any, trained: Path) -> None:
    two = run.train("two", processes=2)
    assert json.loads((two / "plan.json").read_text())["world_size"] == 2
    np.testing.assert_allclose(_probabilities(two), _probabilities(trained), atol=2e-3)
    losses = [
        [json.loads(line)["loss"] for line in (folder / "training.jsonl").read_text().splitlines()]
        for folder in (two, trained)
    ]
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_gene_tokens_train_the_stock_class(run: Any) -> None:
    run.encode("ranks", encoding="gene-tokens")
    trained = run.train("ranked", tokens="ranks")
    assert json.loads((trained / "config.json").read_text())["architectures"] == [
        "GPT2ForSequenceClassification"
    ]


def test_a_batch_larger_than_the_training_set_is_one_message(run: Any) -> None:
    finished = run.stage(
        "epigpt.stages.train",
        "--tokens",
        "tokens",
        "--fit",
        FIT,
        "--preset",
        "tiny",
        "--checkpoints",
        "c",
        "--weights",
        "refused/model.safetensors",
        settings={"global_batch_size": 1000},
    )
    assert finished.returncode == 1
    assert "set global_batch_size to 24 or less" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not (run.folder / "refused").exists()


def test_a_variant_names_itself_in_its_predictions(run: Any) -> None:
    variant = run.train("bare", options=("--variant", "finetuned_no_blocks"))
    assert set(pd.read_csv(variant / "predictions.tsv", sep="\t")["model"]) == {
        "finetuned_no_blocks"
    }
    assert json.loads((variant / "config.json").read_text())["n_layer"] == 0
