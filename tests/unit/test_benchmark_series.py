"""The table of bench-series: what is there is not computed again, and means compare like with
like."""

import argparse
import importlib.util
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def series():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("series", FOLDER / "series.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


def options(folder, **given):
    known = {"models": ["majority"], "keep_old": False, "output": folder / "table.tsv"}
    return argparse.Namespace(**{**known, "work": folder, "shared": folder, **given})


@pytest.fixture
def prepared(series, tmp_path, monkeypatch):
    """A task of noise; counts how often it is prepared."""
    random = np.random.default_rng(0)
    names = [f"S{at:02d}" for at in range(12)]
    obs = pd.DataFrame({"sample": names, "label": ["a", "b"] * 6, "group": names}, index=names)
    matrix = scipy.sparse.csr_matrix(random.normal(5, 1, (12, 30)))
    data = anndata.AnnData(matrix, obs=obs, layers={"lognorm": matrix})
    data.write_h5ad(tmp_path / "e.h5ad")
    asked = []
    monkeypatch.setattr(
        series,
        "prepare",
        lambda task, draw, work, shared: (
            asked.append((task, draw)) or series.Prepared(tmp_path / "e.h5ad", ["a", "b"])
        ),
    )
    return asked


def test_a_row_of_the_same_settings_and_code_is_not_computed_again(series, prepared, tmp_path):
    settings = {"seed": 1, "folds": 3, "bootstrap": 100, "repeats": 10, "model": "tiny"}
    task = "simulated_null"
    rows = series._of_task(task, 0, settings, series.read(tmp_path / "none"), options(tmp_path))
    assert rows[["task", "draw", "model", "auc"]].to_numpy().tolist() == [
        [task, 0, "majority", 0.5]
    ]
    again = series.read(tmp_path / "table.tsv")
    series._of_task(task, 0, settings, again, options(tmp_path))
    assert prepared == [(task, 0)]
    series._of_task(task, 1, settings, again, options(tmp_path))
    old = again.assign(settings_and_code="other")
    series._of_task(task, 0, settings, old, options(tmp_path, keep_old=True))
    assert prepared == [(task, 0), (task, 1)]
    fresh = series._of_task(task, 0, settings, old, options(tmp_path))
    assert prepared[-1] == (task, 0)
    assert len(prepared) == 3
    assert fresh["settings_and_code"].tolist() == again["settings_and_code"].tolist()


def test_means_are_over_tasks_that_all_models_have_and_null_counts_for_none(series):
    rows = pd.DataFrame(
        [
            ("swim_stress", 0, "ktsp", 0.9),
            ("swim_stress", 1, "ktsp", 0.7),
            ("simulated_sparse", 0, "ktsp", 1.0),
            ("simulated_null", 0, "ktsp", 0.1),
            ("Pickrell_sex", 0, "ktsp", 1.0),
            ("swim_stress", 0, "finetuned", 0.6),
            ("simulated_sparse", 0, "finetuned", 0.8),
            ("simulated_null", 0, "finetuned", 0.9),
            ("GSE99765_dissociation", 0, "not assessable", np.nan),
        ],
        columns=["task", "draw", "model", "auc"],
    )
    table = series.means(rows)
    assert table.index.tolist() == ["ktsp", "finetuned"]
    assert table["mean"].tolist() == pytest.approx([0.9, 0.7])
    assert table["real"].tolist() == pytest.approx([0.8, 0.6])
    assert table.loc["ktsp", "swim_stress"] == pytest.approx(0.8)


def test_there_are_twelve_real_tasks_and_every_family_but_the_demos(series):
    assert len([name for name in series.SERIES if name != "GSE99765_dissociation"]) >= 12
    assert len(series.SIMULATED) == 8
