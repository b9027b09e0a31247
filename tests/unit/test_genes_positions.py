"""Positions of genes: known ones where they lie, unknown ones nowhere."""

import numpy as np
import pytest

from epigpt.genes import positions
from epigpt.genes.annotation import own_genes


@pytest.mark.parametrize(
    ("organism", "gene", "symbol", "chromosome", "megabases"),
    [
        ("human", "ENSG00000171862", "PTEN", "10", 87.9),
        ("human", "ENSG00000229807", "XIST", "X", 73.8),
        ("mouse", "ENSMUSG00000013663", "Pten", "19", 32.8),
        ("mouse", "ENSMUSG00000069049", "Eif2s3y", "Y", 1.0),
        ("mouse", "ENSMUSG00000021250", "Fos", "12", 85.5),
    ],
)
def test_known_genes_lie_where_they_do_by_id_and_by_symbol(
    organism, gene, symbol, chromosome, megabases
):
    by_id = positions.locate(organism, [gene], ["no such symbol"]).iloc[0]
    by_symbol = positions.locate(organism, [symbol], [symbol]).iloc[0]
    for found in (by_id, by_symbol):
        assert found["chromosome"] == chromosome
        assert found["middle"] / 1e6 == pytest.approx(megabases, abs=0.15)


def test_unknown_genes_and_organisms_have_no_place():
    found = positions.locate("mouse", ["ENSMUSG99999999999", "Fos"], ["", "Fos"])
    assert found.index.tolist() == ["ENSMUSG99999999999", "Fos"]
    assert found["chromosome"].tolist() == ["", "12"]
    assert np.isnan(found["middle"].iloc[0])
    assert positions.locate("zebrafish", ["fosab"], ["fosab"])["chromosome"].tolist() == [""]
    assert positions.positions("rat").empty


def test_sex_chromosomes_of_rodents_and_man_and_none_of_zebrafish():
    assert positions.on_sex_chromosomes("human", ["XIST", "FOS"], ["XIST", "FOS"]).tolist() == [
        True,
        False,
    ]
    assert positions.on_sex_chromosomes("rat", ["a", "b"], ["Kdm5d", "Fos"]).tolist() == [
        True,
        False,
    ]
    assert not positions.on_sex_chromosomes("zebrafish", ["xist"], ["xist"]).any()


@pytest.mark.parametrize("organism", list(positions.GENOMES))
def test_every_marker_has_a_place(organism):
    table = positions.positions(organism)
    assert table.index.is_unique
    assert len(table) > 30_000
    assert (table["middle"] > 0).mean() > 0.9999
    assert table.groupby("chromosome", sort=False)["middle"].is_monotonic_increasing.all()
    own = own_genes(organism).drop_duplicates("symbol")
    found = positions.locate(organism, list(own["ensembl"]), list(own["symbol"]))["chromosome"]
    missing = sorted(own["symbol"][(found == "").to_numpy()])
    assert not [name for name in missing if not name.lower().startswith("mt-")]
