"""Count tables of a small series, and what is asked of their refusal."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epigpt.errors import InputError
from epigpt.matrices.candidate import Candidate, Rejected, Search
from epigpt.matrices.choose import find
from epigpt.matrices.sample_matching import SampleNames
from epigpt.matrices.streams import Budget, Member

SAMPLES = [f"GSM{100 + number}" for number in range(6)]
TITLES = [f"mouse-{number}" for number in range(6)]
GENES = [f"ENSMUSG{number:011d}" for number in range(1, 61)]
COUNTS = np.random.default_rng(5).negative_binomial(2, 0.01, size=(len(GENES), len(SAMPLES)))
NAMES = SampleNames.of_record(
    pd.DataFrame({"title": TITLES}, index=SAMPLES), pd.DataFrame(index=SAMPLES)
)


def reads(
    folder: Path, pattern: str = "auto", allowed: tuple[str, ...] = ()
) -> tuple[Candidate, list[Rejected]]:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    files = [Member.of_file(path) for path in sorted(folder.iterdir()) if path.is_file()]
    return find(files, Search(NAMES, pattern, frozenset(allowed), Budget(1e9), scratch))


def refused(folder: Path, *told: str, **search) -> str:
    with pytest.raises(InputError) as caught:
        reads(folder, **search)
    message = str(caught.value)
    for part in told:
        assert part in message, message
    return message


def write(path: Path, values=COUNTS, head=SAMPLES, genes=GENES, sep="\t") -> None:
    lines = [
        sep.join(["gene", *head]),
        *(sep.join([gene, *map(str, row)]) for gene, row in zip(genes, values, strict=True)),
    ]
    path.write_text("\n".join(lines) + "\n")
