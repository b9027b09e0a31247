"""The few lines of a series' record that decide what to download; the samples are read
elsewhere."""

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from epigpt.geo.addresses import parts_of

_TAXA = {"homo sapiens": "9606", "mus musculus": "10090"}
# No line of a record comes near this; a file that unpacks to one endless line must not fill the
# memory.
_LONGEST_LINE = 2**23
_LINE = re.compile(r"!(series|sample)_([^\s=]+)\s*[=\t]\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """What a record says of its series as a whole.

    Attributes
    ----------
    types
        Kinds of study, such as `Expression profiling by high throughput sequencing`; empty where
        the record is silent.
    taxa
        NCBI taxonomy ids of the samples, as text, sorted.
    supplements
        Names of the supplementary files, without their folders.
    parts
        For a SuperSeries the accessions it is made of.
    sample_count
        Samples that the record lists.
    """

    types: tuple[str, ...] = ()
    taxa: tuple[str, ...] = ()
    supplements: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    sample_count: int = 0

    @property
    def measures_expression(self) -> bool:
        """Return whether any kind of study may hold gene expression; a silent record may."""
        kinds = [kind.lower() for kind in self.types]
        return not kinds or any(
            re.search(r"expression|rna profiling|^other|reanalysis", kind) for kind in kinds
        )

    @property
    def is_array_only(self) -> bool:
        """Return whether all kinds of study are measured on arrays, whose values are in the record
        itself."""
        return bool(self.types) and all(
            re.search(r"array\b", kind, re.IGNORECASE) for kind in self.types
        )

    @property
    def is_sequencing(self) -> bool:
        """Return whether any kind of study is RNA sequencing."""
        return any(
            re.search(
                r"(expression|rna) profiling by high throughput sequencing", kind, re.IGNORECASE
            )
            for kind in self.types
        )


def read_header(records: Sequence[Path]) -> Header:
    """Read the series lines of a SOFT family file, or of the series matrices of one series.

    Only the lines before the first table are read, and of the samples their organisms alone, so
    that a record of gigabytes costs no more than a small one.

    Parameters
    ----------
    records
        Gzipped files; several series matrices repeat the series lines.
    """
    values: dict[str, dict[str, None]] = {}
    for record in records:
        for key, value in _series_lines(record):
            if value:
                values.setdefault(key, {})[value] = None
    taxa = set(values.get("sample_taxid", ())) or {
        _TAXA.get(name.lower(), name) for name in values.get("sample_organism", ())
    }
    names = (
        address.rstrip("/").rpartition("/")[2] for address in values.get("supplementary_file", ())
    )
    return Header(
        types=tuple(values.get("type", ())),
        taxa=tuple(sorted(taxa)),
        supplements=tuple(dict.fromkeys(name for name in names if name)),
        parts=tuple(parts_of(list(values.get("relation", ())), list(values.get("summary", ())))),
        sample_count=len(values.get("sample_id", ())),
    )


def _series_lines(record: Path) -> Iterator[tuple[str, str]]:
    """Yield key and value of the series lines; a sample's organism counts as a value of its
    series."""
    taxon_known = False
    in_samples = False
    # Records are UTF-8 or, in old ones, a Windows code page; only ASCII parts of them matter here.
    with gzip.open(record, "rt", encoding="utf-8", errors="replace") as lines:
        for line in iter(lambda: lines.readline(_LONGEST_LINE), ""):
            if in_samples and taxon_known and line.startswith("^"):
                return
            in_samples = in_samples or line[:7].lower() == "^sample"
            if line[:25].lower() == "!series_matrix_table_begin":
                return
            match = _LINE.match(line)
            if match is None:
                continue
            entity, key, text = match[1].lower(), match[2].lower(), match[3].strip()
            cells = [cell.strip().strip('"').strip() for cell in text.split("\t")]
            if entity == "series":
                taxon_known = taxon_known or key == "sample_taxid"
                # A series matrix lists the sample ids in one cell, separated by spaces.
                pieces = cells[0].split() if key == "sample_id" else cells[:1]
                yield from ((key, piece) for piece in pieces)
            elif key.startswith(("taxid_ch", "organism_ch")):
                taxon_known = taxon_known or key.startswith("taxid_ch")
                name = "sample_taxid" if key.startswith("taxid_ch") else "sample_organism"
                yield from ((name, cell) for cell in cells)
