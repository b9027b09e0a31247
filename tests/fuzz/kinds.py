"""Valid files of every kind that is read, and what a reading of a changed one must not do.

A reading ends in one of three ways: a refusal, a result with notes of what was left out, or a
result. `Judgement` says whether the last two are honest.
"""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import anndata
import h5py
import numpy as np
import openpyxl
import pandas as pd
import rdata
from scipy import sparse

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

SAMPLES = [f"S{number}" for number in range(1, 9)]
GENES = [f"ENSG{number:011d}" for number in range(1, 61)]
COUNTS = np.random.default_rng(7).negative_binomial(2, 0.01, (len(GENES), len(SAMPLES))) + 1
NAMES = SampleNames.of_sheet(SAMPLES)


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
                rows = _lines(path) - 1 if plain else len(GENES)
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
    if (len(genes) < rows or len(samples) < len(SAMPLES)) and not notes:
        raise DishonestError(f"{len(genes)} of {rows} genes, {len(samples)} samples, no notes")
    if checked and not notes:
        order = [SAMPLES.index(name) for name in found.samples if name in SAMPLES]
        same = genes == GENES and np.array_equal(found.values.matrix.toarray(), COUNTS.T[order])
        if not same:
            raise DishonestError("other values than were written, without a word")


def _table(separator: str = "\t", quote: str = "") -> bytes:
    def line(cells: list[str]) -> str:
        return separator.join(f"{quote}{cell}{quote}" for cell in cells)

    rows = [line(["gene", *SAMPLES])]
    rows += [line([gene, *map(str, row)]) for gene, row in zip(GENES, COUNTS.tolist(), strict=True)]
    return ("\n".join(rows) + "\n").encode()


def _h5ad() -> bytes:
    data = anndata.AnnData(
        sparse.csr_matrix(COUNTS.T.astype(np.float32)),
        pd.DataFrame({"condition": ["a", "b"] * 4}, index=SAMPLES),
        pd.DataFrame({"symbol": GENES}, index=GENES),
    )
    return _saved(data.write_h5ad, ".h5ad")


def _ten_x() -> bytes:
    def write(path: Path) -> None:
        matrix = sparse.csc_matrix(COUNTS)
        with h5py.File(path, "w") as file:
            for name in ("data", "indices", "indptr"):
                file[f"matrix/{name}"] = getattr(matrix, name)
            file["matrix/shape"] = np.array(COUNTS.shape)
            file["matrix/barcodes"] = np.array(SAMPLES, dtype="S")
            file["matrix/features/id"] = np.array(GENES, dtype="S")
            file["matrix/features/name"] = np.array(GENES, dtype="S")

    return _saved(write, ".h5")


def _loom() -> bytes:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file["matrix"] = COUNTS
            file["row_attrs/Gene"] = np.array(GENES, dtype="S")
            file["col_attrs/CellID"] = np.array(SAMPLES, dtype="S")

    return _saved(write, ".loom")


def _saved(write: Callable[[Path], object], ending: str) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        write(path)
        return path.read_bytes()


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["gene", *SAMPLES])
    for gene, row in zip(GENES, COUNTS.tolist(), strict=True):
        book.active.append([gene, *row])
    return _saved(book.save, ".xlsx")


def _r_table() -> bytes:
    table = pd.DataFrame(COUNTS.astype(float), columns=SAMPLES)
    table.insert(0, "gene", GENES)
    return _saved(lambda path: rdata.write_rds(path, table), ".rds")


def _mtx() -> bytes:
    lines = [
        f"{row + 1} {column + 1} {COUNTS[row, column]}" for column in range(8) for row in range(60)
    ]
    matrix = "\n".join(
        ["%%MatrixMarket matrix coordinate integer general", f"60 8 {len(lines)}", *lines, ""]
    )
    parts = {
        "x_matrix.mtx": matrix,
        "x_barcodes.tsv": "".join(f"{name}\n" for name in SAMPLES),
        "x_features.tsv": "".join(f"{gene}\t{gene}\tGene Expression\n" for gene in GENES),
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


def _triplet(path: Path) -> None:
    found, _ = find([Member.of_file(path)], _search(path))
    _judge(found, len(GENES), checked=False)


def _tar(mode: str) -> Callable[[], bytes]:
    def make() -> bytes:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode=mode) as archive:
            for name in ("a.txt", "b.txt", "c.txt"):
                entry = tarfile.TarInfo(name)
                entry.size = 700
                archive.addfile(entry, io.BytesIO(name.encode() * 140))
        return content.getvalue()

    return make


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.txt", "b.txt", "c.txt"):
            archive.writestr(name, name * 140)
    return content.getvalue()


def _members(path: Path) -> None:
    search = _search(path)
    found = expand(Member.of_file(path), search.budget, search.scratch)
    # An end mark that a change puts between members is one that their writer may have put there.
    if path.suffix != ".tar" and len(found) != 3:
        raise DishonestError(f"{len(found)} of 3 members")


def _soft() -> bytes:
    lines = ["^DATABASE = GeoMiame", "^SERIES = GSE7", "!Series_title = A series"]
    lines += ["!Series_geo_accession = GSE7", "!Series_type = Expression profiling"]
    lines += [f"!Series_sample_id = GSM{number}" for number in range(6)]
    for number in range(6):
        lines += [
            f"^SAMPLE = GSM{number}",
            f"!Sample_title = mouse {number}",
            f"!Sample_geo_accession = GSM{number}",
            "!Sample_organism_ch1 = Mus musculus",
            f"!Sample_characteristics_ch1 = genotype: {'KO' if number % 2 else 'WT'}",
            "!Sample_platform_id = GPL1",
        ]
    return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)


def _series_matrix() -> bytes:
    quoted = "\t".join(f'"GSM{number}"' for number in range(6))
    lines = [
        '!Series_title\t"A series"',
        '!Series_geo_accession\t"GSE7"',
        "",
        f"!Sample_title\t{quoted}",
        f"!Sample_geo_accession\t{quoted}",
        "!Sample_organism_ch1\t" + "\t".join(['"Mus musculus"'] * 6),
        "!Sample_characteristics_ch1\t" + "\t".join(['"genotype: KO"', '"genotype: WT"'] * 3),
        "!series_matrix_table_begin",
        f'"ID_REF"\t{quoted}',
        "!series_matrix_table_end",
    ]
    return ("\n".join(lines) + "\n").encode()


def _record(path: Path) -> None:
    records.read_record(path)


def _sheet(path: Path) -> None:
    sample_sheet.read_sheet(path)


def _data_sets(path: Path) -> None:
    dataset_table.read(path)


def _datasets() -> bytes:
    return (
        b"dataset\tsource\torganism\tassay\tlabel\tcase\tcontrol\tinclude\n"
        b"one\tGSE52778\tauto\tbulk\ttreatment\tdex\tuntreated\tsex=F;sample!=S4\n"
        b"two\tGSE264537\tmouse\tauto\tauto\t\t\t\n"
    )


_CONFIG = b"""model: tiny
epochs: 3
learning_rate: 0.001
folds: 4
views: 2
seed: 1
geo:
  retries: 2
  base_url: https://ftp.ncbi.nlm.nih.gov/geo
baselines: [logistic_l2, random_forest]
"""


def _config(path: Path) -> None:
    loading.validated(config_files.read(path), [path])


def _listing(path: Path) -> None:
    listing.parse_index(path.read_bytes().decode("utf-8", "replace"), "https://example.org/suppl/")


def _file_list(path: Path) -> None:
    listing.parse_file_list(path.read_bytes().decode("utf-8", "replace"))


KINDS = {
    "table": Kind("counts.tsv", _table, _matrix(checked=False, plain=True), text=True),
    "quoted table": Kind(
        "counts.csv", lambda: _table(",", '"'), _matrix(checked=False, plain=True), text=True
    ),
    "gzip": Kind(
        "counts.csv.gz", lambda: gzip.compress(_table(","), mtime=0), _matrix(checked=True)
    ),
    "UTF-16": Kind(
        "counts.txt",
        lambda: _table().decode().encode("utf-16"),
        _matrix(checked=False, plain=True),
    ),
    "workbook": Kind("counts.xlsx", _workbook, _matrix(checked=True)),
    "h5ad": Kind("counts.h5ad", _h5ad, _matrix(checked=False)),
    "10x": Kind("counts.h5", _ten_x, _matrix(checked=False)),
    "loom": Kind("counts.loom", _loom, _matrix(checked=False)),
    "R table": Kind("counts.rds", _r_table, _matrix(checked=True)),
    "sparse matrix": Kind("x.tar", _mtx, _triplet),
    "tar": Kind("a.tar", _tar("w"), _members),
    "tar.gz": Kind("a.tar.gz", _tar("w:gz"), _members),
    "zip": Kind("a.zip", _zip, _members),
    "SOFT": Kind("GSE7_family.soft.gz", _soft, _record),
    "series matrix": Kind("GSE7_series_matrix.txt", _series_matrix, _record, text=True),
    "sheet": Kind(
        "sheet.csv",
        lambda: b"sample,condition,donor\n" + b"".join(b"S%d,a,d%d\n" % (n, n) for n in range(8)),
        _sheet,
        text=True,
    ),
    "table of data sets": Kind("datasets.tsv", _datasets, _data_sets, text=True),
    "config": Kind("config.yaml", lambda: _CONFIG, _config, text=True),
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
