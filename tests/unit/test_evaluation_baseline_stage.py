"""The stages of the baselines: tables, permutations of the whole pipeline, the learning curve."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from baseline_series import COLUMNS, auc, folds_of, series, write
from epigpt.dataset import expression_data
from epigpt.encoding.nested_folds import nested_splits
from epigpt.errors import InputError
from epigpt.evaluation import (
    baselines,
    learning_curve,
    permutation_test,
    predictions,
)
from epigpt.stages import baseline as stage
from epigpt.stages import baseline_null as null_stage
from epigpt.stages import learning_curve as curve_stage


def test_nested_splits_keep_groups_whole_and_give_up_where_a_class_has_one():
    data = series(n=12, per_group=2)
    for train, test in nested_splits(data.label, data.group, 1):
        assert not set(data.group[train]) & set(data.group[test])
        assert set(data.label[train]) == set(data.label)
    assert len(nested_splits(data.label, data.group, 1)) == 3
    assert nested_splits(np.array(["a", "a", "b", "b"]), np.array(["1", "1", "2", "3"]), 1) == []
    few = baselines.subset(data, np.array([0, 1, -1, -2]))
    assert baselines.fit("logistic_l2", few, 1).pipeline.predict(few.lognorm).size == 4


def test_a_group_on_both_sides_is_refused():
    data = series(n=12)
    folds = folds_of(data, 3)
    shared = expression_data.ExpressionData(
        data.lognorm, data.sample, data.label, np.array(["same"] * 12)
    )
    with pytest.raises(InputError, match="same"):
        baselines.cross_predict("majority", shared, folds, 1)


def test_predictions_on_other_samples_are_refused():
    data = series(n=12)
    folds = folds_of(data, 3)
    predicted = baselines.cross_predict("majority", data, folds, 1)
    with pytest.raises(InputError, match="majority"):
        predictions.by_model(predicted[predicted["sample"] != "S000"], folds, ["class0", "class1"])


def test_stage_writes_the_same_table_for_any_number_of_threads(tmp_path, monkeypatch):
    data = series(n=12, genes=60)
    write(tmp_path / "expression.h5ad", data)
    folds_of(data, 3).to_csv(tmp_path / "folds.tsv", sep="\t", index=False)
    for threads in (1, 4):
        run(monkeypatch, tmp_path, f"{threads}.tsv", "--threads", str(threads))
    assert (tmp_path / "1.tsv").read_bytes() == (tmp_path / "4.tsv").read_bytes()


def test_not_assessable_gives_a_header_only(tmp_path, monkeypatch):
    write(tmp_path / "expression.h5ad", series(n=4, genes=20))
    (tmp_path / "folds.tsv").write_text("sample\tgroup\trepeat\tfold\n", encoding="utf-8")
    run(monkeypatch, tmp_path, "none.tsv")
    run(monkeypatch, tmp_path, "null.tsv", started=null_stage)
    assert (tmp_path / "null.tsv").read_text(encoding="utf-8") == "\t".join(
        permutation_test.NULL_COLUMNS
    ) + "\n"
    assert (tmp_path / "none.tsv").read_text(encoding="utf-8") == "\t".join(COLUMNS) + "\n"
    assert predictions.collect([tmp_path / "none.tsv"]).empty
    run(monkeypatch, tmp_path, "curve.tsv", started=curve_stage)
    assert (tmp_path / "curve.tsv").read_text(encoding="utf-8") == "\t".join(
        learning_curve.COLUMNS
    ) + "\n"


def test_a_curve_has_the_first_draws_of_the_folds_alone(monkeypatch):
    data = series(n=12, genes=60)
    folds = folds_of(data, 3, repeats=3)
    # Whatever the model; this one fits in no time.
    all_of_them = learning_curve.curve("ktsp", data, folds, ["class0", "class1"], 1)
    monkeypatch.setattr(learning_curve, "MOST_DRAWS", 2)
    first = learning_curve.curve("ktsp", data, folds, ["class0", "class1"], 1)
    assert first.equals(all_of_them[all_of_them["repeat"] < 2].reset_index(drop=True))
    assert sorted(set(all_of_them["repeat"])) == [0, 1, 2]


def test_stage_scores_as_many_permutations_as_asked(tmp_path, monkeypatch):
    data = series(n=12, genes=60)
    write(tmp_path / "expression.h5ad", data)
    folds_of(data, 3).to_csv(tmp_path / "folds.tsv", sep="\t", index=False)
    run(monkeypatch, tmp_path, "null.tsv", started=null_stage)
    chance = pd.read_csv(tmp_path / "null.tsv", sep="\t")
    assert list(chance.columns) == permutation_test.NULL_COLUMNS
    assert sorted(set(chance["permutation"])) == [0, 1]


def run(monkeypatch, folder, output, *more, started=stage):
    (folder / "folds.json").write_text('{"classes": ["class0", "class1"]}', encoding="utf-8")
    command = [
        "stage",
        "--baseline",
        "logistic_l2",
        "--settings",
        '{"seed": 1, "permutations.baselines": 2}',
        "--expression",
        folder / "expression.h5ad",
    ]
    command += [
        "--folds",
        folder / "folds.tsv",
        "--summary",
        folder / "folds.json",
        {stage: "--predictions", null_stage: "--scores"}.get(started, "--curve"),
        folder / output,
    ]
    monkeypatch.setattr(sys, "argv", list(map(str, [*command, *more])))
    started.main()


@pytest.mark.slow
def test_null_is_the_whole_pipeline_with_folds_drawn_anew():
    data = series(n=12, genes=100, effect=4)
    table = permutation_test.NULL_COLUMNS
    scored = baselines.permuted_scores(
        "logistic_l2", data, folds_of(data, 3), classes=["class0", "class1"], seed=1, permutations=4
    )
    assert list(scored.columns) == table
    values = scored[scored["metric"] == "auc"]["value"]
    assert len(values) == 4
    assert values.mean() < 0.9
    assert scored.equals(
        baselines.permuted_scores(
            "logistic_l2",
            data,
            folds_of(data, 3),
            classes=["class0", "class1"],
            seed=1,
            permutations=4,
        )
    )
    assert baselines.permuted_scores(
        "logistic_l2", data, folds_of(data, 3), classes=["class0", "class1"], seed=1, permutations=0
    ).empty


@pytest.mark.slow
def test_learning_curve_rises_with_groups_and_ends_at_the_model_itself():
    data = series(n=40, genes=300, effect=0.9)
    folds = folds_of(data, 4)
    classes = ["class0", "class1"]
    curve = learning_curve.curve("pca_logistic", data, folds, classes, seed=1)
    assert list(curve.columns) == learning_curve.COLUMNS
    assert curve["n_groups"].is_monotonic_increasing
    assert curve["n_groups"].iloc[-1] == 30
    assert curve["auc"].iloc[-1] > curve["auc"].iloc[0]
    assert curve["auc"].iloc[-1] == pytest.approx(
        auc(baselines.cross_predict("pca_logistic", data, folds, 1), classes)
    )


def test_the_genes_that_a_lasso_weighs_are_named_the_heaviest_first():
    data = series(planted=3, effect=4.0)
    names = np.array([f"g{at:03d}" for at in range(data.lognorm.shape[1])])
    drawn = pd.DataFrame({"sample": data.sample})
    found = baselines.deciding_genes("logistic_l1", replace(data, genes=names), drawn, 1)
    assert set(found[:2]) <= {"g000", "g001", "g002"}
    assert len(found) < len(names)
