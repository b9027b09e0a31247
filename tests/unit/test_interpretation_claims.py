"""Claims: judged by the sum of a gene's copies, corrected among themselves, and no more than the answer allows."""

import json
import sys

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.stats

from epigpt.dataset import csr_rows
from epigpt.interpretation import (
    balance,
    claims,
    donor_statistics,
    markers,
)
from epigpt.stages import enrichment as enrichment_stage
from epigpt.stages import markers as stage
from marker_evidence import CLASSES, zebrafish


def judged(genes, values, samples, tested, organism="zebrafish"):
    table = markers.assess(organism, genes, tested)
    expression = donor_statistics.pooled(
        [values], list(samples.index), list(genes.index), markers.members(table)
    )
    sets = markers.score_sets(table, expression, samples, CLASSES)
    scores = balance.score(expression, samples)
    return claims.judge(
        claims.Evidence(table, sets, scores, expression, samples, CLASSES)
    ).set_index("claim")


def test_claims_about_genes_with_two_copies_go_by_their_sum():
    # One copy rises and the other falls by as much: the sum of equals does not fall.
    found = judged(*zebrafish(gria1a=1.5, gria1b=1.5, gria2a=-1.0, gria2b=0.6, fosb=1.0))
    assert list(found.reset_index().columns) == claims.CLAIMS
    assert found.loc["GRIA1 up", "verdict"] == "supported"
    assert "gria1a+gria1b summed" in found.loc["GRIA1 up", "finding"]
    assert found.loc["GRIA2 down", "verdict"] in ("not supported", "contradicted")
    assert found.loc["FOSB up", "verdict"] == "supported"
    assert len(found) == 6


def test_claims_can_be_contradicted_and_missing_genes_are_not_assessable():
    genes, values, samples, tested = zebrafish(gria1a=-1.5, gria1b=-1.5)
    keep = ~genes["symbol"].str.startswith(("sst", "fosb")).to_numpy()
    found = judged(genes[keep], values[:, keep], samples, tested)
    assert found.loc["GRIA1 up", "verdict"] == "contradicted"
    assert found.loc["FOSB up", "verdict"] == "not assessable"
    assert found.loc["SST and PVALB changed", "verdict"] == "not assessable"


def test_findings_need_three_donors_in_a_class():
    genes, values, samples, tested = zebrafish(gfap=3.0)
    few = [0, 1, 6, 7, 8]
    found = judged(genes, values[few], samples.iloc[few], tested)
    assert found.loc["astrogliosis changed", "verdict"] == "not assessable"
    assert found.loc["excitation/inhibition balance changed", "verdict"] == "not assessable"


TABLES = ("markers", "balance", "claims", "sets")


def run(monkeypatch, folder, organism, tested, answer=None):
    genes, values, samples, contrasts = zebrafish(gfap=2.0, vim=2.0, aqp4=2.0)
    obs = samples.rename_axis(None).assign(sample=samples.index)
    made = anndata.AnnData(
        scipy.sparse.csr_matrix(values), obs=obs, var=genes, uns={"organism": organism}
    )
    made.layers["lognorm"] = made.X
    made.write_h5ad(folder / "expression.h5ad")
    table = contrasts.assign(contrast="case vs control", se=0.5)[
        ["contrast", "gene", "symbol", "log2_fold_change", "se", "p", "padj"]
    ]
    table.iloc[: len(table) if tested else 0].to_csv(
        folder / "contrasts.tsv", sep="\t", index=False
    )
    (folder / "own.gmt").write_text("MINE\t\tgfap\tvim\taqp4\n", encoding="utf-8")
    arguments = [
        "markers",
        "--contrasts",
        "contrasts.tsv",
        "--expression",
        "expression.h5ad",
        "--gene-sets",
        "own.gmt",
    ]
    if answer is not None:
        (folder / "verdict.json").write_text(json.dumps(answer), encoding="utf-8")
        gfap = genes.index[genes["symbol"] == "gfap"][0]
        (folder / "attributions.tsv").write_text(f"gene\tattribution\n{gfap}\t0.25\n")
        arguments += ["--answer", "verdict.json", "--attributions", "attributions.tsv"]
    for name in TABLES:
        arguments += [f"--{name}", f"{name}.tsv"]
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", arguments)
    stage.main()
    arguments = [*arguments[:7], "--enrichment", "enrichment.tsv"]
    monkeypatch.setattr(sys, "argv", arguments)
    enrichment_stage.main()
    return {
        name: pd.read_csv(folder / f"{name}.tsv", sep="\t", keep_default_na=False)
        for name in (*TABLES, "enrichment")
    }


def test_stage_writes_every_table(tmp_path, monkeypatch):
    written = run(monkeypatch, tmp_path, "zebrafish", tested=True)
    assert list(written["markers"].columns) == markers.MARKERS
    assert list(written["claims"].columns) == claims.CLAIMS
    assert len(written["balance"]) == 12
    assert written["sets"].set_index("set").loc["MINE", "verdict"] == "changed"
    assert written["enrichment"].iloc[0][["set", "source"]].tolist() == ["MINE", "own"]
    assert float(written["enrichment"]["score"].iloc[0]) > 0
    assert written["markers"].set_index("symbol").loc["gfap", "verdict"] == "as expected"


@pytest.mark.slow
def test_observations_in_several_blocks_give_the_same_tables(tmp_path, monkeypatch):
    whole = run(monkeypatch, tmp_path, "zebrafish", tested=True)
    monkeypatch.setattr(csr_rows, "AT_ONCE", 5)
    for name, table in run(monkeypatch, tmp_path, "zebrafish", tested=True).items():
        pd.testing.assert_frame_equal(table, whole[name])


@pytest.mark.slow
@pytest.mark.parametrize("listed", [True, False])
def test_no_attribution_stands_beside_a_gene_where_the_answer_has_no_evidence(
    tmp_path, monkeypatch, listed
):
    answer = {"classes": ["control", "case"], "genes_are_listed": listed}
    written = run(monkeypatch, tmp_path, "zebrafish", tested=True, answer=answer)
    beside = written["markers"].set_index("symbol").loc["gfap", "attribution"]
    assert beside == ("0.25" if listed else "")


def test_stage_without_contrasts_or_of_another_organism(tmp_path, monkeypatch):
    assert set(run(monkeypatch, tmp_path, "zebrafish", tested=False)["markers"]["verdict"]) == {
        "not assessable"
    }
    assert all(table.empty for table in run(monkeypatch, tmp_path, "yeast", tested=True).values())


def test_claims_are_corrected_among_themselves_alone():
    from epigpt.evaluation.multiple_testing import holm

    corrected = holm([7e-5, 0.5, 0.4, np.nan, 0.2, 0.03, 0.9])
    assert corrected[0] == pytest.approx(6 * 7e-5)
    assert corrected[3] is None


@pytest.mark.parametrize(
    ("answer", "reading", "said"),
    [
        ({"classes": ["a", "b"]}, {}, "does not speak of epilepsy"),
        ({"classes": ["a", "b", "seizure"]}, {}, "3 classes"),
        (
            {"classes": ["a", "kindled"], "confounders": ["date"]},
            {},
            "'date' goes with the classes",
        ),
        ({"classes": ["a", "kindled"], "groups_per_class": {"a": 2, "kindled": 9}}, {}, "2 donors"),
        ({"classes": ["a", "kindled"], "groups_per_class": {"a": 3, "kindled": 9}}, {}, ""),
        ({"classes": ["a", "b"]}, {"series": {"title": "Kainate in mice"}}, ""),
    ],
)
def test_claims_inherit_what_stands_against_the_answer(answer, reading, said):
    found = claims.obstacle(answer, reading)
    assert said in found
    assert bool(said) == bool(found)


def test_the_key_domain_decides_where_the_record_is_silent():
    answer = {"classes": ["a", "b"], "groups_per_class": {"a": 5, "b": 5}}
    assert "does not speak of epilepsy" in claims.obstacle(answer, {})
    assert claims.obstacle(answer, {}, "epilepsy") == ""
    spoken = {"series": {"title": "Seizures"}}
    assert claims.obstacle(answer, spoken) == ""
    assert claims.obstacle(answer, spoken, "none") != ""
