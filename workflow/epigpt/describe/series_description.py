"""What is in a series before anything is analysed: samples, characteristics, files, possible
labels, and a row to paste."""

import logging
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from epigpt.config.dataset_row import Row
from epigpt.describe.description import Description, File
from epigpt.describe.label_description import describe_labels
from epigpt.errors import InputError
from epigpt.geo import download
from epigpt.geo.addresses import accession as checked_accession
from epigpt.geo.listing import list_folder
from epigpt.geo.record import GeoSeries
from epigpt.geo.records import join, read_record
from epigpt.geo.survey import Part
from epigpt.samples import assays
from epigpt.samples.label_sources import output_names
from epigpt.samples.sample_sheet import read_sheet
from epigpt.transport.http_client import Connection
from epigpt.transport.local_files import local_path

_KINDS = ("library_strategy", "library_source", "molecule", "platform", "organism")


def describe_series(
    accession: str,
    base_url: str,
    log: logging.Logger,
    row: Row | None = None,
    connection: Connection | None = None,
) -> Description:
    """Fetch the record of a series into a temporary folder and describe it; its matrices are not
    downloaded.

    Parameters
    ----------
    accession
        A series; of a SuperSeries, the series it is made of are described together.
    base_url
        GEO or a mirror.
    log
        Gets the progress.
    row
        Cells that are decided already (group, include, organism, assay); defaults otherwise.
    connection
        How to ask the server; defaults otherwise.

    Raises
    ------
    InputError
        No such series, or no record of its samples.
    """
    name = checked_accession(accession)
    with (
        tempfile.TemporaryDirectory(prefix="epigpt-describe-") as folder,
        download.session(base_url, Path(folder), connection or Connection(), log) as opened,
    ):
        parts = opened.survey(name)
        records = {part.series.accession: _read(part, Path(folder)) for part in parts}
    leaves = [part.series.accession for part in parts if part.is_leaf]
    series = (
        records[name]
        if leaves == [name]
        else join(records[name], [records[leaf] for leaf in leaves])
    )
    files = [file for part in parts for file in _files(part)]
    return describe_record(
        series, files, replace(row or Row(name, name), dataset=name, source=name)
    )


def _read(part: Part, folder: Path) -> GeoSeries:
    try:
        return read_record([folder / line.file for line in part.record])
    except InputError as refusal:
        # The temporary copy is of no use to anybody: what counts is where it came from.
        where = ", ".join(line.url for line in part.record)
        raise InputError(refusal.found, where, refusal.why, refusal.remedy) from None


def _files(part: Part) -> list[File]:
    # A listing of a local folder is the only one whose sizes nobody left out.
    local = (
        list_folder(local_path(part.series.supplements))
        if part.series.base.startswith("file:")
        else None
    )
    sizes = {entry.name: entry.size for entry in local or []}
    members: dict[str, list[str]] = {}
    for entry in part.members:
        members.setdefault(entry.archive, []).append(entry.name)
    return [
        File(
            choice.entry.name,
            choice.entry.size if choice.entry.size is not None else sizes.get(choice.entry.name),
            choice.fetched,
            choice.reason,
            tuple(members.get(choice.entry.name, ())),
        )
        for choice in part.choices
    ]


def describe_record(series: GeoSeries, files: Sequence[File], row: Row) -> Description:
    """Describe a series whose record has been read."""
    table = series.samples
    facts = {
        "status": series.status,
        "type": "; ".join(series.types),
        "organism": "; ".join(series.organisms),
        "platform": "; ".join(
            f"{name}{_in_brackets(series.technologies.get(name, ''))}" for name in series.platforms
        ),
        "measured by": "microarray, values in the record" if series.is_microarray else "",
        "parts": ", ".join(series.subseries),
        "pubmed": ", ".join(series.pubmed),
        "samples": str(len(table)),
    }
    for name in _KINDS[:3]:
        counts = Counter(value for value in table[name] if value)
        facts[name.replace("_", " ")] = ", ".join(
            f"{value} ({number})" for value, number in sorted(counts.items())
        )
    description = Description(
        source=series.accession,
        title=series.title,
        summary=series.summary,
        facts={name: text for name, text in facts.items() if text},
        samples=_sample_table(series.characteristics, table),
        characteristics={},
        files=list(files),
        notes=list(series.notes),
    )
    try:
        assays.refuse_other_kinds(series.types, table, series.accession)
    except InputError as refusal:
        description.problems.append(refusal)
    if series.is_microarray:
        description.notes.append(
            "A microarray series: its intensities are not counts, and are read with allow_values:"
            " [intensity] alone."
        )
    row = replace(row, organism=_organism(series, row))
    describe_labels(description, series.characteristics, table, row)
    return description


def describe_sheet(path: Path, row: Row | None = None) -> Description:
    """Describe the sample sheet of a local counts table."""
    characteristics = read_sheet(path)
    description = Description(
        str(path),
        "",
        "",
        {"samples": str(len(characteristics))},
        _sample_table(characteristics, None),
        {},
    )
    named = replace(
        row or Row("my_data", ""), dataset="my_data", source="COUNTS_TABLE", samples=str(path)
    )
    describe_labels(description, characteristics, pd.DataFrame(index=characteristics.index), named)
    return description


def describe_h5ad(row: Row, samples: pd.DataFrame, facts: Mapping[str, str]) -> Description:
    """Describe the samples that an .h5ad file holds itself.

    Parameters
    ----------
    row
        With the path as its source.
    samples
        Index sample; the characteristics as text.
    facts
        Name → value, beside the number of samples.
    """
    shown = Description(
        row.source,
        "",
        "",
        {"samples": str(len(samples)), **facts},
        _sample_table(samples, None),
        {},
    )
    describe_labels(shown, samples, pd.DataFrame(index=samples.index), row)
    return shown


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _organism(series: GeoSeries, row: Row) -> str:
    known = {assays.ORGANISMS[name] for name in series.organisms if name in assays.ORGANISMS}
    return (
        next(iter(known))
        if row.organism == "auto" and len(series.organisms) == len(known) == 1
        else row.organism
    )


def _sample_table(characteristics: pd.DataFrame, attributes: pd.DataFrame | None) -> pd.DataFrame:
    named = characteristics.rename(columns=output_names(characteristics))
    if attributes is not None:
        named.insert(0, "title", attributes["title"], allow_duplicates=True)
    named.insert(0, "sample", list(named.index), allow_duplicates=True)
    return named.reset_index(drop=True)
