"""The samples of a data set as its record or sample sheet describes them, with the names a matrix
may call them by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt.errors import InputError
from epigpt.geo import records
from epigpt.geo.record import GeoSeries
from epigpt.matrices.sample_matching import SampleNames
from epigpt.samples import sample_sheet

_RECORD = re.compile(
    r"(?P<series>GSE\d+)(-GPL\d+)?_(family\.soft|series_matrix\.txt)(\.gz)?", re.IGNORECASE
)


@dataclass
class SampleAnnotation:
    """Samples as they are described.

    Attributes
    ----------
    attributes, characteristics
        Index: sample ids; text columns.
    names
        What a matrix may call the samples.
    organisms
        Latin names in the record, without repeats.
    types
        Kinds of study that the record names.
    series
        Accession, title, summary … for the report; empty for local sources.
    microarray
        Whether the values stand in the records themselves.
    records
        Files that describe the samples, those of the parts of a SuperSeries.
    declared_simulated
        Whether the file itself says that its samples are simulated.
    """

    attributes: pd.DataFrame
    characteristics: pd.DataFrame
    names: SampleNames
    organisms: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    series: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    microarray: bool = False
    records: list[Path] = field(default_factory=list)
    declared_simulated: bool = False

    @property
    def simulated(self) -> bool:
        """Return whether the record says that its samples are simulated."""
        return self.declared_simulated or bool(
            re.search(
                r"\bsimulated\b",
                f"{self.series.get('title', '')} {self.series.get('summary', '')}",
                re.IGNORECASE,
            )
        )


def is_record(path: Path) -> bool:
    """Return whether a file is a SOFT family file or a series matrix, by its name."""
    return _RECORD.fullmatch(path.name) is not None


def of_series(accession: str, files: Sequence[Path]) -> SampleAnnotation:
    """Read the record of a series; of a SuperSeries those of the series it is made of, where they
    are among the files.

    Parameters
    ----------
    accession
        The series.
    files
        Its SOFT family file, or a series matrix for each of its platforms; the same for each part
        of a SuperSeries.

    Raises
    ------
    InputError
        None of the files is a record.
    """
    by_series: dict[str, list[Path]] = {}
    for path in files:
        if found := _RECORD.fullmatch(path.name):
            by_series.setdefault(found["series"].upper(), []).append(path)
    if not by_series:
        raise InputError(
            found=f"no record of {accession}",
            where="the downloaded files",
            why="without a SOFT family file or a series matrix nothing says what the samples are",
            remedy="use the counts as a local source with a sample sheet (column 'samples')",
        )
    parts = {name: records.read_record(paths) for name, paths in sorted(by_series.items())}
    top = parts.get(accession) or next(iter(parts.values()))
    leaves = {name: part for name, part in parts.items() if not set(part.subseries) & parts.keys()}
    record = top if list(leaves) == [top.accession] else records.join(top, list(leaves.values()))
    described = _of_record(record)
    described.records = [path for name in leaves for path in by_series[name]]
    return described


def _of_record(record: GeoSeries) -> SampleAnnotation:
    series = {
        "accession": record.accession,
        "title": record.title,
        "summary": record.summary,
        "type": "; ".join(record.types),
        "organisms": record.organisms,
        "platforms": record.platforms,
        "pubmed": record.pubmed,
        "related": record.related,
    }
    organisms = [
        name for name in dict.fromkeys(record.samples["organism"]) if name
    ] or record.organisms
    names = SampleNames.of_record(record.samples, record.characteristics)
    return SampleAnnotation(
        attributes=record.samples,
        characteristics=record.characteristics,
        names=names,
        organisms=organisms,
        types=record.types,
        series=series,
        notes=list(record.notes),
        microarray=record.is_microarray,
    )


def of_sheet(path: Path) -> SampleAnnotation:
    """Read the sample sheet of a local counts table."""
    table = sample_sheet.read_sheet(path)
    return SampleAnnotation(table[[]], table, SampleNames.of_sheet(table.index))
