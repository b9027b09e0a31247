"""Gene sets: read, matched by orthologs, tested by donor, and ranked enrichment as others compute it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from epigpt.errors import InputError
from epigpt.genes.markers import SETS
from epigpt.interpretation import (
    donor_statistics,
    enrichment,
    gene_sets,
    markers,
)
from epigpt.simulation.design import CASE, Design
from epigpt.simulation.simulate import simulate
from marker_evidence import CLASSES, contrast, lognorm, zebrafish


def test_sets_of_a_simulated_series_are_found_where_planted_and_nowhere_else():
    for effect in (1.0, 0.0):
        series = simulate(3, Design(effect=effect, genes=500, others=0))
        label = np.where(series.samples["condition"] == CASE, "case", "control")
        samples = pd.DataFrame(
            {"group": series.samples["litter"].to_numpy(), "label": label},
            index=series.samples.index,
        )
        genes = pd.DataFrame({"symbol": series.counts.index}, index=series.counts.index)
        table = markers.assess("mouse", genes, contrast([], []))
        expression = donor_statistics.pooled(
            [lognorm(series.counts)], list(samples.index), list(genes.index), markers.members(table)
        )
        tested = markers.score_sets(table, expression, samples, CLASSES).set_index("set")
        directed = [name for name, known in SETS.items() if known.expected]
        if effect:
            assert (tested.loc[directed, "verdict"] == "as expected").all()
            assert tested["n_case"].tolist() == [6] * len(tested)
        else:
            assert not tested["verdict"].isin(["as expected", "opposite", "changed"]).any()


def test_sets_without_expression_say_so():
    genes, values, samples, tested = zebrafish()
    table = markers.assess("zebrafish", genes, tested)
    silent = values.copy()
    silent[:, [symbol in ("vim", "gfap") for symbol in genes["symbol"]]] = 0
    expression = donor_statistics.pooled(
        [silent], list(samples.index), list(genes.index), markers.members(table)
    )
    row = (
        markers.score_sets(table, expression, samples, CLASSES).set_index("set").loc["astrogliosis"]
    )
    assert {"VIM", "GFAP", "LCN2", "TIMP1"} <= set(row["not_assessable"].split())
    assert "AQP4" in row["genes"].split()
    two = expression[[name for name in ("SLC17A6", "SLC17A7") if name in expression]]
    assert (
        markers.score_sets(table, two, samples, CLASSES)
        .set_index("set")
        .loc["glutamatergic_identity", "verdict"]
        == "not assessable"
    )


def test_users_sets_are_tested_beside_ours():
    genes, values, samples, tested = zebrafish(gfap=2.0, vim=2.0, aqp4=2.0)
    table = markers.assess("zebrafish", genes, tested)
    expression = donor_statistics.pooled(
        [values], list(samples.index), list(genes.index), markers.members(table)
    )
    found = markers.score_sets(
        table, expression, samples, CLASSES, {"MINE": ["GFAP", "VIM", "AQP4", "NOSUCH"]}
    ).set_index("set")
    assert found.loc["MINE", "verdict"] == "changed"
    assert found.loc["MINE", "not_assessable"] == "NOSUCH"


def test_gmt_files_are_read_and_matched_by_id_or_symbol(tmp_path):
    path = tmp_path / "own.gmt"
    path.write_text(
        "MINE\thttp://x\tGFAP\tvim,1.0\tGFAP\tNOSUCH\n\nOTHER\t\tENSG1\n", encoding="utf-8"
    )
    sets = gene_sets.read(path)
    assert sets == {"MINE": ["GFAP", "vim", "NOSUCH"], "OTHER": ["ENSG1"]}
    assert gene_sets.locate(sets, ["ENSG1", "ENSG2"], ["Gfap", "Vim"]) == {
        "MINE": {"Gfap": ["ENSG1"], "Vim": ["ENSG2"]},
        "OTHER": {"Gfap": ["ENSG1"]},
    }


def test_members_of_a_human_set_are_found_as_orthologs_and_copies_stay_together():
    sets = {"HUMAN": ["GFAP", "GRIA1", "ARC"]}
    found = gene_sets.locate(
        sets, ["Z1", "Z2", "Z3"], ["gfap", "gria1a", "gria1b"], ["GFAP", "GRIA1", "GRIA1"]
    )
    assert found == {"HUMAN": {"gfap": ["Z1"], "gria1a+gria1b": ["Z2", "Z3"]}}


def test_enrichment_finds_the_set_that_gathers_at_one_end_and_not_a_scattered_one():
    random = np.random.default_rng(3)
    genes = [f"G{at:04d}" for at in range(1500)]
    table = contrast(genes, random.normal(size=1500)).assign(se=1.0)
    order = table.sort_values("log2_fold_change")["gene"].tolist()
    sets = {
        "down": order[:300:12],
        "scattered": [*random.permutation(genes)[:25], "ABSENT"],
        "tiny": genes[:2],
    }
    located = {
        name: {gene: [gene] for gene in listed if gene != "ABSENT"} for name, listed in sets.items()
    }
    asked = {name: len(listed) for name, listed in sets.items()}
    found = gene_sets.enrichment(located, asked, table, seed=1)
    assert list(found.columns) == gene_sets.ENRICHMENT
    found = found.set_index("set")
    assert found.loc["down", "score"] < -2
    # The smallest that its random sets of the same sign, about half of them, allow.
    assert 1 / enrichment.PERMUTATIONS <= found.loc["down", "p"] < 4 / enrichment.PERMUTATIONS
    assert found.loc["down", "padj"] < 0.01
    assert set(found.loc["down", "leading_genes"].split()) <= set(sets["down"])
    assert found.loc["scattered", "padj"] > 0.05
    assert found.loc["scattered", ["n_asked", "n_genes"]].tolist() == [26, 25]
    assert np.isnan(found.loc["tiny", "p"])
    pd.testing.assert_frame_equal(
        found.reset_index(), gene_sets.enrichment(located, asked, table, seed=1)
    )
    assert gene_sets.enrichment({}, {}, table, seed=1).empty


@pytest.mark.parametrize(("total", "most"), [(64, 8), (64, 9), (4000, 400)])
def test_random_sets_are_different_genes_each_as_likely_at_each_place(total, most):
    random = np.random.default_rng(1)
    drawn = np.concatenate([enrichment._draw(random, total, most) for _ in range(40)])
    assert (np.diff(np.sort(drawn, axis=1), axis=1) > 0).all()
    for place in (0, most - 1):
        found = np.bincount(drawn[:, place] * 8 // total, minlength=8)
        assert stats.chisquare(found).pvalue > 1e-4


def test_enrichment_agrees_with_gseapy():
    gseapy = pytest.importorskip("gseapy", reason="gseapy is not installed: pip install gseapy")
    random = np.random.default_rng(5)
    statistic = np.sort(random.normal(size=800))[::-1]
    names = [f"G{at:04d}" for at in range(800)]
    members = {
        f"set {at}": sorted(random.choice(800, 12 + 6 * at, replace=False, p=weight / weight.sum()))
        for at, weight in enumerate(np.exp(statistic * tilt) for tilt in np.linspace(-0.6, 0.6, 8))
    }
    own = enrichment.enrich(statistic, members, seed=1)
    theirs = gseapy.prerank(
        rnk=pd.Series(statistic, index=names),
        gene_sets={name: [names[at] for at in listed] for name, listed in members.items()},
        min_size=1,
        permutation_num=2000,
        seed=1,
        threads=1,
        outdir=None,
        no_plot=True,
    ).res2d.set_index("Term")
    for name, one in zip(members, own, strict=True):
        assert one.score == pytest.approx(float(theirs.loc[name, "NES"]), abs=0.06), name
        p = float(theirs.loc[name, "NOM p-val"])
        assert one.p == pytest.approx(p, abs=4 * np.sqrt(max(p, 1e-3) / 1000)), name
        leading = {names[at] for at in one.leading}
        assert leading == set(theirs.loc[name, "Lead_genes"].split(";")), name


def test_processes_of_the_gene_ontology_come_with_the_package():
    sets = gene_sets.processes()
    assert len(sets) > 2000
    assert all(15 <= len(genes) <= 250 for genes in sets.values())
    assert {"GABRA2", "SLC6A1"} & set(sets["gamma-aminobutyric acid signaling pathway"])
    random = np.random.default_rng(1)
    process = sets["gamma-aminobutyric acid signaling pathway"]
    genes = [*process, *(f"X{at}" for at in range(600))]
    change = random.normal(size=len(genes))
    change[: len(process)] += 2
    table = contrast([gene.title() for gene in genes], change).assign(se=1.0)
    located = gene_sets.locate(sets, list(table["gene"]), list(table["symbol"]), genes)
    asked = {name: len(listed) for name, listed in sets.items()}
    found = gene_sets.enrichment(located, asked, table, 1, gene_sets.GENE_ONTOLOGY)
    assert found["n_genes"].min() >= gene_sets.FEWEST_OF_A_PROCESS
    assert set(found["source"]) == {gene_sets.GENE_ONTOLOGY}
    best = found.set_index("set").loc["gamma-aminobutyric acid signaling pathway"]
    assert best["padj"] < 0.05
    assert best["score"] > 1.5


@pytest.mark.parametrize("text", ["MINE\tdescription\n", "MINE GFAP VIM\n"])
def test_gmt_lines_without_genes_are_refused(tmp_path, text):
    path = tmp_path / "own.gmt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        gene_sets.read(path)
    with pytest.raises(InputError, match=r"nowhere\.gmt"):
        gene_sets.read(tmp_path / "nowhere.gmt")
