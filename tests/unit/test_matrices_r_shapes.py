"""Matrices of R objects become the same counts as tables; the files are written here."""

import gzip

import pandas as pd
import pytest
import rdata
from scipy import sparse

from matrix_shapes import COUNTS, GENES, SAMPLES, as_frame, expected, reads


@pytest.mark.parametrize("name", ["GSE1_counts.rds", "GSE1_counts.RData", "GSE1_counts.rds.gz"])
@pytest.mark.parametrize("names_in", ["row names", "a column"])
def test_r_data_frames(tmp_path, name, names_in):
    frame = expected()
    frame = (
        frame.astype("int32")
        if names_in == "row names"
        else frame.astype("int32").reset_index(names="gene").astype({"gene": object})
    )
    path = tmp_path / name.removesuffix(".gz")
    if path.suffix == ".rds":
        rdata.write_rds(path, frame)
    else:
        rdata.write_rda(path, {"counts": frame})
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    pd.testing.assert_frame_equal(
        as_frame(reads(tmp_path)).loc[GENES, SAMPLES], expected(), check_dtype=False
    )


def test_r_sparse_matrices(tmp_path, monkeypatch):
    columns = sparse.csc_array(COUNTS)
    parts = {
        "x": columns.data.astype(float),
        "i": columns.indices,
        "p": columns.indptr,
        "Dim": [len(GENES), 6],
        "Dimnames": [GENES, SAMPLES],
    }
    rdata.write_rds(tmp_path / "GSE1_counts.rds", [1.0])
    # The package writes no S4 objects; this is what its reader makes of one.
    monkeypatch.setattr(
        rdata.conversion,
        "convert",
        lambda parsed, constructor_dict: constructor_dict["dgCMatrix"](None, parts),
    )
    pd.testing.assert_frame_equal(
        as_frame(reads(tmp_path)).loc[GENES, SAMPLES], expected(), check_dtype=False
    )
