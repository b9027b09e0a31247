"""A mouse series of eight samples, in two genotypes, and how it is read."""

import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np

from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.matrices.streams import Budget
from geo_series import GENES, Made, Sample, counts_of, table

TITLES = [f"{genotype}{number}" for genotype in ("WT", "KO") for number in (1, 2, 3, 4)]
COUNTS = counts_of(8)
ENSEMBL = [f"ENSMUSG{number:011d}" for number in range(1, len(GENES) + 1)]


def samples(**more: str) -> list[Sample]:
    return [
        Sample(f"GSM{place + 1}", title, (f"genotype: {title[:2]}",), lines=more)
        for place, title in enumerate(TITLES)
    ]


def read(
    folder: Path,
    files: Mapping[str, str | bytes],
    made: Made | None = None,
    allowed: Sequence[str] = ("estimated_counts",),
    **cells: str,
):
    """Lay a series out and read it; give the AnnData and what was noted."""
    series = made or Made("GSE1", samples())
    home = series.write(folder, files)
    paths = [path for kind in ("soft", "suppl") for path in sorted((home / kind).glob("*"))]
    row = replace(Row("a", series.accession, label="genotype"), **cells)
    _, adata, reading = read_dataset(row, paths, frozenset(allowed), Budget(1e9))
    return adata, reading


def assert_right(adata: ad.AnnData, counts: np.ndarray = COUNTS, genes: Sequence[str] = GENES):
    assert adata.obs["sample"].tolist() == [f"GSM{place + 1}" for place in range(8)]
    assert sorted(adata.var_names) == sorted(genes)
    np.testing.assert_array_equal(adata[:, list(genes)].X.toarray(), counts.T)


def lines_of(text: str) -> list[str]:
    return text.rstrip("\n").split("\n")


TEXT = table(TITLES, COUNTS)


def packed(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()
