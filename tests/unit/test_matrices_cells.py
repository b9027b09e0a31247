"""Single cells in every container: sparse matrices, HDF5, dense tables, R."""

import gzip
import io
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from matrix_shapes import GENES, SAMPLES, TITLES, add, reads, table

CELLS = 8


def cells_of(number: int, genes: list[str]) -> sparse.csr_array:
    random = np.random.default_rng(number)
    return sparse.csr_array(
        random.poisson(1.5, size=(CELLS, len(genes))).astype(np.int32)
        + (np.arange(len(genes)) == 0)
    )


def barcode(number: int) -> str:
    return "".join("ACGT"[number >> (2 * k) & 3] for k in range(16)) + "-1"


def mtx(matrix: sparse.csr_array) -> bytes:
    turned = sparse.coo_array(sparse.csc_array(matrix.T))
    lines = [
        f"{row + 1} {column + 1} {value}"
        for row, column, value in zip(*turned.coords, turned.data, strict=True)
    ]
    return (
        "%%MatrixMarket matrix coordinate integer general\n%made here\n"
        + f"{turned.shape[0]} {turned.shape[1]} {turned.nnz}\n"
        + "\n".join(lines)
    ).encode()


def triplet(number: int, genes: list[str], version: int) -> dict[str, bytes]:
    kind = "\tGene Expression" if version == 3 else ""
    features = "".join(f"{gene}\tsym{gene[-3:]}{kind}\n" for gene in genes)
    barcodes = "".join(f"{barcode(n)}\n" for n in range(CELLS))
    named = "features" if version == 3 else "genes"
    return {
        "matrix.mtx": mtx(cells_of(number, genes)),
        "barcodes.tsv": barcodes.encode(),
        f"{named}.tsv": features.encode(),
    }


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    "layout", ["beside each other", "nested archives", "shared features", "feature lists differ"]
)
def test_archives_of_sparse_matrices(tmp_path, version, layout):
    lists = [
        GENES[:30] if number % 2 and layout == "feature lists differ" else GENES[5:]
        for number in range(6)
    ]
    with tarfile.open(tmp_path / "GSE1_RAW.tar", "w") as archive:
        for number, name in enumerate(SAMPLES):
            files = {
                part: gzip.compress(content, mtime=0)
                for part, content in triplet(number, lists[number], version).items()
            }
            if layout == "nested archives":
                inner = io.BytesIO()
                with tarfile.open(fileobj=inner, mode="w:gz") as nested:
                    for part, content in files.items():
                        add(nested, f"filtered/{part}.gz", content)
                add(archive, f"{name}_liver.tar.gz", inner.getvalue())
                continue
            for part, content in files.items():
                if layout == "shared features" and part.startswith(("genes", "features")):
                    if number == 0:
                        (tmp_path / f"GSE1_{part}.gz").write_bytes(content)
                    continue
                add(archive, f"{name}_liver_{part}.gz", content)
    found = reads(tmp_path)
    assert found.single_cell
    assert found.values.matrix.shape[0] == 6 * CELLS
    assert len(set(found.values.observations)) == 6 * CELLS
    assert sorted(found.values.genes) == sorted(set().union(*lists))
    frame = pd.DataFrame(
        found.values.matrix.toarray(), index=found.samples, columns=found.values.genes
    )
    for number, name in enumerate(SAMPLES):
        np.testing.assert_array_equal(
            frame.loc[name, lists[number]].to_numpy(), cells_of(number, lists[number]).toarray()
        )
    assert (layout == "feature lists differ") == any(
        "not in the lists of all" in note for note in found.values.notes
    )


def test_a_dense_table_of_cells_whose_names_begin_with_their_sample(tmp_path):
    cells = [f"{title.replace('-', '_')}_{barcode(n)}" for title in TITLES for n in range(CELLS)]
    counts = np.vstack([cells_of(number, GENES).toarray() for number in range(6)]).T
    (tmp_path / "GSE1_cells.csv").write_text(table(",", head=cells, counts=counts))
    found = reads(tmp_path)
    assert found.single_cell
    np.testing.assert_array_equal(found.values.matrix.toarray(), counts.T)
    assert found.samples == [name for name in SAMPLES for _ in range(CELLS)]


def ten_x_h5(path: Path, number: int, version: int) -> None:
    matrix = sparse.csc_array(cells_of(number, GENES).T)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix" if version == 3 else "mm10")
        for part in ("data", "indices", "indptr"):
            group[part] = getattr(matrix, part)
        group["shape"] = matrix.shape
        group["barcodes"] = [barcode(n).encode() for n in range(CELLS)]
        if version == 3:
            group["features/id"], group["features/name"] = (
                [g.encode() for g in GENES],
                [g.encode() for g in GENES],
            )
            group["features/feature_type"] = [b"Gene Expression"] * 39 + [b"Antibody Capture"]
        else:
            group["genes"], group["gene_names"] = (
                [g.encode() for g in GENES],
                [g.encode() for g in GENES],
            )


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("packed", [False, True])
def test_archives_of_10x_hdf5(tmp_path, version, packed):
    with tarfile.open(tmp_path / "GSE1_RAW.tar", "w") as archive:
        for number, name in enumerate(SAMPLES):
            ten_x_h5(tmp_path / "one", number, version)
            content = (tmp_path / "one").read_bytes()
            add(
                archive,
                f"{name}_filtered_feature_bc_matrix.h5" + ".gz" * packed,
                gzip.compress(content) if packed else content,
            )
            (tmp_path / "one").unlink()
    found = reads(tmp_path)
    genes = GENES[:39] if version == 3 else GENES
    assert found.values.genes == genes
    np.testing.assert_array_equal(
        found.values.matrix.toarray()[:CELLS], cells_of(0, GENES).toarray()[:, : len(genes)]
    )


def test_an_h5ad_file_whose_cells_name_their_sample_in_a_column(tmp_path):
    import anndata as ad

    counts = sparse.csr_matrix(
        np.vstack([cells_of(number, GENES).toarray() for number in range(6)])
    )
    obs = pd.DataFrame(
        {"mouse": np.repeat(TITLES, CELLS)}, index=[f"cell{n}" for n in range(6 * CELLS)]
    )
    data = ad.AnnData(
        X=counts.astype(np.float32) * 0.5,
        obs=obs,
        var=pd.DataFrame(index=GENES),
        layers={"counts": counts},
    )
    data.write_h5ad(tmp_path / "GSE1_all.h5ad")
    found = reads(tmp_path)
    assert found.samples == [name for name in SAMPLES for _ in range(CELLS)]
    np.testing.assert_array_equal(found.values.matrix.toarray(), counts.toarray())


def test_a_loom_file(tmp_path):
    counts = np.vstack([cells_of(number, GENES).toarray() for number in range(6)])
    with h5py.File(tmp_path / "GSE1_all.loom", "w") as file:
        file.create_dataset("matrix", data=counts.T, chunks=(16, 4), compression="gzip")
        file["row_attrs/Gene"], file["row_attrs/Accession"] = (
            [g.encode() for g in GENES],
            [g.encode() for g in GENES],
        )
        file["col_attrs/CellID"] = [
            f"{name}_{barcode(n)}".encode() for name in SAMPLES for n in range(CELLS)
        ]
    found = reads(tmp_path)
    assert found.single_cell
    np.testing.assert_array_equal(found.values.matrix.toarray(), counts)
