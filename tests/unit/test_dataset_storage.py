"""One room opens counts.h5ad and expression.h5ad, and one formula normalises."""

import re
from pathlib import Path

import anndata
import numpy as np
import scipy.sparse

from epigpt.dataset import normalization, storage

OPENS = re.compile(r"h5py\.File\(|anndata\.read_h5ad\(|\bad\.read_h5ad\(|read_elem\(")


def test_no_other_room_opens_the_files(root: Path) -> None:
    """`matrices` opens files of others, behind its checks."""
    package = root / "workflow" / "epigpt"
    opening = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if OPENS.search(path.read_text(encoding="utf-8"))
    }
    assert opening == {"dataset", "matrices"}


def test_no_other_room_takes_log1p_of_counts(root: Path) -> None:
    package = root / "workflow" / "epigpt"
    formula = re.compile(r"log1p\([^)]*counts|lognorm\.log1p|normalize_total")
    found = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if formula.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_parts_and_texts(tmp_path: Path) -> None:
    data = anndata.AnnData(np.ones((2, 3), dtype=np.float32), uns={"organism": "mouse"})
    data.layers["counts"] = scipy.sparse.csr_matrix(np.arange(6).reshape(2, 3))
    path = tmp_path / "expression.h5ad"
    data.write_h5ad(path)
    obs, counts = storage.parts(path, "obs", "layers/counts")
    assert obs.index.tolist() == ["0", "1"]
    assert counts.toarray().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert storage.text(path, "organism") == "mouse"
    assert storage.text(path, "assay") == ""
    assert storage.read(path).shape == (2, 3)


def test_lognorm_leaves_its_input_alone() -> None:
    counts = scipy.sparse.csr_matrix(np.array([[1, 3, 0], [0, 0, 0]]))
    before = counts.copy()
    found = normalization.lognorm(counts, 100.0)
    np.testing.assert_allclose(found.toarray(), [[np.log(26), np.log(76), 0], [0, 0, 0]], rtol=1e-6)
    assert (counts != before).nnz == 0
