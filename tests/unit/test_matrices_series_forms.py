"""Forms of public series, one small mirror each: the right genes, the right samples and the right
numbers, or a refusal whose remedy works."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.geo import download
from epigpt.matrices.streams import Budget
from epigpt.transport.http_client import Connection

# Real series and many copies of them: half a minute of one core.
pytestmark = pytest.mark.slow

LOG = logging.getLogger("tests")
# Counts of Aqp4 in the samples' order; most forms hold the same numbers.
SALINE_KAINATE = [136, 341, 535, 447, 464, 246, 212, 235]
KCNA1 = [204, 426, 286, 148, 167, 594, 430, 247]
SEIZURES = [25, 26, 31, 47, 40, 18, 31, 20, 9, 20, 13, 33]
BULK = (8, 3000, 26079783)
HUMAN = (8, 3000, 25584858)
CELLS = (360, 3000, 1169807)
# case: observations, genes, sum of all counts, Aqp4, words of the report, cells of the row.
READ: dict[str, tuple[tuple[int, int, int], list[int] | None, Sequence[str], dict[str, str]]] = {
    "c02_barnyard": (
        (360, 1500, 591464),
        None,
        ["1500 set aside (gene of another species (human)"],
        {},
    ),
    "c04_rhapsody": (CELLS, None, [], {}),
    "c05_cellrows": (CELLS, None, [], {}),
    "c07_dense_meta": (CELLS, None, ["column 'sample' of GSE300200_metadata.csv.gz"], {}),
    "c07b_dense_mangled": (CELLS, None, ["column 'sample' of GSE300200_metadata.csv.gz"], {}),
    "c09_parse": (CELLS, None, [], {}),
    "c12_two_species": ((6, 3000, 20004488), None, ["genes of human, not of mouse"], {}),
    "c13_super": (BULK, SALINE_KAINATE, [], {}),
    "d2_rhapsody": ((3200, 1200, 12589333), None, [], {}),
    "d3_lanes": ((12, 3000, 34449819), SEIZURES, ["24 columns were added to 12 samples"], {}),
    "d4_control": ((12, 3000, 34449819), SEIZURES, [], {}),
    "d4_leak": ((12, 3000, 34449819), SEIZURES, ["seizures_per_week"], {}),
    "e01_two_org_per_sample": ((8, 3000, 24786007), KCNA1, [], {}),
    "e06b_unassigned": ((8, 3000, 24786007), KCNA1, ["Unassigned_Ambiguity"], {}),
    "e11_utf16_tab": ((8, 3000, 24786007), KCNA1, [], {}),
    "n05_GSE256068_bom": (HUMAN, SALINE_KAINATE, [], {"label": "disease state"}),
    "n05_GSE256068_nobom": (HUMAN, SALINE_KAINATE, [], {"label": "disease state"}),
    "n07_sexes": ((16, 3000, 48009762), None, ["joined over their 3000 common genes"], {}),
    "n09_tximport": (BULK, SALINE_KAINATE, ["GSE300001_txi.csv.gz/abundance"], {}),
    "n11_lanes": (BULK, SALINE_KAINATE, ["16 columns were added to 8 samples"], {}),
    "n16_grouprow": (BULK, SALINE_KAINATE, ["group: saline|kainate"], {}),
    "n17_numrows": (BULK, SALINE_KAINATE, ["animal, treated(1=no,2=yes)"], {}),
    "n18_merged": (BULK, SALINE_KAINATE, [], {}),
    "n19_sheets": (BULK, SALINE_KAINATE, ["GSE300001_expression.xlsx/DE"], {}),
    "r02b_salmon_gencode": (BULK, SALINE_KAINATE, ["summed to 3000 genes by their ids"], {}),
    "r04b_fc_summary": (BULK, SALINE_KAINATE, [], {}),
    "r07b_counts_tpm": (BULK, SALINE_KAINATE, ["(*_exon.txt.gz)"], {}),
}
BY_HAND = {
    "n08_GSE201621": "normalised_counts",
    "n08b_DESeq_2dec": "normalised_counts",
}


def mirror_and_row(case: Path, **cells: str) -> tuple[Path, Row]:
    with (case / "datasets.tsv").open(encoding="utf-8") as table:
        given = next(csv.DictReader(table, delimiter="\t"))
    return case / "mirror", replace(
        Row(**{key: text for key, text in given.items() if text}), **cells
    )


def read(
    mirror: Path,
    row: Row,
    folder: Path,
    allowed: Sequence[str] = ("estimated_counts",),
    transcripts: Path | None = None,
) -> tuple[pd.DataFrame, ad.AnnData, dict[str, Any]]:
    """Download and read a series, as the two stages do."""
    folder.mkdir(parents=True, exist_ok=True)
    if row.is_accession:
        with download.session(mirror.as_uri(), folder, Connection(0, 0.1, 5), LOG) as opened:
            lines = download.download_series(opened, row.source, row.matrix, ncbi_counts=False)
        files = [folder / line.file for line in lines]
    else:
        files = [Path(row.source), Path(row.samples)]
    return read_dataset(row, files, frozenset(allowed), Budget(2e10), transcripts=transcripts)


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(READ))
def test_a_form_is_read_right(shared, tmp_path, case):
    (observations, genes, total), aqp4, words, cells = READ[case]
    mirror, row = mirror_and_row(shared / "cases" / "geo" / case, **cells)
    table, adata, reading = read(mirror, row, tmp_path)
    assert adata.shape == (observations, genes)
    assert int(adata.X.sum()) == total
    single_cell = (case[0] == "c" and observations == 360) or case == "d2_rhapsody"
    assert reading["assay"] == ("single_cell" if single_cell else "bulk")
    assert len(table) == adata.obs["sample"].nunique()
    if aqp4 is not None:
        found = adata[:, adata.var["symbol"].str.upper() == "AQP4"].X.toarray().ravel()
        order = np.argsort(adata.obs["sample"].to_numpy(), kind="stable")
        assert found[order].tolist() == aqp4
    for word in words:
        assert word in str(reading)
    assert not adata.var["symbol"].str.contains("mm10|GRCh38").any()


@pytest.mark.parametrize("case", sorted(BY_HAND))
def test_normalised_counts_are_named_and_the_printed_consent_lets_them_in(shared, tmp_path, case):
    mirror, row = mirror_and_row(shared / "cases" / "geo" / case)
    with pytest.raises(InputError) as refusal:
        read(mirror, row, tmp_path / "first")
    kind = str(refusal.value).split("allow_values='[")[1].split("]")[0]
    assert kind == BY_HAND[case]
    _, adata, reading = read(mirror, row, tmp_path / "second", allowed=(kind,))
    assert adata.shape == (8, 3000)
    assert reading["values"]["type"] == kind
    assert reading["values"]["transformed"] == "rounded to integers"


@pytest.mark.slow
@pytest.mark.parametrize("case", ["r02_salmon", "r03_kallisto", "n20_transcripts"])
def test_transcripts_are_refused_and_both_remedies_work(shared, tmp_path, case):
    mirror, row = mirror_and_row(shared / "cases" / "geo" / case)
    with pytest.raises(InputError, match="values of transcripts, not of genes") as refusal:
        read(mirror, row, tmp_path / "first")
    assert "--config transcripts=FILE" in str(refusal.value)
    known = tmp_path / "tx2gene.tsv"
    lines = [f"ENSMUST{number:011d}.1\tENSMUSG{number:011d}.1" for number in _numbers(shared)]
    known.write_text("\n".join(["TXNAME\tGENEID", *lines]) + "\n")
    _, adata, reading = read(mirror, row, tmp_path / "second", transcripts=known)
    assert adata.shape == (8, 3000)
    assert int(adata.X.sum()) == BULK[2]
    assert "summed to 3000 genes by tx2gene.tsv" in str(reading["notes"])
    # The other way: summed by hand, given as a table with a sheet.
    counts = pd.DataFrame(adata.X.toarray().T, index=adata.var_names, columns=adata.obs_names)
    counts.to_csv(tmp_path / "counts.csv")
    sheet = adata.obs[["label"]].rename_axis("sample").rename(columns={"label": "condition"})
    sheet.to_csv(tmp_path / "sheet.csv")
    own = Row("x", str(tmp_path / "counts.csv"), str(tmp_path / "sheet.csv"), label="condition")
    again = read(mirror, own, tmp_path / "third")[1]
    np.testing.assert_array_equal(again.X.toarray(), adata.X.toarray())


def _numbers(shared: Path) -> list[int]:
    """Give the numbers of the genes that the forms were made with."""
    import gzip

    name = "series/GSE300nnn/GSE300001/suppl/GSE300001_kallisto_est_counts.txt.gz"
    with gzip.open(shared / "cases/geo/n20_transcripts/mirror" / name, "rt") as lines:
        return [int(line.split("\t")[0][7:]) for line in list(lines)[1:]]


@pytest.mark.slow
def test_a_sheet_of_a_workbook_is_named(shared, tmp_path):
    mirror, row = mirror_and_row(
        shared / "cases" / "geo" / "n19_sheets", matrix="GSE300001_expression.xlsx/counts"
    )
    _, adata, reading = read(mirror, row, tmp_path / "counts")
    assert reading["matrix"] == "GSE300001_expression.xlsx/counts"
    assert int(adata.X.sum()) == BULK[2]
    tpm = replace(row, matrix="GSE300001_expression.xlsx/TPM")
    with pytest.raises(InputError, match=r"allow_values='\[tpm\]'"):
        read(mirror, tpm, tmp_path / "tpm")


@pytest.mark.slow
def test_the_glob_that_a_set_of_files_prints_chooses_it(shared, tmp_path):
    mirror, row = mirror_and_row(shared / "cases" / "geo" / "r07b_counts_tpm")
    _, adata, reading = read(mirror, row, tmp_path / "first")
    printed = next(found["reason"] for found in reading["refused"] if "exon" in found["file"])
    glob = printed.split("(")[1].split(")")[0]
    _, again, told = read(mirror, replace(row, matrix=glob), tmp_path / "second")
    assert "named exon" not in told["matrix"] or again.shape == adata.shape
    assert reading["matrix"] != told["matrix"]


@pytest.mark.slow
def test_cell_types_of_a_table_beside_the_cells_are_kept(shared, tmp_path):
    mirror, row = mirror_and_row(shared / "cases" / "geo" / "c07_dense_meta")
    _, adata, _ = read(mirror, row, tmp_path)
    assert set(adata.obs["cell_type"]) == {"Astro", "Exc", "Inh"} | set(adata.obs["cell_type"])
    assert adata.obs["cell_type"].nunique() > 2


# What each series of the larger mirror gives: shape, sum and assay, or a part of the refusal.
MIRROR: dict[str, tuple[int, int, int, str] | str] = {
    "GSE105845": "describes no sample",
    "GSE11897": "samples of 3 platforms",
    "GSE123753": "no file that could hold a matrix",
    "GSE134697": "no file that could hold a matrix",
    "GSE142485": "no file that could hold a matrix",
    "GSE156689": "no file that could hold a matrix",
    "GSE224438": "neither a SOFT file nor a series matrix",
    "GSE235534": "no file that could hold a matrix",
    "GSE299686": "no file that could hold a matrix",
    "GSE29006": "no file that could hold a matrix",
    "GSE37646": "no file that could hold a matrix",
    "GSE64810": "no file that could hold a matrix",
    "GSE67835": (466, 22085, 269031214, "single_cell"),
    "GSE71229": "no file that could hold a matrix",
    "GSE7540": "samples of 2 organisms",
    "GSE96870": (22, 41786, 803048774, "bulk"),
}
LABELS = {"GSE96870": "infection", "GSE67835": "tissue"}


@pytest.mark.parametrize("accession", sorted(MIRROR))
def test_every_series_of_the_mirror_reads_as_before_or_better(shared, tmp_path, accession):
    expected = MIRROR[accession]
    row = Row("x", accession, label=LABELS.get(accession, "auto"))
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            read(shared / "geo-mirror", row, tmp_path)
        return
    _, adata, reading = read(shared / "geo-mirror", row, tmp_path)
    assert (*adata.shape, int(adata.X.sum()), reading["assay"]) == expected
    assert reading["assay_evidence"]


@pytest.mark.slow
def test_other_cases_of_the_mirror_say_what_was_in_the_way(shared, tmp_path):
    with pytest.raises(InputError, match="stemCell_1"):
        read(shared / "geo-mirror", Row("x", "GSE29087"), tmp_path / "a")
    for accession in ("GSE1623", "GSE44625", "GSE44903"):
        with pytest.raises(InputError, match=r"allow_values='\[intensity\]'|label"):
            read(shared / "geo-mirror", Row("x", accession), tmp_path / accession)
