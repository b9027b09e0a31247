"""Libraries of one RNA are told from animals by their counts, joined into one donor, and refused
across classes."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from epigpt.errors import InputError
from epigpt.expression import replicates

GENES = 400


def animals(number=8, libraries=1, spread=0.15, seed=0):
    """Counts of some animals, each sequenced as often as said."""
    random = np.random.default_rng(seed)
    rates = random.gamma(2, 900, GENES) * np.exp(random.normal(0, spread, (number, GENES)))
    depth = random.uniform(0.7, 1.4, (number * libraries, 1))
    counts = random.poisson(np.repeat(rates, libraries, axis=0) * depth)
    names = [f"S{at:02d}" for at in range(len(counts))]
    label = np.repeat(np.array(["case", "control"] * (number // 2)), libraries)
    obs = pd.DataFrame({"sample": names, "group": names, "label": label}, index=names)
    data = anndata.AnnData(sp.csr_matrix(counts), obs=obs, uns={"assay": "bulk"})
    data.layers["counts"] = data.X
    return data


def test_technical_replicates_without_a_donor_column_become_one_donor():
    found = replicates.merge(animals(libraries=3))
    assert (found.samples, found.rna) == (24, 8)
    assert found.group.nunique() == 8
    assert found.group["S00"] == found.group["S02"] == "S00+S01+S02"
    assert "libraries of 8 donors" in found.in_words()


@pytest.mark.parametrize("seed", range(4))
def test_animals_are_left_alone(seed):
    found = replicates.merge(animals(seed=seed, spread=0.08))
    assert (found.samples, found.in_words()) == (0, "")
    assert found.group.nunique() == 8


def test_a_copy_is_joined_with_its_original_alone():
    data = animals()
    rows = [*range(8), 2]
    counts = sp.csr_matrix(data.X)[rows]
    names = [f"S{at:02d}" for at in range(9)]
    obs = data.obs.iloc[rows].set_axis(names).assign(group=names)
    copied = anndata.AnnData(counts, obs=obs, layers={"counts": counts}, uns={"assay": "bulk"})
    found = replicates.merge(copied)
    assert (found.samples, found.rna) == (2, 1)
    assert found.group["S08"] == "S02+S08"


def test_one_rna_in_two_classes_is_refused_with_the_filter_that_leaves_it_out():
    data = animals(libraries=2)
    data.obs.loc["S01", "label"] = "control"
    with pytest.raises(InputError) as refused:
        replicates.merge(data)
    assert "sample!=S00|S01" in str(refused.value)


def test_what_differs_by_sequencing_alone_everywhere_says_nothing():
    # A cell line, or simulated counts without biology: likeness tells nobody apart.
    assert replicates.merge(animals(spread=0.0)).samples == 0


def test_the_ratio_of_technical_replicates_is_that_of_sequencing():
    ratio = replicates.excess(animals(number=2, libraries=2).layers["counts"])
    assert ratio[0, 1] == pytest.approx(1, abs=0.3)
    assert ratio[0, 2] > 10
