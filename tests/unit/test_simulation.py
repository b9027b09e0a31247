"""Simulated series: reproducible, as designed, and never mistaken for real ones."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epigpt import cli
from epigpt.errors import InputError
from epigpt.genes.id_kinds import guess_organism, id_type
from epigpt.genes.markers import SETS, marker_sets
from epigpt.simulation.design import CASE, Design
from epigpt.simulation.epilepsy import SEX_EFFECTS, gene_names, planted_directions
from epigpt.simulation.geo_record import write_series, write_tables
from epigpt.simulation.simulate import describe_design, simulate

SMALL = Design(genes=300, others=20)
DEMO = Path("config/demo/geo-mirror/series/GSE9000nnn/GSE9000001")


def log2_difference(series) -> pd.Series:
    scaled = np.log2(series.counts / series.counts.sum() * 1e6 + 1)
    case = (series.samples["condition"] == CASE).to_numpy()
    return scaled.loc[:, case].mean(axis=1) - scaled.loc[:, ~case].mean(axis=1)


def test_the_committed_demo_series_is_what_the_command_writes(root, tmp_path, capsys):
    assert cli.main(["simulate", "--output-mirror", str(tmp_path)]) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(written) == 3
    for path in written:
        fresh, committed = (
            path.read_bytes(),
            (
                root / DEMO / path.relative_to(tmp_path / "series/GSE9000nnn/GSE9000001")
            ).read_bytes(),
        )
        if path.suffix == ".gz":
            assert committed[4:8] == fresh[4:8] == bytes(4)  # no time stamp
            # Another zlib packs the same text into other bytes, so the text is what is compared.
            fresh, committed = gzip.decompress(fresh), gzip.decompress(committed)
        assert fresh == committed


def test_the_same_seed_gives_the_same_series():
    first, again, other = simulate(3, SMALL), simulate(3, SMALL), simulate(4, SMALL)
    pd.testing.assert_frame_equal(first.counts, again.counts)
    pd.testing.assert_frame_equal(first.truth, again.truth)
    assert not first.counts.equals(other.counts)


def test_the_effect_alone_changes_nothing_else():
    planted, null = simulate(3, SMALL), simulate(3, replace(SMALL, effect=0.0))
    pd.testing.assert_frame_equal(planted.samples, null.samples)
    assert (null.truth["log2_fold_change"] == 0).all()
    untouched = planted.truth.loc[planted.truth["log2_fold_change"] == 0, "gene"]
    assert 150 < len(untouched) < 300
    pd.testing.assert_frame_equal(planted.counts.loc[untouched], null.counts.loc[untouched])


def test_the_demo_design():
    series = simulate(1)
    samples = series.samples
    assert series.counts.shape == (3000, 24)
    assert samples["litter"].nunique() == 12
    assert (samples.groupby("litter")["condition"].nunique() == 1).all()
    assert (samples.groupby("condition")["litter"].nunique() == 6).all()
    for covariate in ("sex", "batch"):
        assert pd.crosstab(samples["condition"], samples[covariate]).nunique(axis=1).eq(1).all()
        assert pd.crosstab(samples["condition"], samples[covariate]).nunique(axis=0).eq(1).all()
    assert series.counts.to_numpy().min() >= 0
    assert (series.counts.sum() > 500_000).all()
    assert id_type(series.counts.index) == "symbol"
    assert guess_organism(series.counts.index) in ("mouse", None)


def test_planted_directions_follow_the_marker_table():
    directions = planted_directions()
    assert directions["Gria1"] == "up"
    assert (
        directions["Gria2"]
        == directions["Sst"]
        == directions["Pvalb"]
        == directions["Gad1"]
        == "down"
    )
    assert (
        directions["Fosb"] == directions["Gfap"] == directions["Npy"] == directions["Aif1"] == "up"
    )
    assert not {"Grin1", "Scn1a", "Camk2a", "Slc12a2"} & directions.keys()
    table = marker_sets("mouse")
    for symbol, expected in zip(table["symbol"], table["expected"], strict=True):
        # Aqp4 is in two sets that go opposite ways; the first one decides.
        if expected in ("up", "down") and symbol != "Aqp4":
            assert directions[symbol] == expected
    assert set(planted_directions(("microglia",))) == set(
        table.loc[table["set"] == "microglia", "symbol"]
    )


def test_planted_genes_change_as_the_truth_says():
    series = simulate(2)
    difference = log2_difference(series)
    truth = series.truth.set_index("gene")
    markers = truth[(truth["log2_fold_change"] != 0) & (truth["sets"] != "")]
    assert len(markers) > 70
    assert (
        np.sign(difference[markers.index]) == np.sign(markers["log2_fold_change"])
    ).mean() >= 0.95
    # Up and down cancel, so that library size normalisation does not move the others.
    assert abs(difference[truth["log2_fold_change"] == 0].median()) < 0.15
    assert np.corrcoef(difference[markers.index], markers["log2_fold_change"])[0, 1] > 0.9


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_null_series_has_no_effect_of_the_condition(seed):
    series = simulate(seed, Design(effect=0.0, genes=1000, groups=24))
    difference = log2_difference(series)
    markers = [
        gene
        for gene in planted_directions()
        if series.truth.set_index("gene").loc[gene, "abundance"] > 1e-4
    ]
    assert abs(difference[markers].mean()) < 0.2
    assert (difference[markers].abs() > 0.7).mean() < 0.05


def test_litters_resemble_each_other_only_where_they_have_an_effect():
    def ratio(group_sd: float) -> float:
        design = Design(effect=0.0, genes=1000, groups=20, group_sd=group_sd, batch_sd=0.0)
        series = simulate(1, design)
        scaled = np.log2(series.counts / series.counts.sum() * 1e6 + 1).drop(
            index=list(SEX_EFFECTS)
        )
        litters = series.samples["litter"].to_numpy()
        within = scaled.T.groupby(litters).var().mean().mean()
        between = scaled.T.groupby(litters).mean().var().mean()
        return between / within

    assert ratio(0.8) > 2 * ratio(0.0)
    assert ratio(0.0) == pytest.approx(
        0.5, abs=0.15
    )  # two mice: the variance of a mean is half that of one


def test_variance_grows_faster_than_the_mean():
    design = Design(
        effect=0.0, severity=0.0, genes=1500, groups=100, group_sd=0.0, batch_sd=0.0, depth_sd=0.0
    )
    series = simulate(1, design)
    truth = series.truth.set_index("gene")
    genes = truth.index[(truth["sex_effect"] == 0) & (truth["abundance"] * design.depth > 20)]
    mean, variance = series.counts.loc[genes].mean(axis=1), series.counts.loc[genes].var(axis=1)
    estimated = (variance - mean) / mean**2
    assert np.median(estimated / truth.loc[genes, "dispersion"]) == pytest.approx(1.0, abs=0.15)
    assert (mean / (truth.loc[genes, "abundance"] * design.depth)).median() == pytest.approx(
        1.0, abs=0.05
    )


def test_sex_linked_genes_tell_the_sex():
    series = simulate(1, SMALL)
    male = (series.samples["sex"] == "male").to_numpy()
    assert series.counts.loc["Xist", ~male].min() > series.counts.loc["Xist", male].max()
    assert series.counts.loc["Ddx3y", male].min() > series.counts.loc["Ddx3y", ~male].max()


def test_split_litters_hold_both_conditions():
    series = simulate(1, replace(SMALL, nested=False, groups=7, per_group=4))
    assert (series.samples.groupby("litter")["condition"].nunique() == 2).all()
    assert series.samples["condition"].value_counts().tolist() == [14, 14]


def test_genes_of_a_series_always_hold_the_markers():
    fewest = gene_names(150)
    assert len(fewest) == len(set(fewest)) == 150
    assert set(marker_sets("mouse")["symbol"]) <= set(fewest)
    assert set(fewest) <= set(gene_names(3000))


@pytest.mark.parametrize(
    ("design", "message"),
    [
        (Design(groups=5), "even number of litters"),
        (Design(nested=False, per_group=3), "even number of litters"),
        (Design(genes=100), "choose a number from"),
        (Design(genes=4000), "choose a number from"),
        (Design(effect=-1.0), "cannot be negative"),
        (Design(batches=0), "at least 1"),
        (Design(depth=0.0), "above 0"),
        (Design(sets=("gliosis",)), "astrogliosis"),
    ],
)
def test_impossible_designs_are_refused(design, message):
    with pytest.raises(InputError, match=message):
        simulate(1, design)


def test_the_record_says_that_it_is_simulated(tmp_path):
    series = simulate(1, SMALL, "GSE9000002")
    record, table, truth = write_series(
        tmp_path,
        series.accession,
        series.counts,
        series.samples,
        series.truth,
        design=describe_design(series),
    )
    text = gzip.decompress(record.read_bytes()).decode()
    lines = text.splitlines()
    for key in ("!Series_title", "!Series_summary", "!Series_overall_design"):
        assert any(line.startswith(f"{key} = ") and "SIMULATED" in line for line in lines)
    assert sum(line.startswith("^SAMPLE") for line in lines) == 24
    assert all("SIMULATED" in line for line in lines if line.startswith("!Sample_title"))
    assert table.parent.name == "suppl"
    assert [path.name for path in table.parent.iterdir()] == [table.name]
    assert truth.parent == tmp_path / "series/GSE9000nnn/GSE9000002"
    back = pd.read_csv(table, index_col=0)
    pd.testing.assert_frame_equal(back, series.counts.rename_axis(columns=None), check_names=False)


def test_tables_for_a_local_source(tmp_path):
    series = simulate(1, SMALL)
    counts, sheet, _ = write_tables(tmp_path, series.counts, series.samples, series.truth)
    samples = pd.read_csv(sheet, sep="\t")
    assert list(samples["sample"]) == list(pd.read_csv(counts, sep="\t", index_col=0).columns)
    assert (samples["origin"] == "SIMULATED").all()


def test_command_line_refusals(tmp_path, capsys):
    assert cli.main(["simulate"]) == 1
    assert "--output-mirror" in capsys.readouterr().err
    assert cli.main(["simulate", "--output-mirror", str(tmp_path), "--accession", "GSM1"]) == 1
    assert cli.main(["simulate", "--output-mirror", str(tmp_path), "--groups", "5"]) == 1
    assert not list(tmp_path.iterdir())


def test_command_line_options_reach_the_design(tmp_path, capsys):
    options = [
        "--genes",
        "200",
        "--effect",
        "0",
        "--split-litters",
        "--sets",
        "microglia",
        "--seed",
        "7",
        "--groups",
        "4",
    ]
    assert cli.main(["simulate", "--output-tables", str(tmp_path), *options]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    truth = pd.read_csv(tmp_path / "truth.tsv", sep="\t")
    assert len(truth) == 200
    assert (truth["log2_fold_change"] == 0).all()
    assert (
        pd.read_csv(tmp_path / "samples.tsv", sep="\t")
        .groupby("litter")["condition"]
        .nunique()
        .eq(2)
        .all()
    )
    assert set(SETS) >= {"microglia"}
