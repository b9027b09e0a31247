"""Records and matrices of a mouse series, read as the counts stage reads them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.matrices.streams import Budget
from geo_series import Sample


def mice(number: int = 8, first: int = 1, **more: str) -> list[Sample]:
    """Samples that alternate between wild type and knockout."""
    return [
        Sample(
            f"GSM{first + place}",
            f"mouse {first + place}",
            (f"genotype: {'KO' if place % 2 else 'WT'}", f"age: {8 + place % 3} weeks"),
            lines={"description": f"lib{place}", **more},
        )
        for place in range(number)
    ]


def names(samples: Sequence[Sample]) -> list[str]:
    return [sample.accession for sample in samples]


def read(folders: Path | Sequence[Path], row: Row, allowed: Sequence[str] = ("estimated_counts",)):
    """Read what a download would have left here."""
    listed = [folders] if isinstance(folders, Path) else folders
    files = [
        path
        for folder in listed
        for kind in ("soft", "matrix", "suppl")
        for path in sorted((folder / kind).glob("*"))
    ]
    return read_dataset(row, files, frozenset(allowed), Budget(1e9))


def row(source: str = "GSE1", **cells: str) -> Row:
    return replace(Row("a", source), **cells)


def refused(action: Callable[[], object], *told: str) -> str:
    with pytest.raises(InputError) as refusal:
        action()
    for part in told:
        assert part in str(refusal.value)
    return str(refusal.value)
