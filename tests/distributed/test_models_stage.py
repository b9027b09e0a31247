"""All of a data set's models in one job: the same as fit by fit, resumed and repeated alone."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.numpy import load_file

from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding import fold_sets, token_dataset
from epigpt.evaluation import refit_pipeline

FITS = ("repeat0/fold0", "repeat0/fold1", "final")
BESIDE = {
    "model": "tiny",
    "adapt": 0,
    "repeats.own": 1,
    "attributions": True,
    "knockouts": 3,
    "keep_fold_weights": False,
}


@pytest.fixture(scope="module")
def stores(run: Any) -> list[str]:
    """Tokens of two folds and of all samples; gives their folders."""
    folds = pd.read_csv(run.folder / "folds.tsv", sep="\t", dtype={"sample": str, "group": str})
    folds["fold"] %= 2
    folds.to_csv(run.folder / "two-folds.tsv", sep="\t", index=False)
    observations = open_observations(run.folder / "expression.h5ad")
    for fit in FITS:
        held = fold_sets.in_test_set(folds, fit, observations.index["sample"])
        token_dataset.write(
            run.folder / "stores" / fit,
            observations,
            held,
            ["control", "case"],
            refit_pipeline.recipe(run.settings),
        )
    contrasts = pd.DataFrame(
        {"contrast": "case", "gene": ["Gene001"], "symbol": "Gene001", "p": 0.1, "padj": 0.1}
    ).assign(base_mean=1.0, log2_fold_change=1.0, se=1.0)
    contrasts.to_csv(run.folder / "contrasts.tsv", sep="\t", index=False)
    return [f"stores/{fit}" for fit in FITS]


def _stage(run: Any, stores: list[str], output: str) -> Path:
    named = {
        "tokens": stores,
        "folds": ["two-folds.tsv"],
        "contrasts": ["contrasts.tsv"],
        "preset": ["tiny"],
        "repeats": [f"{output}/repeat0"],
        "final": [f"{output}/final"],
        "comparisons": [f"{output}-comparisons/finetuned_no_blocks.tsv"],
        "attributions": [f"{output}-attributions.tsv"],
        "agreement": [f"{output}-agreement.tsv"],
        "summary": [f"{output}-summary.json"],
        "checkpoints": [f"{output}-checkpoints"],
        "log": [f"{output}.log"],
    }
    words = [word for name, values in named.items() for word in (f"--{name}", *values)]
    finished = run.stage("epigpt.stages.models_and_attributions", *words, settings=BESIDE)
    assert finished.returncode == 0, finished.stderr
    return Path(run.folder / output)


def test_one_job_makes_models_variants_and_attributions(run: Any, stores: list[str]) -> None:
    made = _stage(run, stores, "whole")
    for fit in FITS:
        assert json.loads((made / fit / "plan.json").read_text())["steps"] > 0
        assert (made / fit / "model.safetensors").is_file()
    predictions = pd.concat(
        pd.read_csv(path, sep="\t") for path in made.rglob("repeat0/*/predictions.tsv")
    )
    assert len(set(predictions["sample"])) == 16
    variant = pd.read_csv(run.folder / "whole-comparisons/finetuned_no_blocks.tsv", sep="\t")
    assert set(variant["model"]) == {"finetuned_no_blocks"}
    assert len(pd.read_csv(run.folder / "whole-attributions.tsv", sep="\t")) > 30
    assert not (run.folder / "whole-checkpoints").exists()
    # A fit by itself gives the same weights.
    alone = run.train("alone", tokens="stores/repeat0/fold1")
    expected, found = (
        load_file(folder / "model.safetensors") for folder in (alone, made / "repeat0/fold1")
    )
    for name, weight in expected.items():
        assert (found[name] == weight).all(), name
    # Once more: nothing is trained again.
    stamps = {fit: (made / fit / "model.safetensors").stat().st_mtime_ns for fit in FITS}
    _stage(run, stores, "whole")
    assert stamps == {fit: (made / fit / "model.safetensors").stat().st_mtime_ns for fit in FITS}
    log = (run.folder / "whole.log").read_text()
    assert log.count("finished before, nothing it rests on has changed") == len(FITS)
