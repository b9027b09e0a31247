"""The public names: what `import epigpt` loads, AnnData in and out, transformers' Auto classes."""

import doctest
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

import epigpt
from epigpt import cli
from epigpt.encoding import token_dataset
from epigpt.errors import InputError
from finished_results import CLASSES, series, write

HEAVY = {"torch", "transformers", "numpy", "pandas", "scipy", "sklearn", "anndata", "pydantic"}


def bare(program: str, root: Path) -> str:
    """Run a program in a Python of its own and give what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("run") / "results" / "airway")


def test_import_loads_no_library(root: Path) -> None:
    loaded = bare("import sys, epigpt\nprint(*sys.modules)", root).split()
    assert not HEAVY & set(loaded)
    own = {name for name in loaded if name.startswith("epigpt")}
    assert own == {"epigpt", "epigpt.models", "epigpt.models.auto"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "imports",
    [
        "import epigpt\nfrom transformers import AutoModelForSequenceClassification",
        "from transformers import AutoModelForSequenceClassification\nimport epigpt",
        "import epigpt, transformers\nAutoModelForSequenceClassification ="
        " transformers.AutoModelForSequenceClassification",
    ],
)
def test_the_auto_class_opens_a_finished_model(imports: str, finished: Path, root: Path) -> None:
    folder = finished / "models" / "tiny" / "final"
    program = f"""{imports}
model = AutoModelForSequenceClassification.from_pretrained({str(folder)!r})
print(type(model).__name__, model.config.num_labels)"""
    assert bare(program, root).split()[-2:] == ["GeneValuesForSequenceClassification", "2"]


def test_every_public_name_is_there_and_an_unknown_one_is_not() -> None:
    for name in epigpt.__all__:
        assert getattr(epigpt, name)
        assert name in dir(epigpt)
    importlib.import_module("epigpt.prediction.command")
    assert callable(epigpt.predict)
    with pytest.raises(AttributeError, match="nothing"):
        epigpt.nothing  # noqa: B018


@pytest.mark.parametrize("module", ["results", "prediction.of_anndata", "training.planning"])
def test_the_examples_run(module: str, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parent.parent)
    outcome = doctest.testmod(importlib.import_module(f"epigpt.{module}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_tables_have_the_types_of_the_schema(finished: Path) -> None:
    results = epigpt.load_results(finished)
    assert results.tables == ["samples", "metrics"]
    metrics = results.metrics
    assert str(metrics["estimate"].dtype) == "float64"
    assert metrics["n_samples"].tolist() == [10]
    assert metrics["p"].isna().all()
    assert results.table("samples")["label"].tolist()[:2] == CLASSES
    assert results.verdict["verdict"] == "no_evidence"
    with pytest.raises(InputError, match="ask for 'metrics'"):
        results.table("metric")
    with pytest.raises(InputError, match="has not written it"):
        results.table("markers")
    with pytest.raises(InputError, match="name one of its folders: airway"):
        epigpt.load_results(finished.parent)


def test_encode_is_what_the_run_encodes(finished: Path) -> None:
    """The first view of the token store, whatever the order of rows and columns."""
    stored = token_dataset.load(finished / "tokens" / "final")
    adata = anndata.read_h5ad(finished / "expression.h5ad")
    turned = adata[::-1, ::-1].copy()
    encoded = epigpt.encode(turned, encoding="gene-values", max_genes=16, vocabulary_genes=40)
    place = encoded.obs_names.get_indexer(stored.index["observation"])
    np.testing.assert_array_equal(encoded.obsm["tokens"][place], stored.tokens[:, 0])
    np.testing.assert_array_equal(encoded.obsm["values"][place], stored.values[:, 0])
    np.testing.assert_array_equal(encoded.obs["n_tokens"].to_numpy()[place], stored.lengths[:, 0])
    assert encoded.uns["tokens"]["genes"] == list(stored.vocabulary.genes)
    assert "tokens" not in turned.obsm
    encoded.write_h5ad(finished / "encoded.h5ad")


def test_held_out_observations_leave_no_trace_in_the_reference() -> None:
    adata = series()
    adata.obs["train"] = np.arange(10) < 6
    other = adata.copy()
    other.X = other.X.toarray()
    other.X[6:] = other.X[6:, ::-1] * 3
    first, second = (epigpt.encode(data, max_genes=8, training="train") for data in (adata, other))
    np.testing.assert_array_equal(first.obsm["values"][:6], second.obsm["values"][:6])
    assert not np.array_equal(first.obsm["values"][6:], second.obsm["values"][6:])


def test_predict_gives_what_the_command_gives(
    finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    results = epigpt.load_results(finished)
    model = epigpt.load_model(results.model_folder())
    scored = epigpt.predict(model, results.counts[::-1].copy())
    np.testing.assert_allclose(scored.obsm["probability"].sum(axis=1), 1, atol=1e-6)
    command = [
        *("predict", str(results.model_folder()), str(finished / "counts.h5ad")),
        *("--output", str(tmp_path / "scored.tsv")),
    ]
    assert cli.main(command) == 0
    written = pd.read_csv(tmp_path / "scored.tsv", sep="\t").pivot_table(
        index="sample", columns="class", values="probability"
    )
    np.testing.assert_allclose(
        scored.obsm["probability"].loc[written.index, CLASSES], written[CLASSES], atol=1e-5
    )
    assert set(scored.obs["predicted"]) <= set(CLASSES)


def test_cells_of_a_sample_share_its_probabilities(finished: Path) -> None:
    model = epigpt.load_model(epigpt.load_results(finished).model_folder())
    adata = series()
    adata.obs["sample"] = ["one"] * 6 + ["two"] * 4
    adata.uns = {"assay": "single_cell"}
    scored = epigpt.predict(model, adata)
    assert len(scored.obsm["probability"].drop_duplicates()) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda adata: setattr(adata, "X", adata.X * 0.5), "put the counts into"),
        (lambda adata: setattr(adata, "X", adata.X * -1), "put the counts into"),
        (lambda adata: setattr(adata, "var_names", ["same"] * 60), "var_names_make_unique"),
        (lambda adata: adata.uns.update(assay="spatial"), "bulk, single_cell"),
    ],
)
def test_what_cannot_be_encoded_is_refused(change: Any, message: str) -> None:
    adata = series()
    change(adata)
    with pytest.raises(InputError, match=message):
        epigpt.encode(adata)


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_training_observations_are_named_one_by_one() -> None:
    adata = series()
    for wrong in ([True] * 3, np.zeros(10, dtype=bool), np.arange(10)):
        with pytest.raises(InputError, match="boolean"):
            epigpt.encode(adata, training=wrong)
    with pytest.raises(InputError, match="no column 'trian'"):
        epigpt.encode(adata, training="trian")
    with pytest.raises(InputError, match="gene-values"):
        epigpt.encode(adata, encoding="gene-value")
