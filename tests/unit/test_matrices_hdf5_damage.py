"""Damaged or hostile HDF5 files and sparse matrices: refused before compiled code sees them."""

import re
import struct
from io import BytesIO
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from damaged import COUNTS, GENES, SAMPLES, found_in, look, refused, triplet
from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.matrices import (
    hdf5_heaps,
    r_objects,
    sparse_parts,
)
from epigpt.matrices.candidate import Candidate
from epigpt.matrices.streams import Budget


@pytest.fixture
def h5ad(tmp_path: Path) -> Path:
    matrix = sparse.csr_matrix(COUNTS.T.astype(np.float32))
    data = anndata.AnnData(matrix, pd.DataFrame(index=SAMPLES), pd.DataFrame(index=GENES))
    data.write_h5ad(tmp_path / "a.h5ad")
    return tmp_path / "a.h5ad"


def change(path: Path, name: str, **parts: object) -> None:
    with h5py.File(path, "r+") as file:
        group = file[name]
        for part, make in parts.items():
            if part == "shape":
                group.attrs["shape"] = make
                continue
            values = make(group[part][:])
            del group[part]
            group[part] = values


def setting(at: int, value: int):
    def make(values: np.ndarray) -> np.ndarray:
        values[at] = value
        return values

    return make


BROKEN = {
    "a position beyond": {"indices": setting(5, 10**6)},
    "a negative position": {"indices": setting(5, -1)},
    "a pointer beyond": {"indptr": setting(3, 10**8)},
    "pointers that go back": {"indptr": setting(3, 0)},
    "a pointer before the first": {"indptr": setting(0, -4)},
    "fewer values": {"data": lambda values: values[:-3]},
    "fewer pointers": {"indptr": lambda values: values[:-1]},
    "a position twice": {"indices": setting(1, 0)},
    "another shape": {"shape": (8, 10**9)},
    "a negative shape": {"shape": (-8, 120)},
    "yes and no": {"data": lambda values: values > 0},
    "texts": {"indices": lambda values: np.array([b"x"] * len(values))},
    "two dimensions": {"data": lambda values: values.reshape(-1, 1)},
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix"])
def test_sparse_parts_of_an_h5ad_are_checked_before_compiled_code_sees_them(h5ad, kind, form):
    if form == "csc_matrix":
        turned = sparse.csc_matrix(COUNTS.T.astype(np.float32))
        data = anndata.AnnData(turned, pd.DataFrame(index=SAMPLES), pd.DataFrame(index=GENES))
        data.write_h5ad(h5ad)
    change(h5ad, "X", **BROKEN[kind])
    refused(h5ad, "a.h5ad")


def test_names_that_do_not_fit_the_matrix_of_an_h5ad(h5ad):
    with h5py.File(h5ad, "r+") as file:
        for table, name in (("obs", "_index"), ("var", "_index")):
            kept = file[table][name][:-1]
            del file[table][name]
            file[table][name] = kept
            file[table][name].attrs.update(
                {"encoding-type": "string-array", "encoding-version": "0.2.0"}
            )
    refused(h5ad, "names of 7 observations and 119 genes")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", ["h5ad", "dense h5ad", "10x", "loom", "mtx"])
def test_a_value_that_is_not_finite_costs_its_gene(h5ad, tmp_path, form, value):
    counts = COUNTS.T.astype(np.float64)
    counts[2, 7] = value
    if form in ("h5ad", "dense h5ad"):
        matrix = counts if form.startswith("dense") else sparse.csr_matrix(counts)
        path = h5ad
        anndata.AnnData(matrix, pd.DataFrame(index=SAMPLES), pd.DataFrame(index=GENES)).write(path)
    elif form == "10x":
        matrix = sparse.csr_matrix(counts)
        path = ten_x(
            tmp_path / "a.h5", data=matrix.data, indices=matrix.indices, indptr=matrix.indptr
        )
    elif form == "loom":
        path = tmp_path / "a.loom"
        with h5py.File(path, "w") as file:
            file["matrix"] = counts.T
            file["row_attrs/Gene"] = np.array(GENES, dtype="S")
            file["col_attrs/CellID"] = np.array(SAMPLES, dtype="S")
    else:
        path = triplet(tmp_path / "x.tar", counts)
    found = found_in(path)
    assert isinstance(found, Candidate), found.reason
    assert found.size == (8, len(GENES) - 1)
    assert any(GENES[7] in note for note in found.values.notes)
    assert found.kind.type == "raw_counts"


@pytest.mark.parametrize("kind", ["<f2", ">f4", ">i4", ">f8"])
def test_numbers_of_two_bytes_and_of_another_order(h5ad, kind):
    values = (COUNTS.T % 1000).astype(kind)
    with h5py.File(h5ad, "r+") as file:
        attributes = dict(file["X"].attrs)
        del file["X"]
        file["X"] = values
        file["X"].attrs.update({**attributes, "encoding-type": "array"})
    found = look(h5ad)
    assert isinstance(found, Candidate), found.reason
    assert found.values.matrix.sum() == values.astype(int).sum()


@pytest.mark.parametrize("shape", [(0, 120), (8, 0)])
def test_a_matrix_without_observations_or_genes_is_called_that(h5ad, shape):
    names = (SAMPLES[: shape[0]], GENES[: shape[1]])
    obs, var = (pd.DataFrame(index=pd.Index(part, dtype=str)) for part in names)
    anndata.AnnData(np.zeros(shape, dtype=np.float32), obs, var).write_h5ad(h5ad)
    refused(h5ad, f"a matrix of {shape[0]} observations and {shape[1]} genes")


@pytest.mark.parametrize("size", [0, 1 << 40])
def test_a_heap_of_texts_that_has_no_end(h5ad, size):
    """The HDF5 library would walk from object to object for ever, or out of the collection."""
    path = h5ad
    content = bytearray(path.read_bytes())
    start = content.index(b"GCOL") + 16
    content[start : start + 16] = struct.pack("<HHIQ", 0 if size == 0 else 1, 0, 0, size)
    path.write_bytes(content)
    refused(path, "a damaged HDF5 file", "go round for ever")


def test_heaps_are_found_wherever_blocks_end(h5ad, monkeypatch):
    content = h5ad.read_bytes()
    starts = [found.start() for found in re.finditer(b"GCOL", content)]
    monkeypatch.setattr(hdf5_heaps, "_BLOCK", 7)
    assert list(hdf5_heaps._collections(BytesIO(content))) == starts
    assert hdf5_heaps.damaged_heap(BytesIO(content)) is None
    assert hdf5_heaps.damaged_heap(BytesIO(b"GCOL said nobody" + content)) is None


def test_a_matrix_hidden_in_a_table_of_an_h5ad(h5ad):
    with h5py.File(h5ad, "r+") as file:
        file.copy("X", file["obs"], name="hidden")
        file["obs"].attrs["column-order"] = ["hidden"]
    refused(h5ad, "'hidden' of kind 'csr_matrix'")


def test_observations_twice(h5ad):
    names = ["S1", *SAMPLES[:7]]
    obs = pd.DataFrame({"condition": ["a", "a", "b", "b"] * 2}, index=names)
    obs["sample"] = [f"d{number // 2}" for number in range(8)]
    data = anndata.AnnData(sparse.csr_matrix(COUNTS.T.astype(np.float32)))
    data.var_names, data.obs = GENES, obs
    data.write_h5ad(h5ad)
    row = Row(dataset="x", source=str(h5ad), label="condition", assay="bulk")
    with pytest.raises(InputError, match="sample 'S1' 2 times"):
        read_dataset(row, [h5ad], frozenset(), Budget(1e9))
    cells = Row(dataset="x", source=str(h5ad), label="condition", assay="single_cell")
    _, adata, reading = read_dataset(cells, [h5ad], frozenset(), Budget(1e9))
    assert adata.obs_names.is_unique
    assert adata.n_obs == 8
    assert any("got a number" in note for note in reading["notes"])


def ten_x(path: Path, **changed: object) -> Path:
    matrix = sparse.csc_matrix(COUNTS)
    parts = {
        "data": matrix.data,
        "indices": matrix.indices,
        "indptr": matrix.indptr,
        "shape": np.array(COUNTS.shape),
        "barcodes": np.array(SAMPLES, dtype="S"),
        "features/id": np.array(GENES, dtype="S"),
        "features/name": np.array(GENES, dtype="S"),
        **changed,
    }
    with h5py.File(path, "w") as file:
        for name, value in parts.items():
            file[f"matrix/{name}"] = value
    return path


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": np.array([120, 9])},
        {"shape": np.array([8, 120])},
        {"indices": np.full(sparse.csc_matrix(COUNTS).nnz, 120)},
        {"barcodes": np.array(SAMPLES[:-1], dtype="S")},
        {"features/name": np.array(GENES[:-1], dtype="S")},
        {"barcodes": np.array([[b"S1"]])},
    ],
)
def test_a_10x_file_whose_parts_do_not_fit(tmp_path, changed):
    whole = look(ten_x(tmp_path / "whole.h5"))
    assert isinstance(whole, Candidate)
    assert whole.values.matrix.sum() == COUNTS.sum()
    refused(ten_x(tmp_path / "a.h5", **changed), "do not fit together")


def test_hdf5_that_declares_what_was_never_written(tmp_path):
    path = ten_x(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        for name in ("data", "indices"):
            del file[f"matrix/{name}"]
            file.create_dataset(f"matrix/{name}", (50_000_000,), "i4", chunks=(1 << 20,))
    refused(path, "declares 200,000,000 bytes and holds 0")


def test_a_loom_file_with_fewer_names_than_rows(tmp_path):
    with h5py.File(tmp_path / "a.loom", "w") as file:
        file["matrix"] = COUNTS
        file["row_attrs/Gene"] = np.array(GENES[:-1], dtype="S")
        file["col_attrs/CellID"] = np.array(SAMPLES, dtype="S")
    refused(tmp_path / "a.loom", "119 genes")


def test_sparse_matrices_of_r_are_checked():
    parts = {
        "x": np.ones(3),
        "i": np.array([0, 1, 5]),
        "p": np.array([0, 1, 3]),
        "Dim": [2, 2],
        "Dimnames": [["a", "b"], ["c", "d"]],
    }
    with pytest.raises(InputError, match="outside its"):
        r_objects._of_sparse(parts, "a.rds")
    assert r_objects._of_sparse({**parts, "i": np.array([0, 0, 1])}, "a.rds").matrix.nnz == 3


def test_a_whole_sparse_matrix_comes_out_as_it_was():
    dense = np.random.default_rng(0).poisson(0.4, (30, 50)).astype(np.int32)
    for form, by_column in ((sparse.csr_array, False), (sparse.csc_array, True)):
        given = form(dense)
        found = sparse_parts.compressed(
            given.data, given.indices, given.indptr, dense.shape, by_column=by_column, where="x"
        )
        np.testing.assert_array_equal(found.toarray(), dense)
