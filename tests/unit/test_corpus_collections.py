"""Many series in one source: ARCHS4's file, DEE2's dump, folders of .h5ad files and of recount3's
studies; what is wrong with one keeps none of the others out."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from corpus_series import DESIGN, SETTINGS, counts
from epigpt.config.corpus_table import CorpusRow
from epigpt.corpus import shards, sources
from epigpt.encoding.token_dataset import EncodingConfig
from epigpt.errors import InputError
from epigpt.simulation.simulate import simulate


def archs4(path: Path, series: list[str]) -> None:
    drawn = simulate(3, DESIGN).counts
    with h5py.File(path, "w") as file:
        file["data/expression"] = drawn.to_numpy()
        file["meta/genes/symbol"] = drawn.index.astype(str).to_numpy().astype(bytes)
        accessions = [f"GSM{number}".encode() for number in range(drawn.shape[1])]
        file["meta/samples/geo_accession"] = accessions
        file["meta/samples/series_id"] = [name.encode() for name in series]
        file["meta/samples/organism_ch1"] = [b"Mus musculus"] * drawn.shape[1]


@pytest.mark.slow
def test_one_file_with_many_series(tmp_path: Path) -> None:
    path = tmp_path / "archs4.h5"
    archs4(path, ["GSE5,GSE99"] * 4 + ["GSE6"] * 3 + ["GSE7"])
    row = CorpusRow("archs4", str(path))
    found = {one.name: one for one in sources.read(row, [path], SETTINGS)}
    assert found["GSE5"].counts.shape[0] == 4
    assert found["GSE5"].related == {"GSE5", "GSE99"}
    assert found["GSE5"].counts.uns["organism"] == "mouse"
    drawn = simulate(3, DESIGN).counts
    gene = found["GSE6"].counts.var_names[found["GSE6"].counts.var["symbol"] == "Snap25"]
    if len(gene):
        stored = np.asarray(found["GSE6"].counts[:, gene].X.todense()).ravel()
        assert stored.tolist() == drawn.loc["Snap25"].iloc[4:7].tolist()
    assert int(found["GSE6"].counts.X.sum()) == int(drawn.iloc[:, 4:7].to_numpy().sum())
    assert found["GSE7"].counts is None
    assert "fewer than 3" in found["GSE7"].reason


def test_a_file_laid_out_otherwise_is_skipped_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["matrix"] = np.zeros((3, 3))
    (found,) = sources.read(CorpusRow("other", str(path)), [path], SETTINGS)
    assert found.counts is None
    assert "ARCHS4" in found.reason


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_a_file_that_was_cut_is_skipped_with_its_reason(tmp_path: Path, share: float) -> None:
    path = tmp_path / "archs4.h5"
    archs4(path, ["GSE5"] * 8)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    (found,) = sources.read(CorpusRow("archs4", str(path)), [path], SETTINGS)
    assert found.counts is None
    assert "damaged HDF5 file" in found.reason


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("logarithms", "logarithmic scale"),
        ("nothing", "without a matrix"),
        ("zeros", "every value is 0"),
    ],
)
def test_cells_without_counts_are_skipped_with_what_they_hold(
    tmp_path: Path, kind: str, said: str
) -> None:
    made = counts(1, "c")
    dense = np.asarray(made.X.todense(), dtype=np.float64)
    made.X = {
        "logarithms": np.log1p(dense / dense.sum(axis=1, keepdims=True) * 1e4),
        "nothing": None,
        "zeros": scipy.sparse.csr_matrix((dense[dense > 0] * 0, dense.nonzero()), dense.shape),
    }[kind]
    path = tmp_path / "cells.h5ad"
    made.write_h5ad(path)
    (found,) = sources.read(CorpusRow("cells", str(path)), [path], SETTINGS)
    assert found.counts is None
    assert said in found.reason


def test_a_species_without_human_orthologs_makes_no_shard(tmp_path: Path) -> None:
    made = counts(1, "c")
    made.var_names = [f"YAL{number:03d}W" for number in range(made.n_vars)]
    made.var["symbol"] = made.var_names
    path = tmp_path / "yeast.h5ad"
    made.write_h5ad(path)
    (found,) = sources.read(CorpusRow("yeast", str(path), organism="mouse"), [path], SETTINGS)
    recipe = EncodingConfig("gene-values", 32, 400, 2, 1, 0.5, "deviation")
    with pytest.raises(InputError, match="0 genes with a human ortholog"):
        shards.write(tmp_path / "shards", found, recipe, row="yeast", source="yeast", code=[])
    assert not (tmp_path / "shards").exists() or not list((tmp_path / "shards").iterdir())


RUN_LIST = (
    "SRR_accession\tQC_summary\tSRX_accession\tSRS_accession\tSRP_accession\tExperiment_title"
    "\tGEO_series\n"
)


def dee2(path: Path, genes_first: bool) -> pd.DataFrame:
    """A dump of three series: of GEO with two runs for its first sample, of no series of GEO, and
    one that the list does not know."""
    drawn = simulate(3, DESIGN).counts
    drawn.columns = [f"SRR{number}" for number in range(drawn.shape[1])]
    with h5py.File(path, "w") as file:
        file["bigmatrix"] = drawn.to_numpy() if genes_first else drawn.T.to_numpy()
        file["rownames"] = [name.encode() for name in drawn.columns]
        file["colnames"] = [name.encode() for name in drawn.index]
    lines = [
        f"SRR{run}\tPASS\tSRX{run}\tSRS1\tSRP1\tGSM{max(run, 1)}: a mouse\tGSE1" for run in range(4)
    ]
    lines += [f"SRR{run}\tPASS\tSRX{run}\tSRS2\tSRP2\ta mouse\t" for run in range(4, 7)]
    path.with_suffix(".tsv").write_text(RUN_LIST + "\n".join(lines) + "\n")
    return drawn


@pytest.mark.slow
@pytest.mark.parametrize("genes_first", [True, False])
def test_a_dump_of_dee2_with_its_list_of_runs(tmp_path: Path, genes_first: bool) -> None:
    path = tmp_path / "mmusculus_se.h5"
    drawn = dee2(path, genes_first)
    row = CorpusRow("dee2", str(path), samples=str(path.with_suffix(".tsv")), organism="mouse")
    found = {
        one.name: one for one in sources.read(row, [Path(one) for one in row.inputs], SETTINGS)
    }
    assert set(found) == {"GSE1", "SRP2"}
    assert found["GSE1"].counts.obs_names.tolist() == ["GSM1", "GSM2", "GSM3"]
    assert found["GSE1"].related == {"GSE1", "SRP1"}
    sums = np.asarray(found["GSE1"].counts.X.sum(axis=1)).ravel()
    assert sums.tolist() == [drawn.iloc[:, :2].to_numpy().sum(), *drawn.iloc[:, 2:4].sum()]
    assert found["SRP2"].counts.obs_names.tolist() == ["SRX4", "SRX5", "SRX6"]
    # Without the list nothing says what belongs together; the reason says what to fetch.
    (alone,) = sources.read(replace(row, samples=""), [path], SETTINGS)
    assert "without the list of its runs" in alone.reason


def test_studies_of_recount3_become_counts_of_reads(tmp_path: Path) -> None:
    drawn = simulate(3, DESIGN).counts.iloc[:, :5]
    drawn.columns = [f"SRR{number}" for number in range(5)]
    length = np.array([50, 75, 100, 150.5, 0])
    summed = (drawn * length).round().astype(int)
    head = "##annotation=M023\n##date.generated=2020-09-09\n"
    for study in ("SRP7", "SRP8"):
        with gzip.open(tmp_path / f"sra.gene_sums.{study}.M023.gz", "wt") as file:
            file.write(head + summed.to_csv(sep="\t", index_label="gene_id"))
    quality = pd.DataFrame({"rail_id": range(5), "external_id": drawn.columns, "study": "SRP7"})
    quality["star.average_mapped_length"] = length
    quality.to_csv(tmp_path / "sra.recount_qc.SRP7.MD.gz", sep="\t", index=False)
    titles = [f"GSM{number}: a mouse; Mus musculus; RNA-Seq" for number in range(5)]
    described = quality[["rail_id", "external_id", "study"]].assign(experiment_title=titles)
    described.to_csv(tmp_path / "sra.sra.SRP7.MD.gz", sep="\t", index=False)
    row = CorpusRow("recount3", str(tmp_path), organism="mouse")
    found = {
        one.name: one for one in sources.read(row, [Path(one) for one in row.inputs], SETTINGS)
    }
    counts = found["SRP7"].counts
    # A run of which no read was mapped is left out.
    assert counts.obs_names.tolist() == ["GSM0", "GSM1", "GSM2", "GSM3"]
    assert np.asarray(counts.X.sum(axis=1)).ravel().tolist() == drawn.iloc[:, :4].sum().tolist()
    assert "recount_qc of SRP8" in found["SRP8"].reason


def test_a_folder_is_a_series_each_and_a_bad_file_keeps_none_out(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in (1, 2):
        counts(number, f"c{number}_").write_h5ad(folder / f"series{number}.h5ad")
    (folder / "broken.h5ad").write_bytes(b"no HDF5")
    row = CorpusRow("many", str(folder))
    found = {
        one.name: one for one in sources.read(row, [Path(path) for path in row.inputs], SETTINGS)
    }
    assert set(found) == {"series1", "series2", "broken"}
    assert found["broken"].reason
    assert found["series1"].counts.shape[0] == 8
    described = json.dumps(found["broken"].reason)
    assert "\\n" not in described
