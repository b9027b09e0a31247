"""Contrasts from a formula: which ones, within donors where they can be, as PyDESeq2 fits them, and
what is refused."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from pydeseq2.dds import DeseqDataSet
from pydeseq2.ds import DeseqStats

from epigpt.errors import InputError
from epigpt.expression import contrasts
from epigpt.expression.formula_contrasts import by_formula

GENES = 150


def crossed(per_cell=3, seed=0):
    """Knock-outs and wild types on two diets; genes 0 to 9 answer to the diet in knock-outs
    alone."""
    random = np.random.default_rng(seed)
    rows = [
        {"genotype": genotype, "diet name": diet}
        for genotype in ("KO", "WT")
        for diet in ("ketogenic", "control diet")
        for _ in range(per_cell)
    ]
    obs = pd.DataFrame(rows, index=[f"s{at:02d}" for at in range(len(rows))])
    rates = np.tile(random.gamma(2, 200, GENES), (len(obs), 1))
    answers = ((obs["genotype"] == "KO") & (obs["diet name"] == "ketogenic")).to_numpy()
    rates[answers, :10] *= 4
    return counted(obs, rates, random)


def counted(obs, rates, random):
    counts = random.poisson(random.gamma(20, rates / 20)).astype(np.int32)
    obs = obs.assign(sample=obs.index, label=obs["genotype"])
    if "group" not in obs:
        obs["group"] = obs.index
    names = [f"g{at:03d}" for at in range(GENES)]
    var = pd.DataFrame({"symbol": names}, index=names)
    data = anndata.AnnData(sp.csr_matrix(counts), obs=obs, var=var)
    data.uns.update(assay="bulk", dataset="x")
    data.layers["counts"] = data.X
    return data


def test_each_factor_within_the_other_and_their_interaction():
    found = by_formula(crossed(), "genotype * `diet name`")
    assert found.summary["contrasts"] == [
        "diet name: ketogenic vs control diet in genotype WT",
        "diet name: ketogenic vs control diet in genotype KO",
        "genotype: KO vs WT in diet name control diet",
        "genotype: KO vs WT in diet name ketogenic",
        "diet name × genotype: (ketogenic vs control diet) in KO minus in WT",
    ]
    hits = found.table[found.table["padj"] < 0.05].groupby("contrast")["gene"].agg(set)
    planted = {f"g{at:03d}" for at in range(10)}
    assert planted <= hits["diet name: ketogenic vs control diet in genotype KO"]
    assert planted <= hits["diet name × genotype: (ketogenic vs control diet) in KO minus in WT"]
    assert not planted & hits.get("diet name: ketogenic vs control diet in genotype WT", set())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_interaction_is_that_of_pydeseq2():
    data = crossed()
    found = by_formula(data, "genotype * `diet name`").table
    told = data.obs.rename(columns={"diet name": "diet"})[["genotype", "diet"]]
    told["genotype"] = pd.Categorical(told["genotype"], ["WT", "KO"])
    told["diet"] = pd.Categorical(told["diet"], ["control diet", "ketogenic"])
    counts = pd.DataFrame(data.X.toarray(), index=data.obs_names, columns=data.var_names)
    theirs = DeseqDataSet(counts=counts, metadata=told, design="~ genotype * diet", quiet=True)
    theirs.deseq2()
    column = list(theirs.obsm["design_matrix"].columns).index("genotype[T.KO]:diet[T.ketogenic]")
    vector = np.eye(4)[column]
    tested = DeseqStats(theirs, contrast=vector, quiet=True)
    tested.summary()
    own = found[found["contrast"].str.contains("×")].set_index("gene").loc[data.var_names]
    expected = tested.results_df["log2FoldChange"]
    assert np.allclose(own["log2_fold_change"], expected, atol=0.02)


def paired(donors=4):
    rows = [
        {"genotype": "KO" if donor % 2 else "WT", "diet": diet, "group": f"m{donor}"}
        for donor in range(2 * donors)
        for diet in ("before", "control")
    ]
    obs = pd.DataFrame(rows, index=[f"s{at:02d}" for at in range(len(rows))])
    random = np.random.default_rng(2)
    rates = np.tile(random.gamma(2, 200, GENES), (len(obs), 1))
    for name in sorted(set(obs["group"])):
        rates[(obs["group"] == name).to_numpy()] *= np.exp(random.normal(0, 0.8, GENES))
    rates[(obs["diet"] == "before").to_numpy(), :10] *= 2
    return counted(obs, rates, random)


def test_what_a_donor_shows_within_itself_is_compared_within_it():
    found = by_formula(paired(), "genotype + diet")
    assert any(note.startswith("within donors: diet: before vs control") for note in found.notes)
    within = found.table[found.table["contrast"] == "diet: before vs control"]
    planted = {f"g{at:03d}" for at in range(10)}
    hits = set(within.loc[within["padj"] < 0.05, "gene"])
    assert len(planted & hits) >= 9
    assert len(hits - planted) <= 3


def test_the_rows_of_the_label_come_first():
    found = contrasts.compare(crossed(), case="KO", control="WT", formula="genotype * `diet name`")
    assert found.table["contrast"].iloc[0] == "KO vs WT"
    assert found.summary["formula"]["contrasts"][0].startswith("diet name: ketogenic")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("genotype * dieet", "'dieet'"),
        ("genotype * (diet", "not a formula"),
        ("genotype + strain", "cannot tell apart"),
    ],
)
def test_what_is_no_formula_is_refused_with_a_remedy(text, said):
    data = paired()
    data.obs["strain"] = data.obs["genotype"].map({"KO": "B6", "WT": "129"})
    with pytest.raises(InputError) as refused:
        by_formula(data, text)
    assert said in str(refused.value)
    assert "column 'contrasts'" in str(refused.value)


def test_incomplete_pairs_keep_the_block_and_drop_the_singletons():
    data = paired()
    data.obs["label"] = data.obs["diet"]
    whole = contrasts.compare(data, "before", "control").table
    few = contrasts.compare(data[2:].copy()[:-1].copy(), "before", "control")
    assert any(
        "1 donors without a sample of every class were left out" in note for note in few.notes
    )
    assert few.summary["design"] == "~ group + label"
    hits = {
        name: set(table.loc[table["padj"] < 0.05, "gene"])
        for name, table in (("whole", whole), ("few", few.table))
    }
    assert len(hits["few"] & hits["whole"]) >= 0.8 * len(hits["whole"])
