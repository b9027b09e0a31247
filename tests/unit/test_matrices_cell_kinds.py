"""Kinds of files of single cells: axes, genomes, barcodes, plates."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.matrices.streams import Budget
from geo_series import GENES, Made, Sample, table
from mouse_series import (
    COUNTS,
    ENSEMBL,
    TITLES,
    assert_right,
    packed,
    read,
    samples,
)


def cells_in_rows(header: str, ids: Callable[[int], str], sep: str = "\t") -> bytes:
    lines = ["## a remark", sep.join([header, *GENES])]
    lines += [sep.join([ids(n), *map(str, COUNTS[:, n % 8])]) for n in range(30)]
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    "ids",
    [lambda n: str(17 * n + 3), lambda n: f"cell_{n}", lambda n: f"ACGTACGTAC{'ACGT'[n % 4]}-{n}"],
)
def test_cells_in_rows_are_turned(tmp_path, ids):
    files = {f"{one.accession}_x.txt": cells_in_rows("Cell_Index", ids) for one in samples()}
    made = Made("GSE1", samples(library_source="transcriptomic single cell"))
    adata, reading = read(tmp_path, {"GSE1_RAW.tar": packed(files)}, made)
    assert reading["assay"] == "single_cell"
    assert adata.shape == (240, len(GENES))
    assert sorted(adata.var_names) == sorted(GENES)


def test_a_10x_file_of_two_genomes_keeps_the_data_sets(tmp_path):
    import h5py

    files = {}
    for one in samples():
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            for genome, ids in (("mm10", ENSEMBL), ("hg19", [f"ENSG{n:011d}" for n in range(40)])):
                cells = sparse.csc_array(COUNTS[:, :3])
                group = file.create_group(genome)
                for name in ("data", "indices", "indptr"):
                    group[name] = getattr(cells, name)
                group["shape"] = np.array(cells.shape)
                group["genes"] = np.array(ids, dtype="S")
                group["gene_names"] = np.array(GENES, dtype="S")
                group["barcodes"] = np.array(
                    [f"ACGTACGTACGTA{base}-1" for base in "CGT"], dtype="S"
                )
        files[f"{one.accession}_x.h5"] = buffer.getvalue()
    made = Made("GSE1", samples(library_source="transcriptomic single cell"))
    adata, reading = read(tmp_path, {"GSE1_RAW.tar": packed(files)}, made)
    assert adata.shape == (24, len(GENES))
    assert sorted(adata.var_names) == sorted(ENSEMBL)
    assert sorted(adata.var["symbol"]) == sorted(GENES)
    assert "gene of another species (human)" in reading["genes"]["how"]


def test_a_matrix_with_genes_in_obs_is_turned(tmp_path):
    data = ad.AnnData(
        sparse.csr_matrix(COUNTS.astype(np.float32)),
        obs=pd.DataFrame(index=GENES),
        var=pd.DataFrame(index=TITLES),
    )
    data.write_h5ad(tmp_path / "turned.h5ad")
    adata, reading = read(tmp_path, {"GSE1_all.h5ad": (tmp_path / "turned.h5ad").read_bytes()})
    assert_right(adata)
    assert "turned" in reading["orientation"]


def test_barcodes_of_a_sparse_matrix_find_their_samples_in_a_table_beside_it(tmp_path):
    barcodes = [
        "".join(np.random.default_rng(n).choice(list("ACGT"), 12)) + "-1" for n in range(40)
    ]
    counts = np.random.default_rng(9).poisson(1, size=(len(GENES), 40)) + 1
    lines = [
        f"{row + 1} {column + 1} {counts[row, column]}"
        for column in range(40)
        for row in range(len(GENES))
    ]
    head = f"%%MatrixMarket matrix coordinate integer general\n{len(GENES)} 40 {len(lines)}\n"
    known = "".join(
        f"{one.replace('-', '.')}\t{TITLES[n % 8]}\tExc{n % 3}\n" for n, one in enumerate(barcodes)
    )
    files = {
        "GSE1_matrix.mtx.gz": head + "\n".join(lines) + "\n",
        "GSE1_barcodes.tsv.gz": "\n".join(barcodes) + "\n",
        "GSE1_features.tsv.gz": "\n".join(GENES) + "\n",
        "GSE1_annotations.tsv.gz": "name\twhere_from\tcell_type\n" + known,
    }
    adata, reading = read(tmp_path, files)
    assert adata.shape == (40, len(GENES))
    assert "column 'where_from' of GSE1_annotations.tsv.gz" in reading["matched_by"]
    assert set(adata.obs["cell_type"]) == {"Exc0", "Exc1", "Exc2"}


def test_two_species_in_one_matrix_need_one_choice_that_works(tmp_path):
    human = [f"ENSG{n:011d}" for n in range(1, len(GENES) + 1)]
    text = table(TITLES, np.vstack([COUNTS, COUNTS + 1]), genes=[*ENSEMBL, *human])
    grafts = [
        replace(one, organism="Mus musculus\n!Sample_organism_ch1 = Homo sapiens")
        for one in samples()
    ]
    files = {"GSE1_counts.txt.gz": text}
    with pytest.raises(InputError, match="cell `organism`"):
        read(tmp_path, files, Made("GSE1", grafts))
    for organism, genes, counts in (("mouse", ENSEMBL, COUNTS), ("human", human, COUNTS + 1)):
        adata, reading = read(tmp_path, files, Made("GSE1", grafts), organism=organism)
        assert_right(adata, counts, genes)
        assert f"{len(GENES)} set aside (gene of another species" in reading["genes"]["how"]


def test_plates_of_single_cells_are_told_by_the_record_and_the_zeros(tmp_path):
    cells = [
        Sample(f"GSM{n + 1}", f"cell of donor {n}", (f"genotype: {('WT', 'KO')[n % 2]}",))
        for n in range(60)
    ]
    counts = np.random.default_rng(1).negative_binomial(1, 0.5, size=(len(GENES), 60))
    counts[np.random.default_rng(2).random(counts.shape) < 0.7] = 0
    text = table([one.accession for one in cells], counts)
    made = Made("GSE1", cells, title="A survey at the single cell level")
    adata, reading = read(tmp_path, {"GSE1_counts.txt.gz": text}, made)
    assert reading["assay"] == "single_cell"
    assert "the record speaks of single cells" in reading["assay_evidence"]
    assert adata.n_obs == 60


def test_a_zip_of_a_sparse_matrix_with_its_cells_is_a_source(tmp_path):
    """The R line that a Seurat object's refusal prints gives such a file."""
    barcodes = ["".join(np.random.default_rng(n).choice(list("ACGT"), 12)) for n in range(40)]
    counts = np.random.default_rng(9).poisson(1, size=(len(GENES), 40)) + 1
    lines = [
        f"{row + 1} {column + 1} {counts[row, column]}"
        for column in range(40)
        for row in range(len(GENES))
    ]
    head = f"%%MatrixMarket matrix coordinate integer general\n{len(GENES)} 40 {len(lines)}\n"
    known = "".join(f'"{one}","{TITLES[n % 8]}",12\n' for n, one in enumerate(barcodes))
    with zipfile.ZipFile(tmp_path / "counts.zip", "w") as archive:
        archive.writestr("matrix.mtx", head + "\n".join(lines) + "\n")
        archive.writestr("barcodes.tsv", "\n".join(barcodes) + "\n")
        archive.writestr("features.tsv", "\n".join(GENES) + "\n")
        archive.writestr("cell_metadata.csv", '"","orig.ident","nCount_RNA"\n' + known)
    sheet = "sample\tgenotype\n" + "".join(f"{title}\t{title[:2]}\n" for title in TITLES)
    (tmp_path / "sheet.tsv").write_text(sheet)
    row = Row("a", str(tmp_path / "counts.zip"), str(tmp_path / "sheet.tsv"), label="genotype")
    table_of_samples, adata, _ = read_dataset(
        row, [tmp_path / "counts.zip", tmp_path / "sheet.tsv"], frozenset(), Budget(1e9)
    )
    assert adata.shape == (40, len(GENES))
    assert table_of_samples.index.tolist() == TITLES
