"""Markers, set tests, the balance score and the claims, by donor and with co-orthologs summed."""

import json
import sys

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.stats

from epigpt.errors import InputError
from epigpt.genes.markers import EXCITATORY, INHIBITORY, SETS, marker_sets
from epigpt.interpretation import (
    balance,
    claims,
    donor_statistics,
    enrichment,
    gene_sets,
    markers,
)
from epigpt.simulation.design import CASE, Design
from epigpt.simulation.simulate import simulate
from epigpt.stages import markers as stage

CLASSES = ("case", "control")


def lognorm(counts):
    """Samples × genes, log1p of counts per million."""
    values = counts.T.to_numpy(dtype=float)
    return np.log1p(values / values.sum(axis=1, keepdims=True) * 1e6)


def described(label, group=None):
    names = [f"S{i:02d}" for i in range(len(label))]
    return pd.DataFrame(
        {"group": names if group is None else group, "label": label},
        index=pd.Index(names, name="sample"),
    )


def contrast(genes, change, padj=0.001):
    return pd.DataFrame(
        {"gene": genes, "symbol": genes, "log2_fold_change": change, "p": padj, "padj": padj}
    )


def zebrafish(**changes):
    """Six against six fish; `changes` are log2 fold changes by symbol."""
    table = marker_sets("zebrafish")
    table = table[table["gene"] != ""].drop_duplicates("gene")
    random = np.random.default_rng(0)
    samples = described(["case"] * 6 + ["control"] * 6)
    mean = pd.Series(200.0, index=table["gene"])
    factor = table.set_index("gene")["symbol"].map(changes).fillna(0.0)
    counts = pd.DataFrame(
        {
            name: random.poisson(mean * 2 ** (factor * (samples.loc[name, "label"] == "case")))
            for name in samples.index
        },
        index=mean.index,
    )
    genes = pd.DataFrame({"symbol": table["symbol"].to_numpy()}, index=mean.index)
    return genes, lognorm(counts), samples, contrast(list(mean.index), list(factor))


@pytest.mark.parametrize(
    ("expected", "change", "padj", "told"),
    [
        ("up", 1.0, 0.01, "as expected"),
        ("up", -1.0, 0.01, "opposite"),
        ("down", -1.0, 0.01, "as expected"),
        ("changed", -1.0, 0.01, "changed"),
        ("", 1.0, 0.01, "changed"),
        ("up", 1.0, 0.05, "not significant"),
        ("up", 1.0, np.nan, "not assessable"),
        ("up", np.nan, np.nan, "not assessable"),
    ],
)
def test_verdict_of_one_change(expected, change, padj, told):
    assert markers.verdict(expected, change, padj) == told


def test_markers_without_ortholog_or_test_are_not_assessable_rather_than_unchanged():
    genes, _, _, tested = zebrafish()
    tested = tested[tested["gene"] != genes.index[genes["symbol"] == "gfap"][0]]
    table = markers.assess("zebrafish", genes, tested)
    assert list(table[markers.MARKERS].columns) == markers.MARKERS
    by_symbol = table.drop_duplicates("human_symbol").set_index("human_symbol")
    assert by_symbol.loc["ARC", "verdict"] == by_symbol.loc["GFAP", "verdict"] == "not assessable"
    assert by_symbol.loc["ARC", "symbol"] == "ARC"
    assert not by_symbol.loc["ARC", "located"]
    assert (table["verdict"] == "changed").sum() + (table["verdict"] == "as expected").sum() + (
        table["verdict"] == "opposite"
    ).sum() > 50


def test_attributions_stand_beside_their_gene():
    genes, _, _, tested = zebrafish()
    gfap = genes.index[genes["symbol"] == "gfap"][0]
    table = markers.assess(
        "zebrafish", genes, tested, pd.DataFrame({"gene": [gfap], "attribution": [0.25]})
    )
    assert table.loc[table["symbol"] == "gfap", "attribution"].tolist() == [0.25]
    assert table["attribution"].notna().sum() == 1


def test_co_orthologs_are_summed_before_the_logarithm():
    values = np.log1p(np.array([[10.0, 30.0, 5.0], [20.0, 0.0, 5.0]]))
    found = donor_statistics.pooled(
        scipy.sparse.csr_matrix(values),
        ["b", "a"],
        ["x", "y", "z"],
        {"XY": ["x", "y"], "Z": ["z"], "none": ["w"]},
    )
    assert list(found.index) == ["a", "b"]
    assert list(found.columns) == ["XY", "Z"]
    assert np.allclose(np.expm1(found["XY"]), [20, 40])


def test_cells_of_a_sample_are_averaged_before_the_logarithm():
    values = np.log1p(np.array([[10.0], [30.0], [7.0]]))
    found = donor_statistics.pooled(values, ["a", "a", "b"], ["x"], {"X": ["x"]})
    assert np.allclose(np.expm1(found["X"]), [20, 7])


def test_donors_are_the_unit():
    random = np.random.default_rng(1)
    own = random.normal(size=8)
    few = described(["case"] * 4 + ["control"] * 4)
    once = donor_statistics.compare(pd.Series(own, index=few.index), few, *CLASSES)
    many = described(
        ["case"] * 40 + ["control"] * 40, group=np.repeat([f"D{i}" for i in range(8)], 10)
    )
    again = donor_statistics.compare(
        pd.Series(np.repeat(own, 10), index=many.index), many, *CLASSES
    )
    assert (once.p, once.estimate) == pytest.approx((again.p, again.estimate))
    assert (again.cases, again.controls) == (4, 4)
    expected = scipy.stats.ttest_ind(own[:4], own[4:], equal_var=False)
    assert once.p == pytest.approx(expected.pvalue)


def test_donors_that_hold_both_classes_are_compared_with_themselves():
    base = np.array([1.0, 5.0, 9.0, 20.0])
    samples = described(["case", "control"] * 4, group=np.repeat(list("abcd"), 2))
    change = np.array([1.0, 1.2, 0.9, 1.1])
    values = pd.Series(np.c_[base + change, base].ravel(), index=samples.index)
    found = donor_statistics.compare(values, samples, *CLASSES)
    assert found.paired
    assert found.p == pytest.approx(scipy.stats.ttest_rel(base + change, base).pvalue)


def test_two_donors_in_a_class_are_described_and_not_tested():
    samples = described(["case"] * 2 + ["control"] * 5)
    found = donor_statistics.compare(
        pd.Series(np.arange(7.0), index=samples.index), samples, *CLASSES
    )
    assert found.estimate == pytest.approx(0.5 - 4)
    assert np.isnan(found.p)


def test_case_against_the_rest_of_several_classes():
    samples = described(["a"] * 3 + ["b"] * 3 + ["c"] * 3)
    found = donor_statistics.compare(
        pd.Series([5.0, 6, 7, 1, 2, 3, 1, 2, 3], index=samples.index), samples, "a", ""
    )
    assert (found.cases, found.controls) == (3, 6)
    assert found.estimate == pytest.approx(4)


def test_false_discovery_rate_is_that_of_scipy_and_passes_missing_over():
    p = [0.01, np.nan, 0.2, 0.03, 0.03]
    found = donor_statistics.false_discovery_rate(p)
    assert np.isnan(found[1])
    assert np.allclose(
        found[[0, 2, 3, 4]], scipy.stats.false_discovery_control([0.01, 0.2, 0.03, 0.03])
    )
    assert np.isnan(donor_statistics.false_discovery_rate([np.nan])).all()


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
            lognorm(series.counts), list(samples.index), list(genes.index), markers.members(table)
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
        silent, list(samples.index), list(genes.index), markers.members(table)
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
        values, list(samples.index), list(genes.index), markers.members(table)
    )
    found = markers.score_sets(
        table, expression, samples, CLASSES, {"MINE": ["GFAP", "VIM", "AQP4", "NOSUCH"]}
    ).set_index("set")
    assert found.loc["MINE", "verdict"] == "changed"
    assert found.loc["MINE", "not_assessable"] == "NOSUCH"


def test_balance_lists_its_members_and_what_is_missing():
    genes, values, samples, tested = zebrafish(
        **dict.fromkeys(("gad1a", "gad1b", "gad2", "gabra1", "gabrg2"), 2.0)
    )
    expression = donor_statistics.pooled(
        values,
        list(samples.index),
        list(genes.index),
        markers.members(markers.assess("zebrafish", genes, tested)),
    )
    table = balance.score(expression, samples)
    assert list(table.columns) == balance.BALANCE
    used = set(table["excitatory"].iloc[0].split()) | set(table["inhibitory"].iloc[0].split())
    assert used | set(table["missing"].iloc[0].split()) == {*EXCITATORY, *INHIBITORY}
    means = table.groupby("label")["score"].mean()
    assert means["case"] < means["control"]
    nothing = balance.score(expression[["GFAP"]], samples)
    assert nothing["score"].isna().all()


def judged(genes, values, samples, tested, organism="zebrafish"):
    table = markers.assess(organism, genes, tested)
    expression = donor_statistics.pooled(
        values, list(samples.index), list(genes.index), markers.members(table)
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


TABLES = ("markers", "balance", "claims", "sets", "enrichment")


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
    return {
        name: pd.read_csv(folder / f"{name}.tsv", sep="\t", keep_default_na=False)
        for name in TABLES
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


def test_two_samples_are_tested_as_scipy_does_and_incomplete_pairs_within_themselves():
    random = np.random.default_rng(4)
    names = [f"s{at}" for at in range(11)]
    group = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e", "f"]
    label = ["case", "control"] * 5 + ["case"]
    values = pd.Series(random.normal(0, 1, 11), index=names)
    samples = pd.DataFrame({"group": group, "label": label}, index=names)
    whole = donor_statistics.compare(values, samples, "case", "control")
    reference = scipy.stats.ttest_rel(values.iloc[0:10:2], values.iloc[1:10:2])
    assert whole.paired
    assert whole.p == pytest.approx(reference.pvalue)
    alone = donor_statistics.compare(values, samples.assign(group=names), "case", "control")
    case = samples["label"] == "case"
    reference = scipy.stats.ttest_ind(values[case], values[~case], equal_var=False)
    assert alone.p == pytest.approx(reference.pvalue)


def test_the_key_domain_decides_where_the_record_is_silent():
    answer = {"classes": ["a", "b"], "groups_per_class": {"a": 5, "b": 5}}
    assert "does not speak of epilepsy" in claims.obstacle(answer, {})
    assert claims.obstacle(answer, {}, "epilepsy") == ""
    spoken = {"series": {"title": "Seizures"}}
    assert claims.obstacle(answer, spoken) == ""
    assert claims.obstacle(answer, spoken, "none") != ""
