"""Five simulated series of known truth through the benchmark's own code: no claim without an
effect, a claim where it is large."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import anndata
import pandas as pd
import pytest

from epigpt.config.settings import Settings
from epigpt.expression import contrasts
from epigpt.genes.markers import SETS
from epigpt.interpretation import donor_statistics, markers
from epigpt.models import choice
from epigpt.simulation.design import CASE, CONTROL, Design
from epigpt.simulation.simulate import simulate

PATH = Path(__file__).parents[1] / "benchmarks" / "honesty.py"
ASKED = Settings(
    max_genes=64,
    vocabulary_genes=300,
    views=4,
    epochs=10,
    global_batch_size=8,
    folds=3,
    repeats=2,
    baselines=["majority", "logistic_l2"],
    bootstrap=500,
)
SETTINGS = choice.resolve(ASKED, choice.Devices("this machine")).model_dump()


@pytest.fixture(scope="module")
def honesty():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("honesty", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("null", 0),
        ("donors", 0),
        ("planted", 0),
        ("dates", 0),
        ("nearly", 0),
        ("batch", 0),
        ("replicates", 0),
        ("pairs", 0),
    ],
)
def test_the_verdict_follows_the_truth(honesty, kind, seed):
    effect = {"planted": 3.0}.get(kind, 0.0)
    design = replace(
        honesty.DESIGNS[kind],
        effect=effect,
        genes=1500,
        per_group=2 if kind in ("donors", "pairs") else 1,
    )
    found = honesty.judge(honesty.spoilt(kind, simulate(seed, design), seed), SETTINGS)
    assert (found["verdict"] in ("works", "as_good")) == (kind == "planted"), found
    if kind in ("dates", "nearly", "batch"):
        assert found["verdict"] == "confounded"


@pytest.mark.slow
def test_planted_marker_directions_and_sets_come_out_of_the_whole_chain(honesty, tmp_path):
    series = simulate(5, Design(groups=12, per_group=2))
    honesty.write(series, tmp_path / "expression.h5ad")
    data = anndata.read_h5ad(tmp_path / "expression.h5ad")
    found = contrasts.compare(data, CASE, CONTROL).table
    genes = data.var[["symbol"]]
    table = markers.assess("mouse", genes, found)
    planted = series.truth[
        (series.truth["log2_fold_change"] != 0) & (series.truth["sets"] != "")
    ].set_index("gene")["log2_fold_change"]
    measured = found.set_index("gene").loc[planted.index, "log2_fold_change"]
    assert (measured * planted > 0).mean() >= 0.9
    samples = data.obs.set_index("sample")[["group", "label"]].astype(str)
    values = donor_statistics.pooled(
        [data.layers["lognorm"]], list(samples.index), list(genes.index), markers.members(table)
    )
    tested = markers.score_sets(table, values, samples, (CASE, CONTROL)).set_index("set")["verdict"]
    directed = [name for name, known in SETS.items() if known.expected]
    assert (tested[directed] == "as expected").all(), tested


def test_shares_are_held_against_their_bounds(honesty, capsys):
    rows = pd.DataFrame(
        {
            "kind": ["null"] * 20 + ["planted"] * 5,
            "verdict": ["works"] + ["no_evidence"] * 19 + ["as_good"] * 4 + ["no_evidence"],
        }
    )
    assert honesty.report(rows)
    assert "null: 5% of 20" in capsys.readouterr().out
    assert not honesty.report(
        rows.assign(verdict=["works"] * 2 + ["no_evidence"] * 18 + ["works"] * 5)
    )
    assert not honesty.report(rows.assign(verdict=["no_evidence"] * 25))
