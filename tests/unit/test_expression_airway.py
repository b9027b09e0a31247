"""The airway series: differential expression agrees with what was published for it."""

import gzip
import re

import anndata
import pandas as pd
import pytest
import scipy.sparse

from epigpt.expression import contrasts

SERIES = "config/demo/geo-mirror/series/GSE52nnn/GSE52778"
# Himes et al. 2014, PLoS ONE 9: e99625, and the DESeq2 analysis of the same counts (Love et al.
# 2015, F1000Research 4: 1070): the answer to a glucocorticoid.
UP = {
    "FKBP5": "ENSG00000096060",
    "DUSP1": "ENSG00000120129",
    "PER1": "ENSG00000179094",
    "TSC22D3": "ENSG00000157514",
}
UP_TOO = {
    "SPARCL1": "ENSG00000152583",
    "KLF15": "ENSG00000163884",
    "CRISPLD2": "ENSG00000103196",
    "ZBTB16": "ENSG00000109906",
}
DOWN = {"VCAM1": "ENSG00000162692"}
# The first genes of that analysis (R's DESeq2 on all genes, ~ cell + dex, not shrunk) with their
# log2 fold changes: SPARCL1, CACNB2, DUSP1, SAMHD1, MAOA, GPX3.
PUBLISHED = {
    "ENSG00000152583": 4.57,
    "ENSG00000165995": 3.29,
    "ENSG00000120129": 2.95,
    "ENSG00000101347": 3.77,
    "ENSG00000189221": 3.35,
    "ENSG00000211445": 3.73,
}


def airway(root):
    """The demo's eight samples and the genes with at least 200 counts each on average, which keeps
    the fit quick."""
    counts = pd.read_csv(
        root / SERIES / "suppl" / "GSE52778_counts.tsv.gz", sep="\t", index_col=0
    ).T
    counts = counts.loc[:, counts.mean() >= 200]
    record = gzip.decompress(
        (root / SERIES / "soft" / "GSE52778_family.soft.gz").read_bytes()
    ).decode()
    described = {}
    for part in record.split("^SAMPLE = ")[1:]:
        found = dict(re.findall(r"!Sample_characteristics_ch1 = ([^:]+): (.+)", part))
        described[part.split("\n", 1)[0].strip()] = found
    obs = pd.DataFrame(
        {
            "sample": counts.index,
            "label": [described[name]["treatment"] for name in counts.index],
            "group": [described[name]["cell line"] for name in counts.index],
        },
        index=counts.index,
    )
    obs["cell line"] = obs["group"]
    matrix = scipy.sparse.csr_matrix(counts.to_numpy())
    var = pd.DataFrame({"symbol": counts.columns}, index=counts.columns)
    return anndata.AnnData(
        matrix,
        obs=obs,
        var=var,
        uns={"assay": "bulk", "dataset": "airway"},
        layers={"counts": matrix},
    )


@pytest.mark.slow
def test_airway_agrees_with_the_published_answer_to_dexamethasone(root):
    found = contrasts.compare(airway(root), "Dexamethasone", "Untreated", ["cell line"])
    assert (
        found.summary["design"] == "~ group + label"
    )  # the cell line is the donor, which is blocked
    table = found.table.set_index("gene")
    rank = {gene: number for number, gene in enumerate(table.index, start=1)}
    for gene in [*UP.values(), *UP_TOO.values()]:
        assert table.loc[gene, "log2_fold_change"] > 2
        assert table.loc[gene, "padj"] < 1e-10
    assert table.loc[DOWN["VCAM1"], "log2_fold_change"] < -2
    assert rank[UP["DUSP1"]] <= 10
    assert rank[UP["PER1"]] <= 15
    assert max(rank[gene] for gene in UP.values()) < 0.05 * len(table)
    for gene, published in PUBLISHED.items():
        assert table.loc[gene, "log2_fold_change"] == pytest.approx(published, abs=0.1)
    assert set(table.index[:10]) >= set(PUBLISHED)
