"""The positive control of the transformer blocks: two programmes, of which each alone tells nothing,
and whose states together are the class."""

import logging
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression

from epigpt.config.settings import Settings
from epigpt.dataset import normalization
from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding import token_dataset
from epigpt.evaluation import refit_pipeline
from epigpt.models import published
from epigpt.training import fit, launch
from epigpt.training.request import Request

SAMPLES, TRAINING, GENES, PROGRAMME = 384, 64, 300, 60
CLASSES = ["same", "unlike"]
SETTINGS = {
    **Settings(vocabulary_genes=300, views=2, tuning="full").model_dump(mode="json"),
    "weights": published.NONE,
}


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A series, and which samples of it are held out: most, so that chance is narrow."""
    random = np.random.default_rng(1)
    states = np.tile([[-1, -1], [-1, 1], [1, -1], [1, 1]], (SAMPLES // 4, 1))
    level = np.zeros((SAMPLES, GENES))
    for number in (0, 1):
        genes = slice(number * PROGRAMME, (number + 1) * PROGRAMME)
        level[:, genes] = np.outer(states[:, number], random.normal(0, 0.5, PROGRAMME))
    level += random.normal(0, 0.15, (SAMPLES, GENES))
    counts = random.poisson((random.gamma(2, 60, GENES) + 20) * np.exp(level))
    names = [f"S{number:03d}" for number in range(SAMPLES)]
    label = np.where(states.prod(axis=1) > 0, *CLASSES)
    obs = pd.DataFrame({"sample": names, "group": names, "label": label}, index=names)
    matrix = scipy.sparse.csr_matrix(counts)
    path = tmp_path_factory.mktemp("interaction") / "expression.h5ad"
    var = pd.DataFrame(index=[f"Gene{number:03d}" for number in range(GENES)])
    anndata.AnnData(matrix, obs=obs, var=var, uns={"assay": "bulk"}).write_h5ad(path)
    return path, np.arange(SAMPLES) >= TRAINING


def _auc(case: np.ndarray, scores: np.ndarray) -> float:
    above = scores[case][:, None] - scores[~case][None, :]
    return float((above > 0).mean() + (above == 0).mean() / 2)


def _of_model(path: Path, held: np.ndarray, variant: str, folder: Path) -> float:
    launch.keep(1)
    observations = open_observations(path)
    token_dataset.write(
        folder / "tokens", observations, held, CLASSES, refit_pipeline.recipe(SETTINGS)
    )
    request = Request(
        tokens=folder / "tokens",
        fit="repeat0/fold0",
        preset="tiny",
        checkpoints=folder / "steps",
        output=folder / "model",
        settings=SETTINGS,
        variant=variant,
    )
    fit.run(request, 1, logging.getLogger("quiet"))
    scored = pd.read_csv(folder / "model" / "predictions.tsv", sep="\t")
    scored = scored[scored["class"] == "unlike"]
    return _auc((scored["truth"] == "unlike").to_numpy(), scored["probability"].to_numpy())


@pytest.mark.slow
def test_blocks_learn_what_is_at_chance_without_them(
    series: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    path, held = series
    assert _of_model(path, held, "finetuned", tmp_path / "blocks") >= 0.75
    assert _of_model(path, held, "finetuned_no_blocks", tmp_path / "none") <= 0.55


def test_the_control_is_at_chance_for_a_linear_model(series: tuple[Path, np.ndarray]) -> None:
    path, held = series
    observations = open_observations(path)
    _, counts = next(observations.blocks(np.arange(SAMPLES)))
    expression = normalization.lognorm(counts, observations.target).toarray()
    label = observations.index["label"].to_numpy()
    model = LogisticRegression(C=0.01, max_iter=500).fit(expression[~held], label[~held])
    assert _auc(label[held] == "unlike", model.decision_function(expression[held])) <= 0.55
