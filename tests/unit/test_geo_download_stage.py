"""The stage as a program: killed in the middle, failing with one message, refusing what is no
source."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import geo_server

COUNTS = gzip.compress(random.Random(3).randbytes(3_000_000))
SOFT = (
    "^SERIES = GSE1234\n!Series_type = Expression profiling by high throughput"
    " sequencing\n!Series_sample_taxid = 7955\n^SAMPLE = GSM1\n"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    series = tmp_path / "mirror/series/GSE1nnn/GSE1234"
    (series / "soft").mkdir(parents=True)
    (series / "soft/GSE1234_family.soft.gz").write_bytes(gzip.compress(SOFT.encode()))
    (series / "suppl").mkdir()
    (series / "suppl/GSE1234_counts.csv.gz").write_bytes(COUNTS)
    with geo_server.GeoServer(tmp_path / "mirror") as running:
        yield running


def stage(base: str, folder: Path, root: Path, source: str = "GSE1234") -> "subprocess.Popen[str]":
    settings = {
        "geo.base_url": base,
        "geo.ncbi_counts": True,
        "geo.dee2": False,
        "geo.dee2_url": "https://dee2.io",
        "geo.retries": 1,
        "geo.backoff_seconds": 0.01,
        "geo.timeout_seconds": 5,
    }
    command = [
        sys.executable,
        "-m",
        "epigpt.stages.download",
        "--dataset",
        "d",
        "--manifest",
    ]
    command += [
        str(folder / "geo/manifest.tsv"),
        "--settings",
        json.dumps(settings | {"row.matrix": "auto", "path.source": source, "path.samples": ""}),
        "--log",
        str(folder / "log"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow")}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_stage_killed_in_the_middle_continues(server: Any, tmp_path: Path, root: Path) -> None:
    server.fail("counts.csv.gz", "held", 1)
    part = tmp_path / "geo/.partial/GSE1234_counts.csv.gz.part"
    with stage(server.url, tmp_path, root) as first:
        while not (part.exists() and part.stat().st_size > 200_000) and first.poll() is None:
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert not (tmp_path / "geo/manifest.tsv").exists()
    have = part.stat().st_size
    assert 200_000 < have < len(COUNTS)
    with stage(server.url, tmp_path, root) as second:
        errors = second.communicate(timeout=60)[1]
    assert second.returncode == 0, errors
    assert (tmp_path / "geo/GSE1234_counts.csv.gz").read_bytes() == COUNTS
    asked = [asked for asked in server.asked if asked.path.endswith("counts.csv.gz")]
    assert [(one.range, one.status) for one in asked] == [(None, 200), (f"bytes={have}-", 206)]
    manifest = (tmp_path / "geo/manifest.tsv").read_text().splitlines()
    assert manifest[0] == "file\turl\tbytes\tsha256\ttime"
    assert [line.split("\t")[0] for line in manifest[1:]] == [
        "GSE1234_counts.csv.gz",
        "GSE1234_family.soft.gz",
    ]


@pytest.mark.slow
def test_stage_says_one_message_and_leaves_nothing_final(
    server: Any, tmp_path: Path, root: Path
) -> None:
    server.fail("counts.csv.gz", "truncated")
    with stage(server.url, tmp_path, root) as failing:
        errors = failing.communicate(timeout=60)[1]
    assert failing.returncode == 1
    assert "truncated gzip" in errors
    assert "Traceback" not in errors
    assert "remedy:" in errors
    assert not (tmp_path / "geo/manifest.tsv").exists()
    assert not (tmp_path / "geo/GSE1234_counts.csv.gz").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "found"),
    [("GSE12345678", "accession 'GSE12345678'"), ("/nowhere/x.h5ad", "no such file")],
)
def test_stage_refuses_a_source_that_is_none(
    source: str, found: str, tmp_path: Path, root: Path
) -> None:
    with stage("file:///nowhere", tmp_path, root, source) as failing:
        errors = failing.communicate(timeout=60)[1]
    assert failing.returncode == 1
    assert found in errors
    assert "Traceback" not in errors
