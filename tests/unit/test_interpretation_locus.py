"""The locus trap: genes that decide crowd one place of the genome, or do not."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

import epigpt.stages.locus as stage
from epigpt.genes.positions import positions
from epigpt.interpretation import locus

MOUSE = positions("mouse")
TESTED = MOUSE[["symbol"]].iloc[::3]


def drawn(seed, number=locus.DECIDING):
    return list(TESTED.sample(number, random_state=seed).index)


def around(symbol, number):
    """The tested genes next to one gene, itself included."""
    here = MOUSE[MOUSE["symbol"] == symbol].iloc[0]
    near = MOUSE.loc[TESTED.index]
    near = near[near["chromosome"] == here["chromosome"]]
    return list((near["middle"] - here["middle"]).abs().nsmallest(number).index)


def test_the_neighbours_of_an_edited_gene_are_found_among_twenty_that_decide():
    found = locus.crowded("mouse", {"logistic_l1": [*drawn(1, 14), *around("Scn1a", 6)]}, TESTED)
    assert found.chromosome == "2"
    assert found.start < 66_000_000 < found.end
    assert set(around("Scn1a", 6)) <= set(found.genes)
    assert found.p <= locus.SIGNIFICANT
    inside = TESTED.index[locus.within(found, "mouse", TESTED)]
    assert set(found.genes) <= set(inside)
    assert 50 < len(inside) < len(TESTED) / 20


@pytest.mark.slow
def test_random_genes_crowd_no_place():
    false = [locus.crowded("mouse", {"finetuned": drawn(seed)}, TESTED) for seed in range(20)]
    assert sum(one is not None for one in false) <= 1


def test_genes_beyond_the_first_twenty_do_not_count():
    listed = [*drawn(2, 20), *around("Scn1a", 10)]
    assert locus.crowded("mouse", {"finetuned": listed}, TESTED) is None


def test_a_class_named_after_a_gene_that_decides_is_a_locus_of_its_own():
    genes = MOUSE[["symbol"]]
    scn1a = MOUSE.index[MOUSE["symbol"] == "Scn1a"][0]
    listed = [*drawn(3, 19), scn1a]
    assert locus.crowded("mouse", {"finetuned": listed}, genes, ("WT", "sham")) is None
    for name in ("Scn1a+/-", "Scn1aKO", "SCN1A het"):
        found = locus.crowded("mouse", {"finetuned": listed}, genes, ("WT", name))
        assert found.named == "Scn1a"
    assert locus.crowded("mouse", {"finetuned": drawn(3, 19)}, genes, ("WT", "Scn1aKO")) is None


def test_other_species_have_no_places_and_y_is_a_sex_chromosome():
    assert locus.crowded("zebrafish", {"finetuned": drawn(1)}, TESTED) is None
    crowd = MOUSE[MOUSE["symbol"].isin(["Ddx3y", "Uty", "Kdm5d", "Eif2s3y"])].index
    found = locus.crowded("mouse", {"finetuned": [*crowd, *drawn(4, 16)]}, MOUSE[["symbol"]])
    assert found.chromosome == "Y"


@pytest.fixture
def congenic(tmp_path):
    """Sixteen mice told apart by ten neighbours of Scn1a and by nothing else."""
    import anndata
    import scipy.sparse

    from epigpt.evaluation import baselines, cross_validation

    random = np.random.default_rng(0)
    genes = [*MOUSE.loc[TESTED.index].sample(700, random_state=1).index]
    genes = sorted({*genes, *around("Scn1a", 10)})
    label = np.array(["wt", "congenic"] * 8)
    counts = random.poisson(60, (16, len(genes)))
    edited = np.isin(genes, around("Scn1a", 10))
    counts[np.ix_(label == "congenic", edited)] *= 4
    names = [f"s{at:02d}" for at in range(16)]
    obs = pd.DataFrame({"sample": names, "label": label, "group": names}, index=names)
    lognorm = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e6).astype(np.float32)
    layers = {
        "counts": scipy.sparse.csr_matrix(counts.astype(np.int32)),
        "lognorm": scipy.sparse.csr_matrix(lognorm),
    }
    var = pd.DataFrame({"symbol": MOUSE.loc[genes, "symbol"].to_numpy()}, index=genes)
    uns = {"assay": "bulk", "organism": "mouse"}
    anndata.AnnData(layers["lognorm"], obs, var, uns, layers=layers).write_h5ad(
        tmp_path / "expression.h5ad"
    )
    folds = cross_validation.folds(obs.reset_index(drop=True), 4, 1, 1)
    folds.to_csv(tmp_path / "folds.tsv", sep="\t", index=False)
    (tmp_path / "folds.json").write_text(
        json.dumps({"assessable": True, "classes": ["wt", "congenic"]}), encoding="utf-8"
    )
    header = "gene\tsymbol\tattribution\tknockout_effect\trank\tp\tstability\tflags\n"
    (tmp_path / "attributions.tsv").write_text(header, encoding="utf-8")
    from epigpt.dataset import expression_data

    data = expression_data.read(tmp_path / "expression.h5ad")
    predicted = baselines.cross_predict("logistic_l1", data, folds, 1)
    predicted.to_csv(tmp_path / "logistic_l1.tsv", sep="\t", index=False)
    predicted.assign(model="finetuned").to_csv(tmp_path / "predictions.tsv", sep="\t", index=False)
    return tmp_path


@pytest.mark.slow
def test_a_congenic_line_is_said_to_be_one_and_scored_without_its_locus(congenic, monkeypatch):
    settings = {
        "model": "tiny",
        "bootstrap": 100,
        "encoding": "program-tokens",
        "gene_selection": "both",
        "max_genes": 32,
        "vocabulary_genes": 300,
        "views": 1,
        "gene_dropout": 0.0,
        "epochs": 1,
        "learning_rate": "auto",
        "global_batch_size": 8,
        "precision": "fp32",
        "tuning": "full",
        "early_stopping": 0,
        "weights": "none",
        "adapt": 0,
        "seed": 1,
        "preset": {},
    }
    given = ["--settings", json.dumps(settings)]
    for name, file in (
        ("expression", "expression.h5ad"),
        ("folds", "folds.tsv"),
        ("summary", "folds.json"),
        ("attributions", "attributions.tsv"),
        ("finetuned", "predictions.tsv"),
        ("baselines", "logistic_l1.tsv"),
        ("locus", "locus.json"),
        ("scores", "locus.tsv"),
    ):
        given += [f"--{name}", str(congenic / file)]
    monkeypatch.setattr(sys, "argv", ["locus", *given])
    stage.main()
    told = json.loads((congenic / "locus.json").read_text(encoding="utf-8"))["locus"]
    assert told["chromosome"] == "2"
    assert told["model"] == "logistic_l1"
    scores = pd.read_csv(congenic / "locus.tsv", sep="\t").set_index("model")
    assert set(scores.index) == {"finetuned", "logistic_l1"}
    assert (scores["auc"] > 0.95).all()
    assert (scores["auc_without"] < 0.9).all()
    assert (scores["low_without"] <= scores["auc_without"]).all()
