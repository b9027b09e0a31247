"""Data sets with a finished model over each, and `epigpt predict` as its users call it."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from epigpt import files
from epigpt.cli import main
from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding import token_dataset
from epigpt.genes import orthologs
from epigpt.genes.annotation import annotation
from epigpt.models import classifier, presets
from epigpt.training import held_out_predictions

# Every test of a finished model is shown for each encoding; `make check` is content with the first.
ENCODINGS = [
    "program-tokens",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("gene-tokens", "gene-sentence", "gene-values")
    ),
]
SAMPLES = [f"S{number:02d}" for number in range(10)]


def _mouse_genes() -> list[tuple[str, str]]:
    """Give 160 mouse genes whose human ortholog is theirs alone, as (mouse, human) symbols."""
    symbols = sorted(
        name
        for name in annotation("mouse").known
        if name[:1].isupper() and name[1:].islower() and len(name) > 3
    )[:3000]
    rows, _ = orthologs.to_human(symbols, symbols, "mouse")
    rows = rows[(rows["human"] != "") & ~rows["human"].duplicated(keep=False)]
    return list(zip(rows["gene"], rows["human"], strict=True))[:160]


@pytest.fixture(scope="module")
def genes() -> list[tuple[str, str]]:
    return _mouse_genes()


@pytest.fixture(scope="module")
def counts(genes: list[tuple[str, str]]) -> pd.DataFrame:
    """Samples × genes, two of which nobody expresses; the last sample is one that quality control
    would leave out."""
    generator = np.random.default_rng(0)
    values = generator.poisson(generator.gamma(0.7, 30, len(genes)), (len(SAMPLES) + 1, len(genes)))
    values[:, :2] = 0
    values[-1] //= 50
    return pd.DataFrame(values, index=[*SAMPLES, "S99"], columns=[mouse for mouse, _ in genes])


def write_h5ad(path: Path, table: pd.DataFrame, organism: str = "mouse") -> Path:
    obs = pd.DataFrame(
        {
            "sample": table.index,
            "group": table.index,
            "label": ["a", "b"] * 5 + ["a"] * (len(table) - 10),
        },
        index=table.index,
    )
    data = anndata.AnnData(
        X=scipy.sparse.csr_matrix(table.to_numpy(dtype=np.int32)),
        obs=obs,
        var=pd.DataFrame({"symbol": table.columns}, index=table.columns),
    )
    data.uns.update({"assay": "bulk", "organism": organism})
    data.write_h5ad(path)
    return path


@pytest.fixture(scope="module", params=ENCODINGS)
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, counts: pd.DataFrame
) -> SimpleNamespace:
    """A data set's counts, expression and tokens, and a model over them whose head was drawn wide
    enough to tell samples apart."""
    folder = tmp_path_factory.mktemp(request.param)
    write_h5ad(folder / "counts.h5ad", counts)
    expression = write_h5ad(folder / "expression.h5ad", counts.iloc[:10, 2:])
    observations = open_observations(expression)
    recipe = token_dataset.EncodingConfig(request.param, 30, 100, 3, 7, 0.1)
    token_dataset.write(
        folder / "tokens", observations, np.zeros(10, dtype=bool), ["a", "b"], recipe
    )
    stored = token_dataset.load(folder / "tokens")
    config = classifier.configuration(
        presets.load("tiny"), request.param, stored.size, stored.tokens.shape[2], stored.classes
    )
    model = classifier.build(config, 1)
    # Behind the end token all samples look much alike, and a wide head would give all of them a
    # probability of 0.
    torch.nn.init.normal_(
        model.get_parameter("score.weight"), std=0.2 if request.param == "gene-tokens" else 2.0
    )
    model_folder = folder / "final"
    classifier.save(model, model_folder)
    stored.vocabulary.save(model_folder / "vocabulary.json")
    stored.reference.save(model_folder / "reference.npz")
    files.write_json(model_folder / "labels.json", {"classes": stored.classes, **vars(recipe)})
    own = held_out_predictions.probabilities_of_rows(
        model.eval(), stored, np.arange(10), torch.device("cpu")
    ).mean(axis=1)
    assert own[:, 1].std() > 0.005
    return SimpleNamespace(folder=folder, model=model_folder, own=own, store=stored)


def predict(run: SimpleNamespace, samples: Path, *options: str) -> pd.DataFrame:
    output = samples.with_suffix(".predicted.tsv")
    assert main(["predict", str(run.model), str(samples), "--output", str(output), *options]) == 0
    return pd.read_csv(output, sep="\t")


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["predict", *map(str, arguments)]) == 1
    return capsys.readouterr().err


def copied(run: SimpleNamespace, folder: Path) -> Path:
    return Path(shutil.copytree(run.model, folder / "broken"))
