"""What a GEO record says of a series and its samples, whichever file it was read from."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from epigpt.geo.addresses import parts_of

ATTRIBUTES = (
    "title",
    "source_name",
    "description",
    "organism",
    "platform",
    "library_strategy",
    "library_source",
    "molecule",
    "type",
    "series",
    "data_rows",
    "supplementary",
)
JOINED = "; "

_SERIES = re.compile(r"GSE[0-9]+", re.IGNORECASE)
# A sample's accession within a text.
SAMPLE_ID = re.compile(r"(?<![A-Za-z0-9])GSM\d+(?!\d)", re.IGNORECASE)
_BY_ARRAY = re.compile(r"\barray\b", re.IGNORECASE)
# Bidirectional marks and line separators count as printable for some terminals and can rewrite what
# the eye sees.
_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+"
)


@dataclass
class GeoSeries:
    """A GEO series as its record describes it.

    Attributes
    ----------
    accession, title, summary, status
        Texts of the record; `status` as GEO writes it ("Public on Apr 28 2020").
    types, organisms, platforms, relations, pubmed, supplementary
        Lists in the record's order; `supplementary` holds the addresses of the series' own files.
    samples
        One row per GSM in the record's order, text columns `ATTRIBUTES`; several values are joined
        by "; ", addresses and series by a space.
    characteristics
        Same rows; one text column per characteristic, "" where a sample has none. The columns stand
        in the order of the first sample that has them, alphabetically within a sample, because the
        order inside a sample carries no meaning and differs between samples.
    technologies
        Platform accession → technology ("high-throughput sequencing", "in situ oligonucleotide"),
        as far as the record says.
    notes
        What the reader had to decide, one sentence each.
    """

    accession: str
    title: str
    summary: str
    status: str
    types: list[str]
    organisms: list[str]
    platforms: list[str]
    relations: list[str]
    pubmed: list[str]
    supplementary: list[str]
    samples: pd.DataFrame
    characteristics: pd.DataFrame
    technologies: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def subseries(self) -> list[str]:
        """Accessions of the series that this SuperSeries is made of; empty for an ordinary
        series."""
        named = parts_of(self.relations, self.summary.splitlines())
        if not named and "This SuperSeries is composed of" in self.summary:
            named = sorted(
                {accession for cell in self.samples["series"] for accession in cell.split()}
                - {self.accession}
            )
        return named

    @property
    def related(self) -> list[str]:
        """Accessions of this series, the SuperSeries it belongs to, its parts, and the series that
        share a sample with it, sorted."""
        named = {self.accession, *self.subseries}
        for relation in self.relations:
            if relation.lower().startswith(("superseries of", "subseries of")):
                named |= set(_SERIES.findall(relation))
        if "series" in self.samples:
            named |= {name for cell in self.samples["series"] for name in str(cell).split()}
        return sorted(filter(None, named))

    @property
    def is_microarray(self) -> bool:
        """Return whether the values were measured on arrays: every series type says so or, for old
        records, the platforms' technology does."""
        spoken = [
            text
            for text in self.types
            if text.lower() not in {"", "other", "third-party reanalysis"}
        ]
        if spoken:
            return all(_BY_ARRAY.search(text) for text in spoken)
        return bool(self.technologies) and not any(
            "sequencing" in text.lower() for text in self.technologies.values()
        )


def clean(text: str) -> str:
    """Replace control, invisible and direction-changing characters of `text` by spaces, and strip
    it.

    A record's text reaches terminals, tab-separated tables and web pages; none of them may be
    steered by it.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    return _INVISIBLE.sub(" ", text).strip()


def split_characteristic(text: str) -> tuple[str, str]:
    """Split "key: value" at its first colon; a text without a key belongs to the key
    "characteristics".

    Values may hold more colons ("tissue: Brain: Cortex") and the space may be missing
    ("Strain:C57BL/6"); an address or a time of day is a value without a key.
    """
    key, colon, value = text.partition(":")
    key, value = key.strip(), value.strip()
    if (
        not colon
        or not key
        or (not text.partition(": ")[1] and (value.startswith("//") or key.isdigit()))
    ):
        return "characteristics", text.strip()
    return key, value


def characteristics_table(
    samples: Sequence[str], texts: Iterable[Iterable[str]]
) -> tuple[pd.DataFrame, list[str]]:
    """Gather the characteristics of all samples by key.

    Parameters
    ----------
    samples
        GSM accessions, one per entry of `texts`.
    texts
        For each sample its texts "key: value", in any order.

    Returns
    -------
    The table (rows = samples, columns = keys, "" where missing) and the notes on what was joined.
    Spellings of one key that differ in case or spaces only are one column unless a sample carries
    two of them; a key that a sample repeats holds its distinct values, sorted, joined by "; ".
    """
    rows: list[dict[str, set[str]]] = []
    for sample_texts in texts:
        row: dict[str, set[str]] = {}
        for text in sample_texts:
            if text.strip():
                key, value = split_characteristic(text)
                row.setdefault(key, set()).add(value)
        rows.append(row)
    spelling, notes = _one_spelling(rows)
    columns: dict[str, list[str]] = {}
    repeated: set[str] = set()
    for position, row in enumerate(rows):
        for key in sorted(row, key=lambda name: (name.casefold(), name)):
            values = sorted(row[key] - {""})
            column = columns.setdefault(spelling[key], [""] * len(rows))
            column[position] = JOINED.join(values)
            if len(values) > 1:
                repeated.add(spelling[key])
    if repeated:
        named = ", ".join(repr(key) for key in sorted(repeated))
        notes.append(
            f"Some samples give a characteristic more than once ({named}); its values are joined by"
            f" '{JOINED}'."
        )
    table = pd.DataFrame(
        columns, index=pd.Index(list(samples), name="sample", dtype=object), dtype=object
    )
    return table, notes


def _one_spelling(rows: Sequence[Mapping[str, set[str]]]) -> tuple[dict[str, str], list[str]]:
    """Map every key to the spelling its column takes: the most frequent one, alphabetically first
    among equals."""
    frequency = Counter(key for row in rows for key in row)
    variants: dict[str, list[str]] = {}
    for key in sorted(frequency):
        variants.setdefault(normal_form(key), []).append(key)
    spelling: dict[str, str] = {}
    notes: list[str] = []
    for keys in variants.values():
        clashing = len(keys) > 1 and any(sum(key in row for key in keys) > 1 for row in rows)
        best = max(keys, key=lambda key: (frequency[key], [-ord(letter) for letter in key]))
        for key in keys:
            spelling[key] = key if clashing else best
        if len(keys) > 1 and not clashing:
            notes.append(
                f"The characteristic '{best}' is also spelled"
                f" {', '.join(repr(key) for key in keys if key != best)}."
            )
    return spelling, notes


def normal_form(text: str) -> str:
    """Lower-case `text` without spaces, underscores, hyphens and slashes: what names are compared
    by when no exact match exists."""
    return re.sub(r"[\s_/-]+", "", text.casefold())
