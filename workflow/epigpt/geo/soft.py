"""Read GEO's SOFT family files: one pass over the lines, tables skipped, characteristics by key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from epigpt.errors import InputError
from epigpt.geo.record import ATTRIBUTES, JOINED, GeoSeries, characteristics_table, clean
from epigpt.geo.record_lines import REMEDY, Text, lines_outside_tables, opened
from epigpt.geo.soft_attributes import (
    SAMPLE_ATTRIBUTE,
    characteristic_texts,
    first,
    sample_attributes,
    supplementary_files,
)

_MOST_SAMPLES = 500_000
_PLATFORM_ATTRIBUTES = {"technology", "organism"}


@dataclass
class Entity:
    """One `^KIND = id` of a record with its attributes (key in lower case, without the kind →
    values in order)."""

    kind: str
    accession: str
    attributes: dict[str, list[str]] = field(default_factory=dict)


def read_soft(path: Path, accession: str | None = None) -> GeoSeries:
    """Read the series and the samples of a SOFT family file, plain or gzipped.

    Parameters
    ----------
    path
        The file.
    accession
        The series that the file must describe; not checked when None.

    Raises
    ------
    InputError
        When the file is empty, HTML, cut short, of another series, or describes no sample though it
        is not a SuperSeries.
    """
    source = Path(path)
    series: Entity | None = None
    samples: list[Entity] = []
    technologies: dict[str, str] = {}
    organisms: list[str] = []
    text = Text()
    for entity in _entities(source, text):
        if entity.kind == "series" and series is None:
            series = entity
        elif entity.kind == "sample":
            samples.append(entity)
            if len(samples) > _MOST_SAMPLES:
                raise InputError(
                    f"more than {_MOST_SAMPLES:,} samples",
                    str(source),
                    "no series has that many, and reading them would fill the memory",
                    REMEDY,
                )
        elif entity.kind == "platform":
            technologies[entity.accession] = first(entity.attributes, "technology")
            organisms += entity.attributes.get("organism", [])
    if series is None:
        raise InputError(
            "a file without a ^SERIES line",
            str(source),
            "it is not a SOFT file of a GEO series",
            REMEDY,
        )
    if accession and series.accession.upper() != accession.upper():
        raise InputError(
            f"the record of {series.accession}",
            str(source),
            f"{accession} was asked for",
            "delete the file and download it again",
        )
    samples, notes = _checked(source, series, samples)
    described = _series(series, samples, technologies, organisms, text.notes + notes)
    if not samples and not described.subseries:
        raise _without_samples(source, series)
    return described


def _checked(source: Path, series: Entity, samples: list[Entity]) -> tuple[list[Entity], list[str]]:
    """Compare the ^SAMPLE entries with the samples that the series names; refuse a record that ends
    early."""
    listed = series.attributes.get("sample_id", [])
    distinct: dict[str, Entity] = {}
    for entity in samples:
        distinct.setdefault(entity.accession, entity)
    notes = []
    if len(distinct) < len(samples):
        notes.append(
            f"{len(samples) - len(distinct)} samples stand in the record twice; the first entry of"
            " each is used."
        )
    missing = [sample for sample in listed if sample not in distinct]
    if missing and samples and listed[-1] in missing:
        raise InputError(
            f"a record of {series.accession} that ends early",
            str(source),
            f"it names {len(listed)} samples and describes {len(distinct)}; {missing[0]} is the"
            " first that is not there",
            REMEDY,
        )
    if missing and samples:
        notes.append(
            f"{len(missing)} samples are named by the series but not described:"
            f" {', '.join(missing[:5])}."
        )
    return list(distinct.values()), notes


def _without_samples(source: Path, series: Entity) -> InputError:
    listed = series.attributes.get("sample_id", [])
    named = (
        f"; it names {len(listed)} ({', '.join(listed[:3])}{' …' if len(listed) > 3 else ''})"
        if listed
        else ""
    )
    return InputError(
        f"a record of {series.accession} that describes no sample",
        str(source),
        f"not one ^SAMPLE line is in it{named}, so nothing says which sample belongs to which"
        " condition",
        f"{REMEDY}, or give the counts with a sample sheet (cells `source` and `samples`)",
    )


def _series(
    series: Entity,
    samples: list[Entity],
    technologies: dict[str, str],
    organisms: list[str],
    notes: list[str],
) -> GeoSeries:
    described = described_series(
        series.accession,
        series.attributes,
        [entity.accession for entity in samples],
        [entity.attributes for entity in samples],
    )
    described.technologies = {name: text for name, text in technologies.items() if text}
    described.organisms = described.organisms or list(dict.fromkeys(organisms))
    described.notes = notes + described.notes
    return described


def described_series(
    accession: str,
    series: Mapping[str, list[str]],
    samples: Sequence[str],
    attributes: Sequence[Mapping[str, list[str]]],
) -> GeoSeries:
    """Put a series together from the lines of its record.

    Parameters
    ----------
    accession
        Of the series.
    series
        The series' lines: key in lower case without "series_" → values in order.
    samples
        GSM accessions.
    attributes
        For each of them its lines, keys in lower case without "sample_".
    """
    index = pd.Index(list(samples), name="sample", dtype=object)
    table = pd.DataFrame(
        [sample_attributes(lines) for lines in attributes],
        index=index,
        columns=list(ATTRIBUTES),
        dtype=object,
    )
    characteristics, notes = characteristics_table(
        samples, [characteristic_texts(lines) for lines in attributes]
    )
    platforms = series.get("platform_id") or [name for name in table["platform"] if name]
    return GeoSeries(
        accession=accession,
        title=first(series, "title"),
        summary="\n".join(series.get("summary", [])).strip(),
        status=first(series, "status"),
        types=list(dict.fromkeys(series.get("type", []))),
        organisms=list(
            dict.fromkeys(name for cell in table["organism"] for name in cell.split(JOINED) if name)
        ),
        platforms=list(dict.fromkeys(platforms)),
        relations=list(series.get("relation", [])),
        pubmed=list(series.get("pubmed_id", [])),
        supplementary=supplementary_files(series),
        samples=table,
        characteristics=characteristics,
        notes=notes,
    )


def _entities(source: Path, text: Text) -> Iterator[Entity]:
    """Yield every entity with the attributes that are used."""
    current: Entity | None = None
    names_of: dict[str, dict[bytes, str]] = {}  # attributes by key, for each kind of entity
    names: dict[bytes, str] = {}
    with opened(source) as handle:
        for line in lines_outside_tables(handle, source):
            mark = line[:1]
            if mark == b"^":
                if current is not None:
                    yield current
                kind, _, name = line[1:].partition(b"=")
                current = Entity(
                    kind.strip().decode("latin-1").lower(), clean(name.decode("latin-1"))
                )
                names = names_of.setdefault(current.kind, {})
            elif mark == b"!" and current is not None:
                key, _, value = line.partition(b"=")
                if (known := names.get(key)) is None:
                    known = names[key] = _attribute(current.kind, key)
                if known:
                    current.attributes.setdefault(known, []).append(text.of(value))
    if current is not None:
        yield current


def _attribute(kind: str, key: bytes) -> str:
    """Name the attribute of a line's key; "" where nobody asks for it: protocols and contacts are
    most of a record's bytes."""
    name = key[key.find(b"_") + 1 :].strip().lower().decode("latin-1")
    if kind == "sample":
        used = name in SAMPLE_ATTRIBUTE or name.startswith(
            ("characteristics", "supplementary_file")
        )
    elif kind == "platform":
        used = name in _PLATFORM_ATTRIBUTES
    else:
        used = not name.startswith("contact_") and "protocol" not in name
    return name if used else ""
