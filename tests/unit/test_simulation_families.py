"""Simulated families: each asks the question that its name promises, and says what the answer is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from epigpt import cli
from epigpt.errors import InputError
from epigpt.simulation.design import CASE, EPILEPSY, FAMILIES, Design
from epigpt.simulation.families import gene_names
from epigpt.simulation.simulate import describe_design, simulate

OTHERS = [name for name in FAMILIES if name != EPILEPSY]


def family(name, **changed):
    return replace(FAMILIES[name].design, **{"genes": 1500, **changed})


def log2(series):
    return np.log2(series.counts / series.counts.sum() * 1e6 + 1)


def is_case(series):
    return (series.samples["condition"] == CASE).to_numpy()


def d(values, case):
    """Difference of the means in standard deviations within the conditions, by row."""
    one, other = values[:, case], values[:, ~case]
    spread = np.sqrt((one.var(axis=1, ddof=1) + other.var(axis=1, ddof=1)) / 2)
    return (one.mean(axis=1) - other.mean(axis=1)) / np.maximum(spread, 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_a_seed_decides_everything_and_conditions_are_balanced(name):
    first, again = simulate(3, family(name)), simulate(3, family(name))
    pd.testing.assert_frame_equal(first.counts, again.counts)
    pd.testing.assert_frame_equal(first.truth, again.truth)
    assert not first.counts.equals(simulate(4, family(name)).counts)
    assert first.samples["condition"].value_counts().nunique() == 1
    assert first.truth["gene"].tolist() == first.counts.index.tolist()
    assert (first.counts.to_numpy() >= 0).all()
    told = describe_design(first)
    assert told.startswith("SIMULATED")
    assert FAMILIES[name].tells in told


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_without_an_effect_no_condition_differs_and_nothing_else_changes(name):
    planted, nothing = simulate(3, family(name)), simulate(3, family(name, effect=0.0))
    assert (nothing.truth["log2_fold_change"] == 0).all()
    untouched = planted.truth["gene"][~planted.truth["role"].str.match("planted|pair|programme")]
    pd.testing.assert_frame_equal(planted.counts.loc[untouched], nothing.counts.loc[untouched])
    pd.testing.assert_frame_equal(planted.samples, nothing.samples)


def test_sparse_plants_twelve_of_ten_thousand_genes_that_are_counted():
    series = simulate(1, FAMILIES["sparse"].design)
    truth = series.truth
    planted = truth[truth["role"] == "planted"]
    assert len(truth) == 10_000
    assert len(planted) == 12
    assert planted["log2_fold_change"].abs().between(0.8, 1.5).all()
    assert (planted["log2_fold_change"] > 0).sum() == 6
    assert (series.counts.loc[planted["gene"]].mean(axis=1) > 20).all()
    measured = d(log2(series).loc[planted["gene"]].to_numpy(), is_case(series))
    assert (np.sign(measured) == np.sign(planted["log2_fold_change"])).all()


def test_only_the_difference_of_two_genes_tells_in_pairs():
    series = simulate(1, family("pairs"))
    expression, case = log2(series), is_case(series)
    pairs = series.truth[series.truth["role"].str.startswith("pair")].groupby("role")["gene"]
    alone, apart = [], []
    for _, genes in pairs:
        one, other = (expression.loc[gene].to_numpy() for gene in genes)
        alone += list(np.abs(d(np.stack([one, other]), case)))
        apart += list(np.abs(d((one - other)[None], case)))
    assert len(apart) == 10
    assert np.median(apart) > 1.5
    assert np.median(alone) < 0.6


def test_programmes_tell_together_and_neither_alone():
    series = simulate(1, family("interaction"))
    expression, case = log2(series), is_case(series)
    states = []
    for name in ("programme 1", "programme 2"):
        genes = series.truth["gene"][series.truth["role"] == name]
        centred = expression.loc[genes].sub(expression.loc[genes].mean(axis=1), axis=0)
        states.append(np.linalg.svd(centred.to_numpy(), full_matrices=False)[2][0] > 0)
    assert abs(np.mean(states[0][case]) - 0.5) < 0.05
    assert abs(np.mean(states[1][case]) - 0.5) < 0.05
    together = np.mean((states[0] ^ states[1]) == case)
    assert max(together, 1 - together) > 0.97
    assert (series.truth["log2_fold_change"] == 0).all()


def test_within_donors_the_condition_is_told_beside_larger_differences_of_litters():
    series = simulate(1, family("within-donor"))
    assert (series.samples.groupby("litter")["condition"].nunique() == 2).all()
    genes = series.truth["gene"][series.truth["role"] == "planted"]
    expression = log2(series).loc[genes].T
    between = expression.groupby(series.samples["litter"]).mean().var().mean()
    ordered = expression.assign(c=is_case(series), l=series.samples["litter"]).sort_values(["l"])
    changed = (
        ordered[ordered["c"]].drop(columns=["c", "l"]).to_numpy()
        - ordered[~ordered["c"]].drop(columns=["c", "l"]).to_numpy()
    ).mean(axis=0)
    expected = series.truth.set_index("gene").loc[genes, "log2_fold_change"]
    assert np.corrcoef(changed, expected)[0, 1] > 0.9
    assert between > 2 * np.mean(np.square(changed)) / 4


def test_the_nuisance_is_larger_than_the_effect_and_says_nothing_of_the_condition():
    series = simulate(1, family("nuisance", genes=3000))
    expression, case = log2(series), is_case(series)
    roles = series.truth.set_index("gene")["role"]
    moved = expression.loc[roles.index[roles == "nuisance"]].to_numpy()
    planted = expression.loc[roles.index[roles == "planted"]].to_numpy()
    assert moved.shape[0] > 10 * planted.shape[0]
    assert moved.var(axis=1).mean() > 2 * planted.var(axis=1).mean()
    assert np.median(np.abs(d(moved, case))) < 0.4
    assert np.median(np.abs(d(planted, case))) > 1.0


@pytest.mark.parametrize(
    ("design", "message"),
    [
        (Design(family="spars"), "choose from epilepsy, dense, sparse"),
        (family("interaction", groups=10), "that 4 divides"),
        (family("interaction", nested=False, per_group=2), "not split"),
        (family("sparse", sets=("microglia",)), "leave the sets out"),
        (family("dense", genes=10), "choose a number from"),
        (family("dense", genes=10**6), "choose a number from"),
    ],
)
def test_impossible_families_are_refused(design, message):
    with pytest.raises(InputError, match=message):
        simulate(1, design)


def test_names_are_sorted_unique_and_readable():
    names = gene_names(10_000)
    assert names == sorted(set(names))
    assert "Xist" in names
    assert not [name for name in names if name.endswith("Rik")]


def test_the_command_takes_a_familys_own_design_and_options_change_it(tmp_path, capsys):
    options = ["--family", "sparse", "--genes", "600", "--seed", "7", "--groups", "4"]
    assert cli.main(["simulate", "--output-tables", str(tmp_path), *options]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    truth = pd.read_csv(tmp_path / "truth.tsv", sep="\t", keep_default_na=False)
    assert len(truth) == 600
    assert (truth["role"] == "planted").sum() == 12
    assert len(pd.read_csv(tmp_path / "samples.tsv", sep="\t")) == 8
    split = ["--family", "within-donor", "--genes", "600"]
    assert cli.main(["simulate", "--output-tables", str(tmp_path), *split]) == 0
    sheet = pd.read_csv(tmp_path / "samples.tsv", sep="\t")
    assert (sheet.groupby("litter")["condition"].nunique() == 2).all()


def test_shared_programmes_are_the_same_in_every_series_and_one_differs():
    series = [simulate(seed, family("shared", groups=24)) for seed in (1, 2)]
    roles = [one.truth.set_index("gene")["role"] for one in series]
    pd.testing.assert_series_equal(*roles)
    asked = []
    for one, role in zip(series, roles, strict=True):
        changed = one.truth.set_index("gene")["log2_fold_change"]
        (name,) = role[changed[changed != 0].index].unique()
        asked.append(name)
        genes = changed.index[changed != 0]
        values = log2(one).loc[genes].to_numpy()
        together = (values * np.sign(changed[genes].to_numpy())[:, None]).mean(axis=0)
        # The genes together tell more than one of them does.
        single = np.median(np.abs(d(values, is_case(one))))
        assert d(together[None], is_case(one))[0] > max(1.5, 1.2 * single)
    # Which one is asked about is the series' own.
    assert (
        len(
            {
                simulate(seed, family("shared")).truth["log2_fold_change"].ne(0).values.tobytes()
                for seed in range(1, 7)
            }
        )
        > 1
    )
