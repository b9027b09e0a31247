"""`epigpt predict`: the same probabilities as the run's own, whatever the file's shape, order or
species; refusals."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from transformers import AutoModelForSequenceClassification

import epigpt
from epigpt import files
from epigpt.cli import main
from epigpt.prediction import finished_model
from epigpt.training import held_out_predictions
from finished_models import SAMPLES, copied, predict, refusal, write_h5ad


def _of_run(run: SimpleNamespace, predicted: pd.DataFrame) -> None:
    assert predicted.columns.tolist() == ["sample", "class", "probability", "distance", "note"]
    by_class = predicted.pivot_table(index="sample", columns="class", values="probability").loc[
        SAMPLES, ["a", "b"]
    ]
    np.testing.assert_allclose(by_class.to_numpy(), run.own, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["expression.h5ad", "counts.h5ad"])
def test_the_runs_own_samples_get_the_runs_probabilities(
    run: SimpleNamespace, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    predicted = predict(run, run.folder / name)
    _of_run(run, predicted)
    assert predicted["sample"].nunique() == (11 if name == "counts.h5ad" else 10)
    assert "100 of the model's 100 genes found by id and symbol: 100.0%" in capsys.readouterr().err


@pytest.mark.slow
def test_tables_either_way_round_and_in_any_order(
    run: SimpleNamespace, counts: pd.DataFrame
) -> None:
    shuffled = counts.sample(frac=1, random_state=1).sample(frac=1, axis=1, random_state=2)
    shuffled.to_csv(run.folder / "rows.csv")
    shuffled.T.to_csv(run.folder / "columns.tsv.gz", sep="\t")
    for name in ("rows.csv", "columns.tsv.gz"):
        _of_run(run, predict(run, run.folder / name))


@pytest.mark.slow
def test_another_species_is_read_through_its_orthologs_and_copies_are_added(
    run: SimpleNamespace,
    counts: pd.DataFrame,
    genes: list[tuple[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    if run.store.recipe.encoding == "gene-sentence":
        pytest.skip(
            "views are drawn gene by gene in the order of the ids; the encodings by gene show what"
            " is to be shown"
        )
    human = counts.rename(columns=dict(genes))
    write_h5ad(run.folder / "human.h5ad", human, organism="human")
    one_view = replace(run.store.recipe, views=1)
    content = json.loads((run.model / "labels.json").read_text())
    try:
        files.write_json(run.model / "labels.json", {**content, **vars(one_view)})
        expected, across = (
            predict(run, run.folder / name) for name in ("counts.h5ad", "human.h5ad")
        )
    finally:
        files.write_json(run.model / "labels.json", content)
    assert "by orthologs (human to mouse)" in capsys.readouterr().err
    np.testing.assert_allclose(across["probability"], expected["probability"], atol=2e-6)


@pytest.mark.slow
def test_the_auto_class_gives_the_same_probabilities(run: SimpleNamespace) -> None:
    """In a process of its own test_models_auto.py shows that `import epigpt` alone registers the
    class."""
    model = AutoModelForSequenceClassification.from_pretrained(run.model).eval()
    stored, lengths = run.store, run.store.lengths[:, :1]
    batch = {"input_ids": torch.from_numpy(stored.tokens[:, 0].astype(np.int64))}
    batch["attention_mask"] = torch.from_numpy(
        (np.arange(stored.tokens.shape[2]) < lengths).astype(np.int64)
    )
    if stored.values is not None:
        batch["values"] = torch.from_numpy(np.array(stored.values[:, 0]))
    with torch.inference_mode():
        scored = torch.softmax(model(**batch).logits.double(), -1).numpy()
    own = held_out_predictions.probabilities_of_rows(
        finished_model.load(run.model).model, stored, np.arange(10), torch.device("cpu")
    )[:, 0]
    np.testing.assert_allclose(scored, own, atol=1e-6)


def test_refusals(
    run: SimpleNamespace, counts: pd.DataFrame, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    few = write_h5ad(tmp_path / "few.h5ad", counts.iloc[:, :40])
    said = refusal(capsys, run.model, few)
    assert "of the model's 100 genes found" in said
    assert "--min-matched" in said
    assert "no file" in refusal(capsys, run.model, tmp_path / "nothing.tsv")
    assert "no labels.json" not in said
    assert "no such folder" in refusal(capsys, tmp_path / "none", few)
    np.log2(counts + 1).to_csv(tmp_path / "logged.csv")
    assert "--allow-values log" in refusal(capsys, run.model, tmp_path / "logged.csv")
    assert list(tmp_path.glob("*.predicted.tsv")) == []


def _as_cells(path: Path, counts: pd.DataFrame) -> Path:
    """Write every sample as three cells, which have its counts between them."""
    random = np.random.default_rng(0)
    first = random.binomial(counts, 0.4)
    second = random.binomial(counts - first, 0.5)
    parts = [first, second, counts.to_numpy() - first - second]
    obs = pd.DataFrame({"sample": np.tile(counts.index, 3)})
    obs.index = [f"cell{number}" for number in range(len(obs))]
    data = anndata.AnnData(
        scipy.sparse.csr_matrix(np.concatenate(parts).astype(np.int32)),
        obs=obs,
        var=pd.DataFrame({"symbol": counts.columns}, index=counts.columns),
        uns={"assay": "single_cell", "organism": "mouse"},
    )
    data.write_h5ad(path)
    return path


def test_a_model_of_samples_reads_the_sums_of_new_cells(
    run: SimpleNamespace,
    counts: pd.DataFrame,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cells = _as_cells(tmp_path / "cells.h5ad", counts.iloc[:10])
    _of_run(run, predict(run, cells))
    assert "30 cells summed over 10 samples" in capsys.readouterr().err
    scored = epigpt.predict(epigpt.load_model(run.model), anndata.read_h5ad(cells))
    by_cell = scored.obsm["probability"].groupby(scored.obs["sample"].to_numpy())
    assert (by_cell.nunique() == 1).all(axis=None)
    np.testing.assert_allclose(by_cell.first().loc[SAMPLES, ["a", "b"]], run.own, atol=2e-6)


def test_few_matched_genes_are_scored_where_the_user_accepts_it(
    run: SimpleNamespace, counts: pd.DataFrame, tmp_path: Path
) -> None:
    few = write_h5ad(tmp_path / "few.h5ad", counts.iloc[:, :40])
    predicted = predict(run, few, "--min-matched", "0.1")
    np.testing.assert_allclose(predicted.groupby("sample")["probability"].sum(), 1, atol=1e-5)


@pytest.mark.parametrize("cell", ["high", "NA", ""])
def test_a_table_with_a_column_that_holds_no_numbers_is_refused(
    run: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], cell: str
) -> None:
    genes = json.loads((run.model / "vocabulary.json").read_text())["genes"]
    for other, told in (("", "column"), ("\t7", "column")):
        head = "gene\tA" + ("\tB" if other else "")
        rows = [head, *(f"{gene}\t{cell}{other}" for gene in genes)]
        (tmp_path / "a.tsv").write_text("\n".join(rows) + "\n")
        if cell == "high" and other:
            continue  # a column of texts beside samples describes genes
        assert told in refusal(capsys, run.model, tmp_path / "a.tsv")


ANSWER = {
    "series": "GSE1",
    "question": "Can 'b' be told from 'a'?",
    "short": "confounded: AUC 0.90 [0.70, 1.00] on 10 held-out samples",
    "notes": ["'date' goes with the classes."],
    "licence": "GEO restricts neither use nor distribution",
}


def test_a_model_says_where_it_comes_from_and_refuses_samples_far_beyond_its_own(
    run: SimpleNamespace,
    counts: pd.DataFrame,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    away = SimpleNamespace(model=copied(run, tmp_path))
    files.write_json(away.model / "answer.json", {**ANSWER, "largest_distance": 30.0})
    near = predict(away, write_h5ad(tmp_path / "near.h5ad", counts))
    said = capsys.readouterr().err
    for told in ("GSE1: Can 'b' be told from 'a'?", "confounded: AUC 0.90", "GEO restricts"):
        assert told in said
    assert near["note"].isna().all()
    files.write_json(away.model / "answer.json", {**ANSWER, "largest_distance": 0.1})
    far = write_h5ad(tmp_path / "far.h5ad", counts)
    assert main(["predict", str(away.model), str(far)]) == 1
    refused = capsys.readouterr().err
    assert "held-out samples of GSE1 reach 0.1" in refused
    assert "--allow-distant" in refused
    told = predict(away, far, "--allow-distant")
    assert told["note"].str.contains("further from the training samples").all()
    np.testing.assert_allclose(told["probability"], near["probability"], atol=1e-6)
