"""One small matrix, its samples, and how it is read back."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd

from epigpt.matrices.candidate import Candidate, Search
from epigpt.matrices.choose import find
from epigpt.matrices.sample_matching import SampleNames
from epigpt.matrices.streams import Budget, Member

SAMPLES = [f"GSM{100 + number}" for number in range(6)]
TITLES = [f"mouse-{number} {'KO' if number % 2 else 'WT'}" for number in range(6)]
GENES = [f"ENSMUSG{number:011d}" for number in range(1, 41)]
COUNTS = np.random.default_rng(5).negative_binomial(2, 0.01, size=(len(GENES), len(SAMPLES)))
COUNTS[3, 2] = 0


def names() -> SampleNames:
    attributes = pd.DataFrame(
        {"title": TITLES, "description": [f"lib{n}" for n in range(6)], "source_name": "brain"},
        index=SAMPLES,
    )
    return SampleNames.of_record(
        attributes, pd.DataFrame({"genotype": ["WT", "KO"] * 3}, index=SAMPLES)
    )


def reads(
    tmp_path: Path,
    pattern: str = "auto",
    allowed: tuple[str, ...] = ("estimated_counts",),
    samples: SampleNames | None = None,
) -> Candidate:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    files = [Member.of_file(path) for path in sorted(tmp_path.iterdir()) if path.is_file()]
    return find(
        files, Search(samples or names(), pattern, frozenset(allowed), Budget(1e9), scratch)
    )[0]


def table(
    sep: str = "\t",
    head: list[str] | None = None,
    first: str = "gene",
    rows: list[str] | None = None,
    counts=COUNTS,
) -> str:
    lines = [sep.join([first, *(head or SAMPLES)])]
    lines += [
        sep.join([name, *map(str, row)]) for name, row in zip(rows or GENES, counts, strict=True)
    ]
    return "\n".join(lines) + "\n"


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def as_frame(found: Candidate) -> pd.DataFrame:
    """Genes × samples, whatever the order in the source."""
    frame = pd.DataFrame(
        found.values.matrix.toarray().T, index=found.values.genes, columns=found.samples
    )
    return frame.loc[:, [name for name in frame if name]]


def expected(genes: list[str] | None = None) -> pd.DataFrame:
    return pd.DataFrame(COUNTS, index=genes or GENES, columns=SAMPLES)
