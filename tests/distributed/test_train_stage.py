"""The stages encode and train as the rules start them: same result on one process and two, same figures from reloaded weights."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

SETTINGS = {
    "epochs": 2,
    "learning_rate": 1e-3,
    "global_batch_size": 8,
    "precision": "auto",
    "tuning": "full",
    "weights": "none",
    "seed": 1,
    "encoding": "gene-values",
    "max_genes": 32,
    "vocabulary_genes": 100,
    "views": 2,
    "gene_dropout": 0.0,
    "row.case": "case",
    "row.control": "control",
}
FIT = "repeat0/fold1"


@dataclass
class Run:
    """Starts stages in a folder with a small series: 16 samples, 300 genes, 30 of which follow the class."""

    folder: Path
    root: Path

    def stage(self, *arguments: str, processes: int = 1, settings: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        launcher = ["-m"] if processes == 1 else ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", "-m"]
        environment = {**os.environ, "PYTHONPATH": str(self.root / "workflow"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        return subprocess.run(
            [sys.executable, *launcher, *arguments, "--settings", json.dumps({**SETTINGS, **(settings or {})})],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def train(self, output: str, processes: int = 1, tokens: str = "tokens", options: tuple[str, ...] = (), **settings: Any) -> Path:
        finished = self.stage(
            "epigpt.stages.train", "--tokens", tokens, "--fit", FIT, "--preset", "tiny", "--checkpoints", f"{output}.checkpoints",
            "--output-folder", output, *options, processes=processes, settings=settings,
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
        return self.folder / output

    def encode(self, output: str, **settings: Any) -> None:
        finished = self.stage(
            "epigpt.stages.encode", "--expression", "expression.h5ad", "--folds", "folds.tsv", "--fit", FIT, "--output-folder", output,
            settings=settings,
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Run:
    folder = tmp_path_factory.mktemp("series")
    generator = np.random.default_rng(0)
    samples = [f"S{number:02d}" for number in range(16)]
    means = generator.gamma(1, 40, 300)
    rates = np.tile(means, (16, 1))
    rates[8:, :30] *= 4
    counts = scipy.sparse.csr_matrix(generator.poisson(rates).astype(np.int32))
    obs = pd.DataFrame({"sample": samples, "group": samples, "label": ["control"] * 8 + ["case"] * 8}, index=samples)
    genes = [f"Gene{number:03d}" for number in range(300)]
    data = anndata.AnnData(X=counts, obs=obs, var=pd.DataFrame({"symbol": genes}, index=genes))
    data.uns.update({"assay": "bulk", "organism": "mouse"})
    data.write_h5ad(folder / "expression.h5ad")
    folds = pd.DataFrame({"sample": samples, "group": samples, "repeat": 0, "fold": [number % 4 for number in range(16)]})
    folds.to_csv(folder / "folds.tsv", sep="\t", index=False)
    started = Run(folder, root)
    started.encode("tokens")
    return started


@pytest.fixture(scope="module")
def trained(run: Run) -> Path:
    return run.train("one")


def _probabilities(folder: Path) -> np.ndarray:
    return pd.read_csv(folder / "predictions.tsv", sep="\t")["probability"].to_numpy()


def test_every_file_of_a_fit_is_there_and_says_what_it_should(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "README.md", "config.json", "labels.json", "model.safetensors", "plan.json", "predictions.tsv", "reference.npz",
        "training.jsonl", "vocabulary.json",
    ]  # fmt: skip
    predictions = pd.read_csv(trained / "predictions.tsv", sep="\t")
    assert predictions.columns.tolist() == ["model", "repeat", "fold", "sample", "group", "truth", "class", "probability"]
    assert sorted(set(predictions["sample"])) == ["S01", "S05", "S09", "S13"]
    np.testing.assert_allclose(predictions.groupby("sample")["probability"].sum(), 1, atol=1e-5)
    assert json.loads((trained / "labels.json").read_text())["classes"] == ["control", "case"]
    steps = [json.loads(line) for line in (trained / "training.jsonl").read_text().splitlines()]
    assert len(steps) == json.loads((trained / "plan.json").read_text())["steps"] == 6
    assert steps[-1]["loss"] < steps[0]["loss"]


def test_the_same_run_again_gives_the_same_bits(run: Run, trained: Path) -> None:
    again = run.train("again")
    assert (again / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()
    assert (again / "predictions.tsv").read_bytes() == (trained / "predictions.tsv").read_bytes()


def test_two_processes_give_the_result_of_one(run: Run, trained: Path) -> None:
    two = run.train("two", processes=2)
    assert json.loads((two / "plan.json").read_text())["world_size"] == 2
    np.testing.assert_allclose(_probabilities(two), _probabilities(trained), atol=2e-3)
    losses = [[json.loads(line)["loss"] for line in (folder / "training.jsonl").read_text().splitlines()] for folder in (two, trained)]
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_gene_tokens_train_the_stock_class(run: Run) -> None:
    run.encode("ranks", encoding="gene-tokens")
    trained = run.train("ranked", tokens="ranks")
    assert json.loads((trained / "config.json").read_text())["architectures"] == ["GPT2ForSequenceClassification"]


def test_a_batch_larger_than_the_training_set_is_one_message(run: Run) -> None:
    finished = run.stage(
        "epigpt.stages.train", "--tokens", "tokens", "--fit", FIT, "--preset", "tiny", "--checkpoints", "c", "--output-folder", "refused",
        settings={"global_batch_size": 1000},
    )  # fmt: skip
    assert finished.returncode == 1
    assert "set global_batch_size to 24 or less" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not (run.folder / "refused").exists()


def test_a_variant_names_itself_in_its_predictions(run: Run) -> None:
    variant = run.train("bare", options=("--variant", "finetuned_no_blocks"))
    assert set(pd.read_csv(variant / "predictions.tsv", sep="\t")["model"]) == {"finetuned_no_blocks"}
    assert json.loads((variant / "config.json").read_text())["n_layer"] == 0
