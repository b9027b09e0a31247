"""A mirror of GEO's server in a folder, and what a download of it is asked for."""

import gzip
import random
from collections.abc import Callable
from pathlib import Path

from epigpt.geo import addresses
from epigpt.transport.http_client import Connection
from epigpt.transport.resume import Fetched

RANDOM = random.Random(2)
FAST = Connection(retries=2, backoff_seconds=0.01, timeout_seconds=1.0, requests_per_second=2000.0)
SEQUENCING = "Expression profiling by high throughput sequencing"
Fetch = Callable[..., list[Fetched]]


def put(root: Path, accession: str, kind: str, name: str, content: bytes | str = b"") -> Path:
    path = root / "series" / addresses.stub(accession) / accession / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def put_soft(
    root: Path, accession: str, *lines: str, kind: str = SEQUENCING, taxon: str = "10090"
) -> Path:
    series = [
        f"^SERIES = {accession}",
        f"!Series_geo_accession = {accession}",
        f"!Series_type = {kind}",
        f"!Series_sample_taxid = {taxon}",
    ]
    return put(
        root,
        accession,
        "soft",
        f"{accession}_family.soft.gz",
        "\n".join([*series, *lines, "^SAMPLE = GSM1", ""]),
    )


def names(lines: list[Fetched]) -> list[str]:
    return [line.file for line in lines]


ALL = ["GSE1234_counts.csv.gz", "GSE1234_family.soft.gz", "GSE1234_tpm.tsv.gz"]
