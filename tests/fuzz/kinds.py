"""Every kind of file that is read, and what a reading of a changed one must not do.

A reading ends in one of three ways: a refusal, a result with notes of what was left out, or a
result. `Judgement` says whether the last two are honest.
"""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from epigpt.config import config_files, dataset_table, loading
from epigpt.errors import InputError
from epigpt.geo import listing, records
from epigpt.matrices.archives import expand
from epigpt.matrices.candidate import Candidate, Search
from epigpt.matrices.candidates import look_into
from epigpt.matrices.choose import find
from epigpt.matrices.sample_matching import SampleNames
from epigpt.matrices.streams import Budget, Member
from epigpt.samples import sample_sheet
from fuzz import valid_files

NAMES = SampleNames.of_sheet(valid_files.SAMPLES)


class DishonestError(AssertionError):
    """A reading that lost or changed something without a word."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    name
        File name, whose ending some readers look at.
    make
        The bytes of a valid file.
    read
        Reads the file at a path; raises `InputError`, or `DishonestError`.
    text
        Whether its bytes are text, for which other changes make sense.
    """

    name: str
    make: Callable[[], bytes]
    read: Callable[[Path], None]
    text: bool = False


def _search(path: Path) -> Search:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return Search(NAMES, "auto", frozenset(), Budget(1e9), scratch)


def _matrix(*, checked: bool, plain: bool = False) -> Callable[[Path], None]:
    """Read a matrix; `checked`: the format has checksums, so no changed value may pass; `plain`:
    each line of the file is a row."""

    def read(path: Path) -> None:
        for found in look_into(Member.of_file(path), _search(path)):
            if isinstance(found, Candidate):
                rows = _lines(path) - 1 if plain else len(valid_files.GENES)
                _judge(found, rows, checked=checked)
            else:
                raise found.refusal or InputError(
                    found.reason, path.name, "not used", "name another"
                )

    return read


def _lines(path: Path) -> int:
    content = path.read_bytes()
    # The zero bytes are those of UTF-16.
    return sum(bool(line.strip(b"\0\t\r ")) for line in content.split(b"\n"))


def _judge(found: Candidate, rows: int, *, checked: bool) -> None:
    """Compare with the original: whatever is missing has to be in the notes."""
    notes = [
        *found.values.notes,
        *found.values.aside,
        *map(str, found.facts.get("other_columns", [])),
    ]
    genes, samples = found.values.genes, [name for name in found.samples if name]
    if len(set(samples)) != len(samples) and not found.single_cell:
        raise DishonestError(f"a sample twice: {samples}")
    if (len(genes) < rows or len(samples) < len(valid_files.SAMPLES)) and not notes:
        raise DishonestError(f"{len(genes)} of {rows} genes, {len(samples)} samples, no notes")
    if checked and not notes:
        order = [
            valid_files.SAMPLES.index(name) for name in found.samples if name in valid_files.SAMPLES
        ]
        same = genes == valid_files.GENES and np.array_equal(
            found.values.matrix.toarray(), valid_files.COUNTS.T[order]
        )
        if not same:
            raise DishonestError("other values than were written, without a word")


def _triplet(path: Path) -> None:
    found, _ = find([Member.of_file(path)], _search(path))
    _judge(found, len(valid_files.GENES), checked=False)


def _members(path: Path) -> None:
    search = _search(path)
    found = expand(Member.of_file(path), search.budget, search.scratch)
    # An end mark that a change puts between members is one that their writer may have put there.
    if path.suffix != ".tar" and len(found) != 3:
        raise DishonestError(f"{len(found)} of 3 members")


def _record(path: Path) -> None:
    records.read_record(path)


def _sheet(path: Path) -> None:
    sample_sheet.read_sheet(path)


def _data_sets(path: Path) -> None:
    dataset_table.read(path)


def _config(path: Path) -> None:
    loading.validated(config_files.read(path), [path])


def _listing(path: Path) -> None:
    listing.parse_index(path.read_bytes().decode("utf-8", "replace"), "https://example.org/suppl/")


def _file_list(path: Path) -> None:
    listing.parse_file_list(path.read_bytes().decode("utf-8", "replace"))


KINDS = {
    "table": Kind("counts.tsv", valid_files.table, _matrix(checked=False, plain=True), text=True),
    "quoted table": Kind(
        "counts.csv",
        lambda: valid_files.table(",", '"'),
        _matrix(checked=False, plain=True),
        text=True,
    ),
    "gzip": Kind(
        "counts.csv.gz",
        lambda: gzip.compress(valid_files.table(","), mtime=0),
        _matrix(checked=True),
    ),
    "UTF-16": Kind(
        "counts.txt",
        lambda: valid_files.table().decode().encode("utf-16"),
        _matrix(checked=False, plain=True),
    ),
    "workbook": Kind("counts.xlsx", valid_files.workbook, _matrix(checked=True)),
    "h5ad": Kind("counts.h5ad", valid_files.h5ad, _matrix(checked=False)),
    "10x": Kind("counts.h5", valid_files.ten_x, _matrix(checked=False)),
    "loom": Kind("counts.loom", valid_files.loom, _matrix(checked=False)),
    "R table": Kind("counts.rds", valid_files.r_table, _matrix(checked=True)),
    "sparse matrix": Kind("x.tar", valid_files.mtx, _triplet),
    "tar": Kind("a.tar", valid_files.tar_archive("w"), _members),
    "tar.gz": Kind("a.tar.gz", valid_files.tar_archive("w:gz"), _members),
    "zip": Kind("a.zip", valid_files.zip_archive, _members),
    "SOFT": Kind("GSE7_family.soft.gz", valid_files.soft, _record),
    "series matrix": Kind("GSE7_series_matrix.txt", valid_files.series_matrix, _record, text=True),
    "sheet": Kind(
        "sheet.csv",
        lambda: b"sample,condition,donor\n" + b"".join(b"S%d,a,d%d\n" % (n, n) for n in range(8)),
        _sheet,
        text=True,
    ),
    "table of data sets": Kind("datasets.tsv", valid_files.datasets, _data_sets, text=True),
    "config": Kind("config.yaml", lambda: valid_files.CONFIG, _config, text=True),
    "listing": Kind(
        "index.html",
        lambda: b"<html><body>" + b"".join(b'<a href="f%d.gz">f</a>\n' % n for n in range(30)),
        _listing,
        text=True,
    ),
    "file list": Kind(
        "filelist.txt",
        lambda: (
            b"#Archive/File\tName\tTime\tSize\tType\nArchive\tGSE7_RAW.tar\t\t7\tTAR\n"
            + b"".join(b"File\tGSM%d.txt.gz\t\t9\tTXT\n" % n for n in range(20))
        ),
        _file_list,
        text=True,
    ),
}


@cache
def original(kind: str) -> bytes:
    """Return the valid file of a kind, made once."""
    return KINDS[kind].make()
