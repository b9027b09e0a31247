"""Small matrices to be damaged, and what is asked of their refusal."""

import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np

from epigpt.matrices.candidate import Candidate, Rejected, Search
from epigpt.matrices.candidates import look_into
from epigpt.matrices.choose import find
from epigpt.matrices.sample_matching import SampleNames
from epigpt.matrices.streams import Budget, Member

SAMPLES = [f"S{number}" for number in range(1, 9)]
GENES = [f"ENSG{number:011d}" for number in range(1, 121)]
COUNTS = np.random.default_rng(3).negative_binomial(2, 0.01, (len(GENES), len(SAMPLES)))
NAMES = SampleNames.of_sheet(SAMPLES)


def look(path: Path) -> Candidate | Rejected:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    search = Search(NAMES, "auto", frozenset(), Budget(1e9), scratch)
    (found,) = look_into(Member.of_file(path), search)
    return found


def found_in(path: Path) -> Candidate:
    (path.parent / "scratch").mkdir(exist_ok=True)
    search = Search(NAMES, "auto", frozenset(), Budget(1e9), path.parent / "scratch")
    return find([Member.of_file(path)], search)[0]


def triplet(path: Path, counts: np.ndarray, first: str = "") -> Path:
    """Write a matrix with barcodes and features; `first` is a name before those of the cells."""
    body = [f"{gene + 1} {cell + 1} {counts[cell, gene]}" for cell, gene in np.ndindex(8, 120)]
    parts = {
        "x_matrix.mtx": [
            "%%MatrixMarket matrix coordinate real general",
            f"120 8 {len(body)}",
            *body,
        ],
        "x_barcodes.tsv": [*([first] if first else []), *SAMPLES],
        "x_features.tsv": [f"{gene}\t{gene}\tGene Expression" for gene in GENES],
    }
    with tarfile.open(path, "w") as archive:
        for name, listed in parts.items():
            text = ("\n".join(listed) + "\n").encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, BytesIO(text))
    return path


def refused(path: Path, *told: str) -> None:
    found = look(path)
    assert isinstance(found, Rejected)
    assert found.refusal is not None, found.reason
    for part in told:
        assert part in str(found.refusal)


def lines(sep: str = "\t") -> list[str]:
    rows = [sep.join(["gene", *SAMPLES])]
    return rows + [
        sep.join([gene, *map(str, row)]) for gene, row in zip(GENES, COUNTS.tolist(), strict=True)
    ]
