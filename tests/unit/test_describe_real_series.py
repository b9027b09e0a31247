"""`epigpt describe` of real series."""

import re
import sys

import pytest

from described_series import pasted
from epigpt import cli

# Series of the mirror: what its description must say.
REAL = {
    "GSE105845": ("refusal", "a record of GSE105845 that describes no sample"),
    "GSE11897": ("choice", "samples of 3 platforms"),
    "GSE123753": ("genotype", "cell line +1.00 +FOLLOWS"),
    "GSE142485": ("treatment", ""),
    "GSE134697": ("condition", "donors by 'individual'"),
    "GSE156689": ("condition", ""),
    "GSE1623": (r"description~\(BDC\|NOD\)", "microarray"),
    "GSE224438": ("refusal", "no record of GSE224438"),
    "GSE235534": ("choice", "samples of 2 assays: single_cell"),
    "GSE29006": ("lung cancer", "lung cancer: 3 No 6, 3 Yes 2"),
    "GSE29087": ("cell type", "GSE29087_L139_expression_tab.tsv.gz"),
    "GSE299686": (r"description~\(NonResponder\|Responder\)", ""),
    "GSE37646": ("genotype", ""),
    "GSE44625": ("treatment protocol", "are taken for the same value"),
    "GSE44903": ("hypoxia", "donors by 'ratuniqueidentifier'"),
    "GSE64810": ("diagnosis", ""),
    "GSE67835": ("cell type", "donors by 'experiment_sample_name'"),
    "GSE71229": ("genotype", ""),
    "GSE7540": ("choice", "samples of 2 organisms: Homo sapiens"),
    "GSE96870": ("infection", "time +1.00 +FOLLOWS"),
}


def test_every_series_of_the_real_mirror_is_listed(shared):
    assert {path.name for path in (shared / "geo-mirror").glob("series/*/GSE*")} == set(REAL)


@pytest.mark.slow
@pytest.mark.parametrize("accession", sorted(REAL))
def test_series_of_the_real_mirror(shared, capsys, tmp_path, monkeypatch, accession):
    # A library that was imported before may have set it.
    monkeypatch.delenv("COLUMNS", raising=False)
    expected, also = REAL[accession]
    status = cli.main(["describe", accession, "--base-url", (shared / "geo-mirror").as_uri()])
    told = capsys.readouterr()
    assert status == (1 if expected == "refusal" else 0)
    assert re.search(also, told.out + told.err)
    if expected == "refusal":
        assert told.err.count("remedy:") == 1
        return
    assert ("NEEDS A DECISION" in told.out) == (expected == "choice")
    row = pasted(told.out, tmp_path)[0]
    if expected != "choice":
        assert re.fullmatch(expected, row.label)
    assert "\x1b" not in told.out
    assert sys.getsizeof(told.out) < 30_000
