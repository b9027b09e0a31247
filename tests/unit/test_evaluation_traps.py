"""Traps through the stages that draw folds and decide: the sentence a reader sees."""

import json
import sys

import anndata
import numpy as np
import pandas as pd
import pytest

from epigpt.errors import InputError
from epigpt.evaluation import cross_validation
from epigpt.samples.classes import class_order
from epigpt.stages import evaluate
from epigpt.stages import folds as folds_stage
from epigpt.stages import foregone as foregone_stage

OUTPUTS = ("predictions", "metrics", "verdict", "confounding", "comparison", "calibration", "null")


def mice(cases, controls, paired=False, **columns):
    """A sample sheet; paired: every animal gives a sample of each class."""
    label = ["case"] * cases + ["control"] * controls
    names = [f"S{at:02d}" for at in range(cases + controls)]
    group = [f"m{at % cases}" for at in range(cases + controls)] if paired else names
    return pd.DataFrame({"sample": names, "label": label, "group": group, **columns})


def decided(folder, monkeypatch, samples, wrong=()):
    """Draw folds and decide, all models right but on the samples `wrong`."""
    obs = samples[["sample", "label", "group"]].set_index("sample", drop=False).rename_axis(None)
    anndata.AnnData(np.zeros((len(obs), 1)), obs=obs).write_h5ad(folder / "expression.h5ad")
    samples.to_csv(folder / "samples.tsv", sep="\t", index=False)
    quality = {"sample": samples["sample"], "total_counts": 100 + np.arange(len(samples)) * 7 % 11}
    pd.DataFrame(quality).to_csv(folder / "quality.tsv", sep="\t", index=False)
    (folder / "reading.json").write_text('{"label": {"column": "disease"}}', encoding="utf-8")
    settings = {"folds": 3, "repeats": 2, "seed": 1, "row.case": "case", "row.control": "control"}
    given = ["--settings", json.dumps(settings), "--expression", folder / "expression.h5ad"]
    given += ["--folds", folder / "folds.tsv", "--summary", folder / "folds.json"]
    monkeypatch.setattr(sys, "argv", ["folds", *map(str, given)])
    folds_stage.main()
    for name in ("samples.tsv", "quality.tsv", "reading.json"):
        given += [f"--{name.partition('.')[0]}", folder / name]
    given += ["--known", folder / "foregone.json"]
    monkeypatch.setattr(sys, "argv", ["foregone", *map(str, given)])
    foregone_stage.main()
    folds = cross_validation.read(folder / "folds.tsv")
    truth = folds["sample"].map(samples.set_index("sample")["label"])
    random = np.random.default_rng(0)
    right = 0.8 + random.uniform(-0.1, 0.1, len(folds))
    right = np.where(folds["sample"].isin(wrong), 1 - right, right)
    parts = []
    for model in ("finetuned", "logistic_l2"):
        for name in class_order(samples["label"], "case", "control"):
            probability = np.where(truth == name, right, 1 - right)
            parts.append(
                folds.assign(model=model, truth=truth, probability=probability, **{"class": name})
            )
    pd.concat(parts).to_csv(folder / "in.tsv", sep="\t", index=False)
    (folder / "locus.json").write_text('{"excluded": 0, "locus": null}', encoding="utf-8")
    settings = {"model": "tiny", "bootstrap": 300, "seed": 1, "ignore_confounders": []}
    given = ["--settings", json.dumps(settings | {"permutations.fixed": 0})]
    for name in ("folds.tsv", "samples.tsv", "quality.tsv", "reading.json", "locus.json"):
        given += [f"--{name.partition('.')[0]}", folder / name]
    given += ["--summary", folder / "folds.json", "--finetuned", folder / "in.tsv"]
    for name in OUTPUTS:
        given += [f"--{name}", folder / f"out.{name}"]
    monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, given)])
    evaluate.main()
    return json.loads((folder / "out.verdict").read_text(encoding="utf-8"))


def days(number):
    return [str(day.date()) for day in pd.date_range("2021-03-01", periods=number)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("samples", "verdict", "said"),
    [
        (mice(6, 6, date=days(12)), "confounded", "'date' goes with them, so a model may have"),
        (mice(6, 6, rin=list(range(12))), "confounded", "'rin' goes with them"),
        (mice(3, 3), "too_few_donors", "a perfect score arises by luck once in 10 labellings"),
        (
            mice(4, 40),
            "as_good",
            "are separable in samples that the model has not seen (44 samples)",
        ),
        (mice(8, 8, paired=True), "as_good", "not seen (16 samples of 8 donors)"),
    ],
)
def test_the_first_sentence_of_a_trap(tmp_path, monkeypatch, samples, verdict, said):
    found = decided(tmp_path, monkeypatch, samples)
    assert found["verdict"] == verdict
    assert said in found["sentence"]
    assert found["tone"] != "good"
    known = json.loads((tmp_path / "foregone.json").read_text(encoding="utf-8"))
    assert known["confounders"] == found["confounders"]
    assert known["enough_groups"] == (verdict != "too_few_donors")


def test_swapped_labels_cost_every_model_and_are_not_hidden(tmp_path, monkeypatch):
    found = decided(tmp_path, monkeypatch, mice(10, 10), wrong=("S00", "S15"))
    assert found["auc"]["finetuned"]["estimate"] <= 0.95
    assert found["verdict"] == "as_good"
    assert "not shown to do it better than simpler models" in found["sentence"]


def test_replicates_without_a_donor_column_are_folds_of_their_donor(tmp_path, monkeypatch):
    libraries = mice(12, 12)
    merged = libraries.assign(group=[f"d{at // 3}" for at in range(24)])
    decided(tmp_path, monkeypatch, merged)
    # The stage expression has joined them; the sample sheet still calls each its own donor.
    libraries.to_csv(tmp_path / "samples.tsv", sep="\t", index=False)
    evaluate.main()
    found = json.loads((tmp_path / "out.verdict").read_text(encoding="utf-8"))
    assert "24 samples differ from each other by no more than sequencing does" in found["notes"][0]
    assert "libraries of 8 donors" in found["notes"][0]
    assert "24 samples of 8 donors" in found["sentence"]


def test_a_continuous_label_is_refused_with_the_remedy():
    ages = mice(6, 6).assign(label=[f"{30 + at * 1.7:.1f}" for at in range(12)])
    with pytest.raises(InputError) as refused:
        cross_validation.assess(ages, 3)
    assert "case" in refused.value.remedy
    assert "control" in refused.value.remedy
