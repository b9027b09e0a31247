"""Read GEO's SOFT family files: one pass over the lines, tables skipped, characteristics by key."""

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from pathlib import Path
from typing import BinaryIO, cast

import pandas as pd

from epigpt.geo.record import ATTRIBUTES, JOINED, Series, characteristics_table, clean
from epigpt.refusal import Refusal

_BLOCK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_TABLE_BEGIN = re.compile(rb"![A-Za-z]+_table_begin\s*$", re.IGNORECASE)
_TABLE_END = re.compile(rb"\n![A-Za-z]+_table_end[ \t\r]*(?=\n|$)", re.IGNORECASE)
_SAMPLE_ATTRIBUTE = {
    "title": "title",
    "source_name_ch1": "source_name",
    "source_name_ch2": "source_name",
    "description": "description",
    "organism_ch1": "organism",
    "organism_ch2": "organism",
    "organism": "organism",
    "platform_id": "platform",
    "library_strategy": "library_strategy",
    "library_source": "library_source",
    "molecule_ch1": "molecule",
    "molecule_ch2": "molecule",
    "type": "type",
    "series_id": "series",
    "data_row_count": "data_rows",
}
_PLATFORM_ATTRIBUTES = {b"technology", b"organism"}
_REMEDY = "Delete the file and download it again; if it stays like this, name another mirror by `geo.base_url`."


@dataclass
class Entity:
    """One `^KIND = id` of a record with its attributes (key in lower case, without the kind → values in order)."""

    kind: str
    accession: str
    attributes: dict[str, list[str]] = field(default_factory=dict)

    def first(self, key: str) -> str:
        """Give the first value of `key`, or ""."""
        return self.attributes.get(key, [""])[0]


def read_soft(path: Path, accession: str | None = None) -> Series:
    """Read the series and the samples of a SOFT family file, plain or gzipped.

    Parameters
    ----------
    path
        The file.
    accession
        The series that the file must describe; not checked when None.

    Raises
    ------
    Refusal
        When the file is empty, HTML, cut short, of another series, or describes no sample.
    """
    source = Path(path)
    series: Entity | None = None
    samples: list[Entity] = []
    technologies: dict[str, str] = {}
    organisms: list[str] = []
    foreign_bytes = [0]
    for entity in _entities(source, foreign_bytes):
        if entity.kind == "series" and series is None:
            series = entity
        elif entity.kind == "sample":
            samples.append(entity)
        elif entity.kind == "platform":
            technologies[entity.accession] = entity.first("technology")
            organisms += entity.attributes.get("organism", [])
    if series is None:
        raise Refusal("a file without a ^SERIES line", str(source), "It is not a SOFT file of a GEO series.", _REMEDY)
    if accession and series.accession.upper() != accession.upper():
        raise Refusal(
            f"the record of {series.accession}", str(source), f"{accession} was asked for.", "Delete the file and download it again."
        )
    samples, notes = _checked(source, series, samples)
    if foreign_bytes[0]:
        notes.append(f"{foreign_bytes[0]} lines of the record are not UTF-8 and were read as Windows-1252.")
    return _series(series, samples, technologies, organisms, notes)


def _checked(source: Path, series: Entity, samples: list[Entity]) -> tuple[list[Entity], list[str]]:
    """Compare the ^SAMPLE entries with the samples that the series names; refuse a record that ends early."""
    listed = series.attributes.get("sample_id", [])
    if not samples:
        named = f"; it names {len(listed)} ({', '.join(listed[:3])} …)" if listed else ""
        raise Refusal(
            f"a record of {series.accession} that describes no sample",
            str(source),
            f"Not one ^SAMPLE line is in it{named}, so nothing says which sample belongs to which condition.",
            _REMEDY + " The series matrix of the same series, if there is one, holds the samples too.",
        )
    distinct = {entity.accession: entity for entity in reversed(samples)}
    notes = []
    if len(distinct) < len(samples):
        notes.append(f"{len(samples) - len(distinct)} samples stand in the record twice; the first entry of each is used.")
        samples = [entity for number, entity in enumerate(samples) if entity.accession not in {s.accession for s in samples[:number]}]
    missing = [sample for sample in listed if sample not in distinct]
    if missing and listed[-1] in missing:
        raise Refusal(
            f"a record of {series.accession} that ends early",
            str(source),
            f"It names {len(listed)} samples and describes {len(distinct)}; {missing[0]} is the first that is not there.",
            _REMEDY,
        )
    if missing:
        notes.append(f"{len(missing)} samples are named by the series but not described: {', '.join(missing[:5])}.")
    return samples, notes


def _series(series: Entity, samples: list[Entity], technologies: dict[str, str], organisms: list[str], notes: list[str]) -> Series:
    index = pd.Index([entity.accession for entity in samples], name="sample", dtype=object)
    attributes = pd.DataFrame([sample_attributes(entity.attributes) for entity in samples], index=index, columns=list(ATTRIBUTES))
    characteristics, joined = characteristics_table(list(index), [characteristic_texts(entity.attributes) for entity in samples])
    described = list(dict.fromkeys(name for cell in attributes["organism"] for name in cell.split(JOINED) if name))
    platforms = series.attributes.get("platform_id") or [name for name in attributes["platform"].unique() if name]
    return Series(
        accession=series.accession,
        title=series.first("title"),
        summary="\n".join(series.attributes.get("summary", [])).strip(),
        status=series.first("status"),
        types=list(dict.fromkeys(series.attributes.get("type", []))),
        organisms=described or list(dict.fromkeys(organisms)),
        platforms=list(dict.fromkeys(platforms)),
        relations=series.attributes.get("relation", []),
        pubmed=series.attributes.get("pubmed_id", []),
        supplementary=supplementary_files(series.attributes),
        samples=attributes,
        characteristics=characteristics,
        technologies={name: text for name, text in technologies.items() if text},
        notes=notes + joined,
    )


def sample_attributes(attributes: dict[str, list[str]]) -> dict[str, str]:
    """Give one sample's `ATTRIBUTES` from its record lines; distinct values of both channels are joined."""
    gathered: dict[str, list[str]] = {}
    for key, column in _SAMPLE_ATTRIBUTE.items():
        gathered.setdefault(column, []).extend(value for value in attributes.get(key, []) if value)
    row = {column: JOINED.join(dict.fromkeys(values)) for column, values in gathered.items()}
    row["series"] = " ".join(gathered["series"])
    row["supplementary"] = " ".join(supplementary_files(attributes))
    return row


def characteristic_texts(attributes: dict[str, list[str]]) -> list[str]:
    """Give one sample's texts "key: value"; those of a two-colour array's second channel get " (ch2)" behind the key."""
    texts = [*attributes.get("characteristics_ch1", []), *attributes.get("characteristics", [])]
    for text in attributes.get("characteristics_ch2", []):
        key, colon, value = text.partition(":")
        texts.append(f"{key.strip()} (ch2): {value.strip()}" if colon else f"characteristics (ch2): {text}")
    return texts


def supplementary_files(attributes: dict[str, list[str]]) -> list[str]:
    """Give the addresses under `supplementary_file`, `supplementary_file_1` and so on; GEO's word NONE is none."""
    keys = [key for key in attributes if key.startswith("supplementary_file")]
    return [address for key in keys for address in attributes[key] if address and address.upper() != "NONE"]


def _entities(source: Path, foreign_bytes: list[int]) -> Iterator[Entity]:
    """Yield every entity with the attributes that are used; counts lines that are not UTF-8 in `foreign_bytes[0]`."""
    current: Entity | None = None
    wanted: set[bytes] | None = None
    with opened(source) as handle:
        for line in _lines_outside_tables(handle, source):
            mark = line[:1]
            if mark == b"^":
                if current is not None:
                    yield current
                kind, _, name = line[1:].partition(b"=")
                current = Entity(kind.strip().decode("latin-1").lower(), clean(name.decode("latin-1")))
                wanted = _PLATFORM_ATTRIBUTES if current.kind == "platform" else None
            elif mark == b"!" and current is not None:
                key, _, value = line.partition(b"=")
                name = key[key.find(b"_") + 1 :].strip().lower()
                # Protocols and contacts are most of a record's bytes and nobody asks for them.
                if (wanted is None or name in wanted) and not name.startswith(b"contact_") and b"protocol" not in name:
                    current.attributes.setdefault(name.decode("latin-1"), []).append(_text(value, foreign_bytes))
    if current is not None:
        yield current


def _text(value: bytes, foreign_bytes: list[int]) -> str:
    try:
        return clean(value.decode("utf-8"))
    except UnicodeDecodeError:
        foreign_bytes[0] += 1
        return decode_foreign(value)


def decode_foreign(value: bytes) -> str:
    """Decode bytes that are not UTF-8: Windows-1252, or Latin-1 where that has no character."""
    try:
        return clean(value.decode("cp1252"))
    except UnicodeDecodeError:
        return clean(value.decode("latin-1"))


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a plain or gzipped record for reading bytes; empty, HTML and damaged files are refused.

    Raises
    ------
    Refusal
        When the file is absent, empty, a web page, or a gzip that ends early or is damaged.
    """
    try:
        start = path.read_bytes() if path.stat().st_size < 512 else _start(path)
    except FileNotFoundError:
        raise Refusal("no such file", str(path), "The record of the series was not downloaded.", "Download it again.") from None
    if not start.strip():
        raise Refusal("an empty file", str(path), "It describes no series.", _REMEDY)
    if start.lstrip()[:1] == b"<":
        raise Refusal("a web page instead of a record", str(path), "The server answered with HTML where a file was expected.", _REMEDY)
    try:
        with gzip.open(path) if start.startswith(_GZIP_MAGIC) else path.open("rb") as handle:
            yield cast(BinaryIO, handle)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Refusal("a gzip file that is cut short or damaged", str(path), f"It cannot be unpacked ({error}).", _REMEDY) from None


def _start(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(512)


def _lines_outside_tables(handle: BinaryIO, source: Path) -> Iterator[bytes]:
    """Yield the lines that do not belong to a table; inside one, only its end is searched for, block by block.

    Array series are almost all table: 1,000 samples of 50,000 probes are 50 million lines that need not be looked at one by one.
    """
    rest = b""
    inside = False
    while block := handle.read(_BLOCK):
        rest += block
        while True:
            if inside:
                end = _TABLE_END.search(rest)
                if end is None or end.end() == len(rest):
                    # The end mark may be cut by the block's border: keep enough to see it whole with the next block.
                    rest = rest[max(0, rest.rfind(b"\n", 0, max(0, len(rest) - 256))) :] if end is None else rest[end.start() :]
                    break
                rest = rest[end.end() :].lstrip(b"\r\n")
                inside = False
            lines = rest.split(b"\n")
            for number, line in enumerate(lines[:-1]):
                if line.startswith(b"!") and _TABLE_BEGIN.match(line):
                    inside = True
                    rest = b"\n" + b"\n".join(lines[number + 1 :])
                    break
                yield line
            else:
                rest = lines[-1]
                break
    if inside and not _TABLE_END.search(rest):
        raise Refusal("a record that ends inside a table", str(source), "The file is cut short.", _REMEDY)
    if not inside and rest:
        yield rest


def read_tables(path: Path, kind: str = "sample") -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the data tables of a SOFT file one by one, so that an array series never lies in memory as a whole.

    Parameters
    ----------
    path
        SOFT family file, plain or gzipped.
    kind
        "sample" for the measured values (columns ID_REF, VALUE, …), "platform" for the probe annotation (ID, Gene Symbol, …).

    Yields
    ------
    Accession and table (text cells; first column as the index). Entities without a table, as all of sequencing, are left out.
    """
    begin = f"!{kind}_table_begin".encode()
    accession = ""
    rows: list[bytes] | None = None
    with opened(Path(path)) as handle:
        for line in handle:
            mark = line[:1]
            if rows is not None:
                if mark == b"!" and line.lower().startswith(b"!" + kind.encode() + b"_table_end"):
                    yield accession, _parsed(rows)
                    rows = None
                else:
                    rows.append(line)
            elif mark == b"^":
                accession = clean(line.partition(b"=")[2].decode("latin-1"))
            elif mark == b"!" and line.lower().startswith(begin):
                rows = []
    if rows is not None:
        raise Refusal("a record that ends inside a table", str(path), "The file is cut short.", _REMEDY)


def _parsed(rows: list[bytes]) -> pd.DataFrame:
    content = b"".join(rows)
    if not content.strip():
        return pd.DataFrame()
    try:
        return pd.read_csv(BytesIO(content), sep="\t", dtype=str, keep_default_na=False, quoting=3, index_col=0)
    except UnicodeDecodeError:
        return pd.read_csv(StringIO(decode_lines(content)), sep="\t", dtype=str, keep_default_na=False, quoting=3, index_col=0)


def decode_lines(content: bytes) -> str:
    """Decode a table that is not UTF-8, keeping its tabs and line breaks."""
    return content.decode("cp1252", errors="replace")
