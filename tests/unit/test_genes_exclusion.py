"""Genes kept from the models: found by any name, by stretch, and mistakes with a remedy that
works."""

import re

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from epigpt.dataset import expression_data
from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding.fitting import Wanted, fit
from epigpt.errors import InputError
from epigpt.genes import exclusion

GENES = ["ENSMUSG00000021250", "ENSMUSG00000013663", "ENSMUSG00000064329", "ENSMUSG00000069049"]
SYMBOLS = ["Fos", "Pten", "Scn1a", "Eif2s3y"]


def left_out(asked, organism="mouse", genes=GENES, symbols=SYMBOLS):
    found = exclusion.find(asked, organism, genes, symbols)
    return [name for name, gone in zip(symbols, found.genes, strict=True) if gone], found.absent


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["Fos"], ["Fos"]),
        (["FOS", "ensmusg00000013663"], ["Fos", "Pten"]),
        (["chr2:65,000,000-67,000,000"], ["Scn1a"]),
        (["Y:1-90000000", "19:30_000_000-35_000_000"], ["Pten", "Eif2s3y"]),
        (["chr2:1-2"], []),
    ],
)
def test_genes_are_found_by_symbol_id_and_stretch(asked, expected):
    assert left_out(asked) == (expected, ())


def test_a_gene_of_another_series_is_no_mistake():
    assert left_out(["Gria1", "Fos"]) == (["Fos"], ("Gria1",))


@pytest.mark.parametrize(
    ("asked", "organism", "said"),
    [
        (["Ptem"], "mouse", "write 'Pten'"),
        (["chr2:9-1"], "mouse", "its end lies before its start"),
        (["chr77:1-2"], "mouse", "mouse has no chromosome 77"),
        (["chr2:1-9"], "zebrafish", "human and mouse only"),
        (SYMBOLS, "mouse", "no gene would be left"),
    ],
)
def test_mistakes_are_one_message(asked, organism, said):
    with pytest.raises(InputError, match=said) as refused:
        left_out(asked, organism)
    assert refused.value.where == "the key exclude_genes"
    if named := re.search(r"write '(\w+)'", refused.value.remedy):
        assert left_out([named[1]])[0] == [named[1]]
    if example := re.search(r"chr10:1-5000000", refused.value.remedy):
        assert left_out([example[0]]) == ([], ())


def test_no_model_sees_what_is_left_out_and_totals_still_count_it(tmp_path):
    random = np.random.default_rng(1)
    counts = random.poisson(20, (12, 40)).astype(np.int32)
    label = np.array(["a", "b"] * 6)
    counts[label == "b", 3] += 400  # the one gene that tells, as an edited one does
    names = [f"g{at:02d}" for at in range(40)]
    lognorm = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e6).astype(np.float32)
    obs = pd.DataFrame({"sample": [f"s{at:02d}" for at in range(12)], "label": label})
    obs["group"] = obs["sample"]
    gone = np.array([name == "g03" for name in names])
    written = anndata.AnnData(
        scipy.sparse.csr_matrix(lognorm),
        obs.set_index(obs["sample"].to_numpy()),
        pd.DataFrame({"symbol": names, "excluded": gone}, index=names),
        uns={"assay": "bulk", "organism": "mouse"},
        layers={
            "counts": scipy.sparse.csr_matrix(counts),
            "lognorm": scipy.sparse.csr_matrix(lognorm),
        },
    )
    written.write_h5ad(tmp_path / "expression.h5ad")
    data = expression_data.read(tmp_path / "expression.h5ad")
    assert "g03" not in data.genes
    assert data.lognorm.shape == (12, 39)
    assert np.allclose(data.lognorm.toarray(), lognorm[:, ~gone])
    opened = open_observations(tmp_path / "expression.h5ad")
    for encoding in ("gene-values", "program-tokens"):
        wanted = Wanted(encoding, "both", 16, 40, 1, False)
        vocabulary, _ = fit(opened, np.arange(12), wanted)
        assert "g03" not in vocabulary.genes
        assert len(vocabulary.genes) == 39
