"""Read the record of a series from whichever files hold it, and join the parts of a SuperSeries."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from epigpt.errors import InputError
from epigpt.geo.record import GeoSeries
from epigpt.geo.record_lines import opened
from epigpt.geo.series_matrix import read_series_matrix
from epigpt.geo.soft import read_soft


def read_record(paths: Path | Sequence[Path]) -> GeoSeries:
    """Read one series from its SOFT file or its series matrices; the content decides which of them
    a file is, not its name.

    Raises
    ------
    InputError
        As `read_soft` and `read_series_matrix` do.
    """
    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    return read_series_matrix(files) if is_series_matrix(files[0]) else read_soft(files[0])


def is_series_matrix(path: Path) -> bool:
    """Return whether a record is a series matrix rather than a SOFT file, by its content."""
    with opened(path) as handle:
        return handle.read(64).lstrip().lower().startswith((b"!series_", b"!sample_"))


def join(top: GeoSeries, leaves: Sequence[GeoSeries]) -> GeoSeries:
    """Join a SuperSeries and the series it is made of: every sample once, in the leaves' order.

    Some SuperSeries describe their children's samples themselves and some do not; the leaves
    decide, and what only the SuperSeries describes comes behind.

    Parameters
    ----------
    top
        The SuperSeries.
    leaves
        The series without parts below it; may be empty when none could be read.

    Raises
    ------
    InputError
        None of them describes a sample.
    """
    parts = [*leaves, top]
    samples = pd.concat([part.samples for part in parts]).fillna("")
    characteristics = pd.concat([part.characteristics for part in parts]).fillna("")
    if samples.empty:
        raise InputError(
            f"{top.accession} and its parts describe no sample",
            "the record",
            "nothing says which sample belongs to which condition",
            "give the counts with a sample sheet (cells `source` and `samples`)",
        )
    first = ~samples.index.duplicated()
    repeated = sum(len(part.samples) for part in leaves) - len(
        {name for part in leaves for name in part.samples.index}
    )
    notes = [f"{part.accession}: {note}" for part in parts for note in part.notes]
    if leaves:
        notes.insert(
            0,
            f"{top.accession} is a SuperSeries of {', '.join(leaf.accession for leaf in leaves)}.",
        )
    if repeated:
        notes.insert(1, f"{repeated} samples belong to several of these series and count once.")
    return replace(
        top,
        types=_merged([part.types for part in parts]),
        organisms=_merged([part.organisms for part in parts]),
        platforms=_merged([part.platforms for part in parts]),
        pubmed=_merged([part.pubmed for part in parts]),
        supplementary=_merged([part.supplementary for part in parts]),
        samples=samples[first],
        characteristics=characteristics[first],
        technologies={
            name: text for part in reversed(parts) for name, text in part.technologies.items()
        },
        notes=notes,
    )


def _merged(lists: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(text for values in lists for text in values))
