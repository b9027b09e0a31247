"""The samples of a data set as its record or sample sheet describes them, with the names a matrix may call them by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt.geo import soft
from epigpt.geo.matrices import delimited, layout
from epigpt.geo.matrices.names import SampleNames
from epigpt.geo.matrices.streams import Budget, Member
from epigpt.refusal import Refusal


@dataclass
class Described:
    """Samples as they are described.

    Attributes
    ----------
    attributes, characteristics
        Index: sample ids; text columns.
    names
        What a matrix may call the samples.
    organisms
        Latin names in the record, without repeats.
    series
        Accession, title, summary … for the report; empty for local sources.
    """

    attributes: pd.DataFrame
    characteristics: pd.DataFrame
    names: SampleNames
    organisms: list[str] = field(default_factory=list)
    series: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    microarray: bool = False
    record: Path | None = None
    declared_simulated: bool = False

    @property
    def simulated(self) -> bool:
        """Whether the record says that its samples are simulated."""
        return self.declared_simulated or bool(
            re.search(r"\bsimulated\b", f"{self.series.get('title', '')} {self.series.get('summary', '')}", re.IGNORECASE)
        )


def of_record(path: Path) -> Described:
    """Read a SOFT family file or a series matrix."""
    record = soft.read_soft(path)
    series = {
        "accession": record.accession,
        "title": record.title,
        "summary": record.summary,
        "type": "; ".join(record.types),
        "organisms": record.organisms,
        "platforms": record.platforms,
        "pubmed": record.pubmed,
    }
    organisms = [name for name in dict.fromkeys(record.samples["organism"]) if name] or record.organisms
    names = SampleNames.of_record(record.samples, record.characteristics)
    return Described(record.samples, record.characteristics, names, organisms, series, list(record.notes), record.is_microarray, path)


def of_sheet(path: Path, budget: Budget) -> Described:
    """Read a sample sheet: tab, comma or semicolon; its first column is the sample id, whatever its header."""
    try:
        with Member.of_file(path).open(budget) as stream:
            _, found = delimited.head_of(stream)
        with Member.of_file(path).open(budget) as stream:
            text, _ = layout.decode(stream.read())
    except layout.NoTable as error:
        raise _bad_sheet(str(error), path) from None
    if not found.has_header:
        raise _bad_sheet("its first line names no columns", path)
    rows = [layout.split_line(line, found.delimiter) for line in re.split(r"\r?\n", text)[found.skipped :] if line.strip()]
    if ragged := [number for number, cells in enumerate(rows, found.skipped + 1) if len(cells) != len(found.header)]:
        raise _bad_sheet(f"line {ragged[0]} has another number of cells than the header", path)
    ids = [cells[0].strip() for cells in rows]
    if repeated := sorted({name for name in ids if ids.count(name) > 1}):
        raise _bad_sheet(f"the sample '{repeated[0]}' stands in it more than once", path)
    columns = {_named(name, index): [cells[index].strip() for cells in rows] for index, name in enumerate(found.header) if index}
    table = pd.DataFrame(columns, index=pd.Index(ids, name="sample", dtype=object), dtype=object)
    return Described(table[[]], table, SampleNames.of_sheet(ids))


def _named(name: str, index: int) -> str:
    return name or f"column {index + 1}"


def _bad_sheet(what: str, path: Path) -> Refusal:
    return Refusal(what, str(path), "a sample sheet is a table with a header; its first column holds the sample ids", "correct the sheet")


def joined(parts: Sequence[Described]) -> Described:
    """Join the leaves of a SuperSeries; a sample that several of them hold counts once."""
    if len(parts) == 1:
        return parts[0]
    attributes = pd.concat([part.attributes for part in parts]).fillna("")
    characteristics = pd.concat([part.characteristics for part in parts]).fillna("")
    first = ~attributes.index.duplicated()
    attributes, characteristics = attributes[first], characteristics[~characteristics.index.duplicated()]
    organisms = list(dict.fromkeys(name for part in parts for name in part.organisms))
    series = {**parts[0].series, "accession": ", ".join(part.series["accession"] for part in parts)}
    names = SampleNames.of_record(attributes, characteristics)
    return Described(attributes, characteristics, names, organisms, series, [note for part in parts for note in part.notes])
