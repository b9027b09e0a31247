"""What a record calls its samples, and how names in a matrix were given to them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from epigpt.geo.record import SAMPLE_ID

# Kinds of names that are meant to tell samples apart, best first.
SHEET = "sample id"
_TEXTS = ("title", "description", "source_name", "supplementary")


@dataclass(frozen=True)
class SampleNames:
    """What the samples of a data set are called.

    Attributes
    ----------
    ids
        Sample ids in the record's order.
    aliases
        Kind of name ("accession", "title", "description" …, best first) → sample id → names.
    mapped
        Name in the matrix → sample id, where the user's own table settles it (cell `sample_map`);
        nothing else is then looked at.
    map_name
        What that table is called, for the report.
    """

    ids: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    mapped: Mapping[str, str] = field(default_factory=dict)
    map_name: str = ""

    @classmethod
    def of_sheet(cls, ids: Iterable[str]) -> "SampleNames":
        """Make names from a sample sheet, which names its samples in one way only."""
        listed = tuple(ids)
        return cls(listed, {SHEET: {name: [name] for name in listed}})

    @classmethod
    def of_record(cls, attributes: pd.DataFrame, characteristics: pd.DataFrame) -> "SampleNames":
        """Make names from a GEO record: rows are GSM accessions, columns as in
        `epigpt.geo.record.GeoSeries`."""
        ids = tuple(map(str, attributes.index))
        aliases: dict[str, dict[str, list[str]]] = {"accession": {name: [name] for name in ids}}
        for kind in _TEXTS:
            if kind in attributes:
                aliases[kind] = {
                    str(name): _texts(kind, str(text)) for name, text in attributes[kind].items()
                }
        for kind in characteristics:
            aliases[f"characteristic '{kind}'"] = {
                str(name): [str(text)] for name, text in characteristics[kind].items() if text
            }
        return cls(ids, aliases)

    @property
    def from_sheet(self) -> bool:
        """Return whether a sample sheet of the user's names them."""
        return SHEET in self.aliases

    def title(self, sample: str) -> str:
        """Return a sample's title, or "" where it has none beside its id."""
        return next(iter(self.aliases.get("title", {}).get(sample, [])), "")

    def titled(self, count: int = 5, of: Sequence[str] | None = None) -> str:
        """Show some samples for a message: `GSM1 (mouse 1), GSM2 (mouse 2), …`."""
        ids = self.ids if of is None else of
        shown = [
            f"{name} ({self.title(name)})" if self.title(name) else name for name in ids[:count]
        ]
        return ", ".join(shown) + (", …" if len(ids) > count else "")


def _texts(kind: str, text: str) -> list[str]:
    if kind == "supplementary":
        return [
            SAMPLE_ID.sub("", address.rsplit("/", 1)[-1]).strip("_-. ") for address in text.split()
        ]
    parts = [text, *re.findall(r"[\[(]([^\])]+)[\])]", text)]
    if kind == "description":
        pieces = re.split(r"[;\n]", text)
        parts += pieces + [piece.split(":", 1)[1] for piece in pieces if ":" in piece]
    return [part.strip() for part in dict.fromkeys(parts) if part.strip()]


@dataclass(frozen=True)
class Match:
    """How names were matched.

    Attributes
    ----------
    samples
        Name in the matrix → sample id; names without a sample are absent.
    rule
        The rule in words, for the report.
    per_sample
        Whether several names may belong to one sample (cells).
    caution
        What the reader should check, "" where the names say it all.
    """

    samples: dict[str, str]
    rule: str
    per_sample: bool = False
    caution: str = ""
