"""The stage evaluate: its files, its columns, and its independence of file order."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from epigpt.evaluation import permutation_test
from epigpt.stages import evaluate as stage

COLUMNS = ["model", "repeat", "fold", "sample", "group", "truth", "class", "probability"]
CLASSES = ["control", "case"]
OUTPUTS = ("predictions", "metrics", "verdict", "confounding", "comparison", "calibration", "null")


@pytest.fixture
def folder(tmp_path):
    """Twelve samples, two repeats of three folds, GPT-2 perfect and logistic regression nearly
    so."""
    names = [f"S{i:02d}" for i in range(12)]
    truth = np.array(["control", "case"] * 6)
    samples = pd.DataFrame(
        {"sample": names, "label": truth, "group": names, "batch": ["B1"] * 6 + ["B2"] * 6}
    )
    samples.to_csv(tmp_path / "samples.tsv", sep="\t", index=False)
    quality = pd.DataFrame({"sample": names, "total_counts": np.arange(12) % 5 + 100})
    quality.to_csv(tmp_path / "quality.tsv", sep="\t", index=False)
    (tmp_path / "reading.json").write_text('{"label": {"column": "disease"}}', encoding="utf-8")
    (tmp_path / "locus.json").write_text('{"excluded": 0, "locus": null}', encoding="utf-8")
    folds = pd.concat(
        [
            pd.DataFrame(
                {"sample": names, "group": names, "repeat": r, "fold": (np.arange(12) // 2 + r) % 3}
            )
            for r in (0, 1)
        ]
    )
    folds.to_csv(tmp_path / "folds.tsv", sep="\t", index=False)
    summary(tmp_path, assessable=True, reason="")
    random = np.random.default_rng(0)
    for model, right in (("finetuned", 0.9), ("logistic_l2", 0.6), ("majority", None)):
        rows = folds.assign(model=model, truth=np.tile(truth, 2))
        certain = 0.5 if right is None else right + random.normal(0, 0.08, len(rows))
        case = np.where(rows["truth"] == "case", certain, 1 - certain).clip(0, 1)
        long = pd.concat(
            [
                rows.assign(**{"class": "case", "probability": case}),
                rows.assign(**{"class": "control", "probability": 1 - case}),
            ]
        )
        for (repeat, fold), part in long.groupby(["repeat", "fold"]):
            part[COLUMNS].to_csv(
                tmp_path / f"in.{model}.{repeat}.{fold}.tsv",
                sep="\t",
                index=False,
                float_format="%.6g",
            )
    return tmp_path


def summary(folder, **content):
    (folder / "folds.json").write_text(
        json.dumps({"classes": CLASSES, **content}), encoding="utf-8"
    )


def run(monkeypatch, folder, tag="out", reverse=False, nulls=(), fixed=0, **settings):
    given = {"model": "tiny", "bootstrap": 200, "seed": 1, "ignore_confounders": []}
    given |= {"permutations.fixed": fixed, **settings}
    tables = sorted(map(str, folder.glob("in.*.tsv")), reverse=reverse)
    arguments = [
        "--settings",
        json.dumps(given),
        "--folds",
        folder / "folds.tsv",
        "--summary",
        folder / "folds.json",
    ]
    arguments += ["--samples", folder / "samples.tsv", "--quality", folder / "quality.tsv"]
    arguments += ["--reading", folder / "reading.json", "--locus", folder / "locus.json"]
    arguments += ["--finetuned", *tables]
    arguments += ["--refitted", *nulls] if nulls else []
    for name in OUTPUTS:
        arguments += [f"--{name}", folder / f"{tag}.{name}"]
    monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, arguments)])
    stage.main()
    return {name: (folder / f"{tag}.{name}").read_text(encoding="utf-8") for name in OUTPUTS}


def test_files_hold_the_contract_columns(folder, monkeypatch):
    written = run(monkeypatch, folder)
    predictions = pd.read_csv(folder / "out.predictions", sep="\t")
    assert list(predictions.columns) == [*COLUMNS, "threshold"]
    assert set(predictions["threshold"]) == {0.5}
    assert len(predictions) == 3 * 2 * 12 * 2
    assert predictions["class"].tolist()[:2] == CLASSES
    metrics = pd.read_csv(folder / "out.metrics", sep="\t")
    assert metrics["model"].unique().tolist() == ["finetuned", "logistic_l2", "majority"]
    assert metrics.set_index(["model", "metric"]).loc[("finetuned", "auc"), "estimate"] == 1
    assert metrics[["null_mean", "p"]].isna().all(axis=None)
    verdict = json.loads(written["verdict"])
    assert verdict["verdict"] == "as_good"
    assert (
        verdict["sentence"].startswith(
            "'case' and 'control' can be told apart in samples that the model has not seen (12 samples)"
        )
        or "are separable" in verdict["sentence"]
    )
    assert {
        "reason",
        "auc",
        "badge",
        "tone",
        "remedy",
        "methods",
        "best_rival",
        "difference_to_best_rival",
        "confounders",
        "ignored_confounders",
        "smallest_auc_that_could_be_shown",
    } <= set(verdict)
    assert pd.read_csv(folder / "out.comparison", sep="\t")["versus"].tolist() == [
        "logistic_l2",
        "majority",
    ]
    assert pd.read_csv(folder / "out.confounding", sep="\t")["characteristic"].tolist() == [
        "batch",
        "read depth",
    ]


@pytest.mark.slow
def test_order_of_files_does_not_matter(folder, monkeypatch):
    assert run(monkeypatch, folder, "one") == run(monkeypatch, folder, "other", reverse=True)


def test_confounded_and_accepted(folder, monkeypatch):
    samples = pd.read_csv(folder / "samples.tsv", sep="\t")
    samples["day"] = np.where(samples["label"] == "case", "4", "0")
    samples.to_csv(folder / "samples.tsv", sep="\t", index=False)
    assert json.loads(run(monkeypatch, folder)["verdict"])["verdict"] == "confounded"
    accepted = json.loads(run(monkeypatch, folder, ignore_confounders=["day"])["verdict"])
    assert accepted["verdict"] == "as_good"
    assert accepted["ignored_confounders"] == ["day"]


def test_null_gives_p_and_enters_the_verdict(folder, monkeypatch):
    null = pd.DataFrame(
        [("finetuned", i, "auc", 1.0 if i < 5 else 0.4) for i in range(19)],
        columns=["model", "permutation", "metric", "value"],
    )
    null.to_csv(folder / "null.tsv", sep="\t", index=False)
    decided = json.loads(run(monkeypatch, folder, nulls=[folder / "null.tsv"])["verdict"])
    assert decided["verdict"] == "signal_missed"
    assert (
        "permuted labels do as well too often for it to be more than luck (p 0.3)"
        in decided["reason"]
    )
    assert decided["p"] == pytest.approx(6 / 20)
    metrics = pd.read_csv(folder / "out.metrics", sep="\t").set_index(["model", "metric"])
    assert metrics.loc[("finetuned", "auc"), "p_floor"] == pytest.approx(0.05)
    assert np.isnan(metrics.loc[("logistic_l2", "auc"), "p"])


@pytest.mark.slow
def test_predictions_that_stay_as_they_are_give_a_cheaper_null_that_says_so(folder, monkeypatch):
    decided = json.loads(run(monkeypatch, folder, fixed=99)["verdict"])
    assert decided["verdict"] == "as_good"
    assert decided["permutations"] == {"number": 99, "kind": "fixed predictions"}
    assert "against held-out predictions left as they are" in decided["methods"]
    assert decided["p"] == pytest.approx(
        0.01, abs=0.011
    )  # a perfect score is rare under any permutation of twelve labels
    chance = pd.read_csv(folder / "out.null", sep="\t")
    assert abs(chance[chance["metric"] == "auc"]["value"].mean() - 0.5) < 0.1
    assert json.loads(run(monkeypatch, folder)["verdict"])["permutations"]["number"] == 0


def test_not_assessable_writes_headers_and_the_reason(folder, monkeypatch):
    summary(folder, assessable=False, reason="class 'case' has 2 groups")
    header = "\t".join(COLUMNS) + "\n"
    for path in folder.glob("in.*.tsv"):
        path.write_text(header, encoding="utf-8")
    written = run(monkeypatch, folder)
    assert written["predictions"] == header.replace("\n", "\tthreshold\n")
    assert (
        written["metrics"]
        == "model\tpreset\tmetric\testimate\tlow\thigh\tnull_mean\tp\tp_floor\tn_samples\tn_groups\n"
    )
    decided = json.loads(written["verdict"])
    assert decided["verdict"] == "not_assessable"
    assert "class 'case' has 2 groups" in decided["sentence"]


def test_predictions_that_are_not_of_these_folds_are_refused_and_nothing_is_written(
    folder, monkeypatch, capsys
):
    next(folder.glob("in.majority.*")).unlink()
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, folder)
    assert stopped.value.code == 1
    assert "majority" in capsys.readouterr().err
    assert not list(folder.glob("out.*"))


def test_later_permutations_are_run_only_where_p_can_still_be_small():
    chance = np.r_[np.full(15, 0.4), np.full(5, 0.9)]
    assert permutation_test.is_settled(0.8, chance)
    assert not permutation_test.is_settled(0.95, chance)
    # Five of 20 leave p above 0.05, whatever 79 more would have shown.
    assert (5 + 1) / (99 + 1) > 0.05


def test_the_stage_null_leaves_out_what_cannot_change_the_answer(folder, monkeypatch):
    from epigpt.stages import null

    looked = pd.DataFrame(
        [("finetuned", i, "auc", 1.0) for i in range(20)],
        columns=["model", "permutation", "metric", "value"],
    )
    looked.to_csv(folder / "looked.tsv", sep="\t", index=False)
    arguments = ["--settings", '{"model": "tiny"}', "--summary", folder / "folds.json"]
    arguments += ["--folds", folder / "folds.tsv", "--first", "20", "--last", "25"]
    arguments += ["--looked", folder / "looked.tsv", "--scores", folder / "later.tsv"]
    arguments += ["--true", *sorted(folder.glob("in.finetuned.*.tsv"))]
    monkeypatch.setattr(sys, "argv", ["null", *map(str, arguments)])
    null.main()
    assert (folder / "later.tsv").read_text() == "model\tpermutation\tmetric\tvalue\n"


def test_libraries_of_one_donor_stand_in_the_first_lines(folder, monkeypatch):
    samples = pd.read_csv(folder / "samples.tsv", sep="\t", dtype=str)
    samples.assign(group=[f"own{at}" for at in range(12)]).to_csv(
        folder / "samples.tsv", sep="\t", index=False
    )
    told = json.loads(run(monkeypatch, folder)["verdict"])
    assert "12 samples differ from each other by no more than sequencing does" in told["notes"][0]


def test_a_repeating_donor_with_every_sample_its_own_group_is_a_warning(folder, monkeypatch):
    samples = pd.read_csv(folder / "samples.tsv", sep="\t", dtype=str)
    samples["animal id"] = [f"m{at // 2}" for at in range(12)]
    samples.to_csv(folder / "samples.tsv", sep="\t", index=False)
    told = json.loads(run(monkeypatch, folder)["verdict"])
    assert "'animal id' repeats (6 values in 12 samples)" in told["notes"][0]
    assert "column group" in told["notes"][0]


def test_too_few_permutations_decide_nothing_and_are_said(folder, monkeypatch):
    columns = ["model", "permutation", "metric", "value"]
    null = pd.DataFrame([("finetuned", i, "auc", 0.4) for i in range(5)], columns=columns)
    null.to_csv(folder / "null.tsv", sep="\t", index=False)
    told = json.loads(run(monkeypatch, folder, nulls=[folder / "null.tsv"])["verdict"])
    assert told["verdict"] == "as_good"
    assert "Only 5 permutations were run" in told["notes"][0]
    # Where some of them do as well as the true labels, few are enough to say so.
    null.assign(value=1.0).to_csv(folder / "null.tsv", sep="\t", index=False)
    told = json.loads(run(monkeypatch, folder, nulls=[folder / "null.tsv"])["verdict"])
    assert told["verdict"] == "signal_missed"
