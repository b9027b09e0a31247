"""The reporting sheet: every answer follows the files, and none is given without them."""

import json

import pandas as pd
import pytest

from epigpt.evaluation import reporting_evidence, reporting_sheet

CLASSES = ["control", "epilepsy"]


@pytest.fixture
def folder(tmp_path):
    """Results of eight mice from four litters, two models, two folds."""
    samples = pd.DataFrame(
        {
            "sample": [f"s{at}" for at in range(8)],
            "label": CLASSES * 4,
            "group": [f"l{at // 2}" for at in range(8)],
        }
    )
    folds = samples[["sample", "group"]].assign(repeat=0, fold=[0, 0, 0, 0, 1, 1, 1, 1])
    rows = folds.assign(truth=samples["label"])
    predictions = pd.concat(
        rows.assign(model=model, **{"class": name}, probability=0.5, threshold=0.5)
        for model in ("finetuned", "logistic_l2")
        for name in CLASSES
    )
    metrics = pd.DataFrame(
        [
            (model, metric, 0.8, 0.6, 0.9)
            for model in ("finetuned", "logistic_l2")
            for metric in ("auc", "brier")
        ],
        columns=["model", "metric", "estimate", "low", "high"],
    )
    tables = {
        "samples": samples,
        "folds": folds,
        "predictions": predictions,
        "metrics": metrics,
        "confounding": pd.DataFrame({"characteristic": ["sex"]}),
        "quality": pd.DataFrame({"sample": ["s8"], "kept": ["false"], "reason": ["few counts"]}),
        "geo/manifest": pd.DataFrame({"file": ["counts.tsv"]}),
    }
    (tmp_path / "geo").mkdir()
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    contents = {
        "verdict": {
            "question": "Can it?",
            "unit": "litters",
            "groups_per_class": {"control": 4, "epilepsy": 4},
            "confounders": [],
            "ignored_confounders": [],
            "p": 0.01,
            "permutations": {"number": 99, "kind": "refitted"},
            "smallest_auc_that_could_be_shown": 0.92,
            "repeats": 1,
            "short": "as good",
        },
        "reading": {"organism": "mouse", "assay": "bulk", "series": {"title": "A series"}},
        "folds": {"checksum": "abc"},
        "locus": {"tested": True, "locus": None},
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    for fold in (0, 1):
        place = tmp_path / f"models/tiny/repeat0/fold{fold}"
        place.mkdir(parents=True)
        (place / "vocabulary.json").write_text(str(fold), encoding="utf-8")
    return tmp_path


def sheet(folder, **row):
    provenance = {
        "epigpt": {"version": "1", "git": "abc"},
        "settings": {"model": "tiny", "weights": "none", "row": {"source": "GSE1", **row}},
    }
    told = reporting_sheet.sheet(reporting_evidence.read(folder, provenance))
    assert list(told.columns) == reporting_sheet.COLUMNS
    assert told["item"].is_unique
    assert (told["answer"] != "").all()
    return told.set_index("item")["answer"]


def change(folder, name, **content):
    path = folder / f"{name}.json"
    before = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(before | content), encoding="utf-8")


def test_answers_are_those_of_the_files(folder):
    found = sheet(folder)
    assert found["leakage: donors in training and test at once"] == "none"
    assert found["preprocessing fitted on training folds only"].startswith("a vocabulary of its")
    assert found["discrimination"] == "AUC 0.80 [0.60, 0.90]"
    assert found["sample size and power"].startswith(
        "4 control, 4 epilepsy (in all); an AUC of 0.92"
    )
    assert found["baselines"] == "logistic_l2"
    assert found["data availability"] == "public: GEO GSE1"
    assert found["samples left out"] == "1"
    assert found["threshold"] == "0.5"


def test_a_donor_on_both_sides_is_not_answered_with_none(folder):
    folds = pd.read_csv(folder / "folds.tsv", sep="\t")
    folds.loc[0, "fold"] = 1
    folds.to_csv(folder / "folds.tsv", sep="\t", index=False)
    found = sheet(folder)
    assert found["leakage: donors in training and test at once"] == "1"
    key = "leakage: each sample predicted once per draw, by models that were not trained on it"
    assert found[key] == "not by finetuned, logistic_l2"


@pytest.mark.parametrize(
    ("file", "content", "item", "said"),
    [
        (
            "locus",
            {"tested": False, "reason": "rat"},
            "leakage: deciding genes crowd one locus",
            "could not be checked",
        ),
        (
            "locus",
            {"locus": {"chromosome": "2", "symbols": ["Scn1a"]}},
            "leakage: deciding genes crowd one locus",
            "yes, around chromosome 2: Scn1a",
        ),
        (
            "verdict",
            {"confounders": ["date"]},
            "leakage: characteristics that go with the classes",
            "date",
        ),
        ("reading", {"simulated": True}, "data availability", "not known to be public"),
    ],
)
def test_what_was_found_is_what_is_said(folder, file, content, item, said):
    change(folder, file, **content)
    assert sheet(folder)[item] == said


def test_without_models_nothing_is_claimed(folder):
    for name in ("folds", "predictions", "metrics", "confounding"):
        path = folder / f"{name}.tsv"
        pd.read_csv(path, sep="\t").iloc[:0].to_csv(path, sep="\t", index=False)
    for path in folder.glob("models/*/*/*/vocabulary.json"):
        path.unlink()
    found = sheet(folder)
    assert found["preprocessing fitted on training folds only"] == "could not be checked"
    assert found["leakage: characteristics that go with the classes"] == "could not be checked"
    assert found["leakage: libraries of one donor"] == "could not be checked"
    for item in ("discrimination", "calibration", "threshold"):
        assert found[item] == "no model was tested"
    assert found["uncertainty"] == "none"
    assert found["baselines"] == "none"


def test_libraries_of_one_donor_are_counted(folder):
    samples = pd.read_csv(folder / "samples.tsv", sep="\t")
    samples.assign(group=samples["sample"]).to_csv(folder / "samples.tsv", sep="\t", index=False)
    assert sheet(folder)["leakage: libraries of one donor"].startswith(
        "8 samples are libraries of 4"
    )
