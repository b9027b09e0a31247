"""The genes that were planted stand first, with the default recipe from counts to attributions."""

import importlib.util
import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from epigpt.config.settings import Settings
from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding import fold_sets, token_dataset
from epigpt.evaluation import cross_validation, refit_pipeline
from epigpt.interpretation import explain
from epigpt.models import choice
from epigpt.simulation.design import CASE, CONTROL, FAMILIES
from epigpt.simulation.simulate import simulate
from epigpt.training import fit, launch
from epigpt.training.request import Request

_LOG = logging.getLogger("epigpt.test_recovery")
DATA = Path(__file__).parents[1] / "benchmarks" / "series_data.py"


@pytest.mark.slow
def test_most_planted_genes_of_the_sparse_family_are_among_the_first_thirty(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("series_data", DATA)
    series_data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(series_data)
    asked = Settings(folds=3, views=2)
    settings = choice.resolve(asked, choice.Devices("none")).model_dump(mode="json")
    series = simulate(5, replace(FAMILIES["sparse"].design, genes=3000, depth=3e6))
    series_data.write(series, tmp_path / "expression.h5ad")
    observations = open_observations(tmp_path / "expression.h5ad")
    folds = cross_validation.folds(series_data.observed(tmp_path / "expression.h5ad"), 3, 1, 1)
    launch.keep(1)
    places = []
    for number in range(3):
        name, folder = f"repeat0/fold{number}", tmp_path / str(number)
        held = fold_sets.in_test_set(folds, name, observations.index["sample"])
        recipe = refit_pipeline.recipe(settings)
        token_dataset.write(folder / "tokens", observations, held, [CONTROL, CASE], recipe)
        request = Request(
            tokens=folder / "tokens",
            fit=name,
            preset="tiny",
            checkpoints=folder / "steps",
            output=folder / "model",
            settings=settings,
            variant="finetuned",
        )
        fit.run(request, 1, _LOG)
        places.append(explain.Place(folder / "tokens", folder / "model"))
    contrasts = pd.DataFrame(columns=["gene", "p", "log2_fold_change", "se"])
    table, _, summary = explain.attribute(places, contrasts, 0, 1, _LOG)
    assert summary["incompleteness"] < 0.05
    truth = series.truth.set_index("gene")["role"] == "planted"
    planted = table["gene"].map(truth)
    assert planted[:30].sum() >= 0.8 * truth.sum()
    # Stability tells planted genes from others.
    assert table.loc[planted, "stability"].median() > 0.8
    assert table.loc[~planted, "stability"].median() < 0.2
