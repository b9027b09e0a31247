"""Records of GEO written to files."""

import gzip
from pathlib import Path


def write(tmp_path: Path, text: str | bytes, name: str = "GSE1_family.soft.gz") -> Path:
    data = text.encode() if isinstance(text, str) else text
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return tmp_path / name
