"""DEE2's counts: asked for where NCBI has none, matched by run, added by sample, marked; off unless
asked for."""

import io
import logging
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.geo import dee2, download
from epigpt.matrices.streams import Budget
from epigpt.transport.http_client import Connection
from geo_series import Made, Sample
from geo_server import GeoServer

GENES = [f"ENSDARG{number:011d}" for number in range(1, 61)]
SAMPLES = [f"GSM{number}" for number in range(1, 7)]
# Two runs of each sample.
RUNS = [f"SRR{number}" for number in range(1, 13)]
COUNTS = np.random.default_rng(0).negative_binomial(2, 0.02, size=(60, 12))
SUMS = COUNTS[:, 0::2] + COUNTS[:, 1::2]


def series(organism: str = "Danio rerio") -> Made:
    samples = [
        Sample(
            name,
            f"larva {number}",
            (f"treatment: {('PTZ', 'DMSO')[number % 2]}",),
            organism=organism,
            lines={"relation": f"SRA: https://www.ncbi.nlm.nih.gov/sra?term=SRX{number + 1}"},
        )
        for number, name in enumerate(SAMPLES)
    ]
    return Made("GSE1", samples)


def answer(folder: str = "") -> bytes:
    rows = ["\t".join(["GeneID", *RUNS])]
    rows += ["\t".join([gene, *map(str, row)]) for gene, row in zip(GENES, COUNTS, strict=True)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{folder}GeneCountMatrix.tsv", "\n".join(rows) + "\n")
        archive.writestr(
            f"{folder}TxCountMatrix.tsv", "\n".join(rows).replace("ENSDARG", "ENSDART")
        )
        archive.writestr(f"{folder}QC_Matrix.tsv", "SeqMetric\t" + "\t".join(RUNS) + "\n")
        archive.writestr(f"{folder}MetadataSummary.tsv", metadata())
        archive.writestr(f"{folder}GeneInfo.tsv", "GeneID\tGeneSymbol\tmean\n")
    return packed.getvalue()


def metadata() -> str:
    header = "SRR_accession\tQC_summary\tSRX_accession\tSRS_accession\tSRP_accession"
    lines = [header + "\tSample_name\tGEO_series"]
    for place, run in enumerate(RUNS):
        quality = "FAIL(1,2)" if place == 3 else "PASS"
        lines.append(f"{run}\t{quality}\tSRX{place // 2 + 1}\tSRS1\tSRP1\tx\tGSE1")
    lines.append("SRR999\tPASS\tSRX999\tSRS9\tSRP9\tx\tGSE9")
    return "\n".join(lines) + "\n"


def mirror(root: Path) -> None:
    (root / "metadata").mkdir(parents=True)
    (root / "metadata" / "drerio_metadata.tsv.cut").write_text(metadata())
    (root / "huge" / "drerio").mkdir(parents=True)
    (root / "huge" / "drerio" / "SRP1_GSE1.zip").write_bytes(answer("SRP1_GSE1/"))
    (root / "cgi-bin").mkdir()
    (root / "cgi-bin" / "request.sh").write_bytes(answer())


def read(base: str, folder: Path, dee2_url: str, **cells: str):
    folder.mkdir(parents=True, exist_ok=True)
    row = replace(Row("x", "GSE1", label="treatment"), **cells)
    log = logging.getLogger("tests")
    with download.session(base, folder, Connection(0, 0.1, 5), log) as opened:
        lines = download.download_series(opened, "GSE1", row.matrix, False, dee2_url)
    held = [folder / line.file for line in lines]
    assert all(path.is_file() for path in held)
    return read_dataset(row, held, frozenset({"estimated_counts"}), Budget(1e9)), lines


@pytest.mark.parametrize("kind", ["file", "http"])
def test_runs_are_added_by_sample_and_marked(tmp_path, kind):
    series().write(tmp_path / "geo")
    mirror(tmp_path / "dee2")
    base = (tmp_path / "geo").as_uri()
    if kind == "file":
        (table, adata, reading), lines = read(base, tmp_path / "a", (tmp_path / "dee2").as_uri())
    else:
        with GeoServer(tmp_path / "dee2") as server:
            (table, adata, reading), lines = read(base, tmp_path / "a", server.url)
            asked = next(one.query for one in server.asked if "request.sh" in one.path)
        assert all(f"x={run}" in asked for run in RUNS)
        assert "org=drerio" in asked
    assert table.index.tolist() == SAMPLES
    assert adata.var_names.tolist() == GENES
    np.testing.assert_array_equal(adata.X.toarray(), SUMS.T)
    assert reading["matched_by"] == "runs in DEE2's list"
    told = str(reading["notes"])
    assert "The counts are those of DEE2" in told
    assert "1 runs failed DEE2's quality control and are used: SRR4" in told
    assert "12 columns were added to 6 samples" in told
    assert not (tmp_path / "a" / "drerio_metadata.tsv.cut").exists()
    assert {line.file for line in lines} >= {"GSE1_dee2_drerio_1.zip", "GSE1_dee2_drerio_runs.tsv"}


def test_dee2_comes_before_the_authors_counts_which_can_still_be_named(tmp_path):
    own = "\n".join(
        [
            "\t".join(["gene", *SAMPLES]),
            *(f"{gene}\t1\t2\t3\t4\t5\t{n + 6}" for n, gene in enumerate(GENES)),
        ]
    )
    series().write(tmp_path / "geo", {"GSE1_counts.txt.gz": own + "\n"})
    mirror(tmp_path / "dee2")
    base, url = (tmp_path / "geo").as_uri(), (tmp_path / "dee2").as_uri()
    (_, adata, reading), _ = read(base, tmp_path / "a", url)
    assert int(adata.X.sum()) == int(COUNTS.sum())
    assert any("name this file in `matrix`" in found["reason"] for found in reading["refused"])
    (_, adata, _), _ = read(base, tmp_path / "b", url, matrix="GSE1_counts.txt.gz")
    assert int(adata.X[0].sum()) == 60
    (_, adata, reading), _ = read(base, tmp_path / "c", "")
    assert int(adata.X[0].sum()) == 60
    assert "DEE2" not in str(reading)


def test_a_series_that_dee2_does_not_know_goes_on_without(tmp_path):
    own = "\n".join(
        [
            "\t".join(["gene", *SAMPLES]),
            *(f"{gene}\t1\t2\t3\t4\t5\t{n + 6}" for n, gene in enumerate(GENES)),
        ]
    )
    series().write(tmp_path / "geo", {"GSE1_counts.txt.gz": own + "\n"})
    (tmp_path / "dee2" / "metadata").mkdir(parents=True)
    url = (tmp_path / "dee2").as_uri()
    (_, adata, _), lines = read((tmp_path / "geo").as_uri(), tmp_path / "a", url)
    assert int(adata.X[0].sum()) == 60
    assert not any("dee2" in line.file for line in lines)


def test_experiments_are_found_in_series_matrices_too(tmp_path):
    made = series()
    soft = made.write(tmp_path / "a") / "soft" / "GSE1_family.soft.gz"
    matrix = made.write(tmp_path / "b", record="matrix") / "matrix" / "GSE1_series_matrix.txt.gz"
    found = dee2.samples_of_experiments([soft])
    assert found["SRX3"] == "GSM3"
    assert dee2.samples_of_experiments([matrix]) == found
