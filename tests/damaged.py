"""Small matrices to be damaged, and what is asked of their refusal."""

from pathlib import Path

import numpy as np

from epigpt.matrices.candidate import Candidate, Rejected, Search
from epigpt.matrices.candidates import look_into
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
