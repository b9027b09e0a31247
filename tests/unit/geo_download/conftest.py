"""Fixtures of the tests of whole downloads: a mirror, a server of it, a download from it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import geo_server
from epigpt.geo import download
from epigpt.transport.resume import Fetched
from geo_mirror import FAST, RANDOM, Fetch, put, put_soft


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror of GSE1234 with a record, two matrices and a track."""
    root = tmp_path / "mirror"
    put_soft(
        root,
        "GSE1234",
        "!Series_supplementary_file = ftp://h/suppl/GSE1234_counts.csv.gz",
        "!Series_supplementary_file = NONE",
    )
    put(root, "GSE1234", "suppl", "GSE1234_counts.csv.gz", RANDOM.randbytes(50_000))
    put(root, "GSE1234", "suppl", "GSE1234_tpm.tsv.gz", "gene\tGSM1\nA\t1.5\n")
    put(root, "GSE1234", "suppl", "GSE1234_track.bw", b"track")
    put(root, "GSE1234", "suppl", "GSE12345_other.csv", b"of another series")
    return root


@pytest.fixture
def server(mirror: Path) -> Iterator[Any]:
    with geo_server.GeoServer(mirror) as running:
        yield running


@pytest.fixture
def fetched(tmp_path: Path) -> Fetch:
    def fetch_series(
        base: str, accession: str = "GSE1234", pattern: str = "auto", ncbi_counts: bool = True
    ) -> list[Fetched]:
        with download.session(base, tmp_path / "geo", FAST, logging.getLogger("test")) as opened:
            return download.download_series(opened, accession, pattern, ncbi_counts)

    return fetch_series
