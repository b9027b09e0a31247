"""Files that are damaged or made to harm: refused with the true reason, or read without a loss that
nobody is told of."""

import gzip
import os
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from scipy import sparse

from damaged import COUNTS, GENES, SAMPLES, look, refused
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError, of_this_machine, refusing_foreign_errors
from epigpt.geo.listing import parse_index
from epigpt.matrices import (
    hdf5_safety,
    matrix_market,
    spreadsheets,
)
from epigpt.matrices.archives import expand
from epigpt.matrices.candidate import Candidate, Rejected
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.value_kind import kind_of_values


def lines(sep: str = "\t") -> list[str]:
    rows = [sep.join(["gene", *SAMPLES])]
    return rows + [
        sep.join([gene, *map(str, row)]) for gene, row in zip(GENES, COUNTS.tolist(), strict=True)
    ]


def written(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_names_without_numbers_are_refused_or_named(tmp_path):
    rows = lines()
    rows[40] = rows[40].split("\t")[0]
    found = look(written(tmp_path / "one.tsv", rows))
    assert isinstance(found, Candidate)
    assert found.size == (8, len(GENES) - 1)
    assert any(GENES[39] in note and "without numbers" in note for note in found.values.notes)
    rows[50:110] = [row.split("\t")[0] for row in rows[50:110]]
    refused(written(tmp_path / "many.tsv", rows), "61 of", "cut")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda row: row + "\t7", "another number of cells"),
        (lambda row: row.rsplit("\t", 1)[0], "another number of cells"),
        (lambda row: '"' + row, "quotation mark"),
        (lambda row: row.rsplit("\t", 1)[0] + "\tplenty", "plenty"),
    ],
)
def test_a_damaged_line_is_named_for_what_it_is(tmp_path, damage, told):
    rows = lines()
    rows[60] = damage(rows[60])
    refused(written(tmp_path / "a.tsv", rows), told)


def test_two_unclosed_quotes_in_a_column_that_is_not_read_hide_no_rows(tmp_path):
    rows = [f"{row}\tabout_{number}" for number, row in enumerate(lines())]
    rows[30] = rows[30].replace("about_30", '"about_30')
    rows[60] = rows[60].replace("about_60", 'about_60"')
    refused(written(tmp_path / "a.tsv", rows), "quotation mark")


@pytest.mark.parametrize("missing", ["n.d.", "#DIV/0!", "N.A.", "<NA>", ""])
def test_a_cell_without_a_value_costs_its_gene_and_never_its_sample(tmp_path, missing):
    rows = lines()
    cells = rows[12].split("\t")
    cells[3] = missing
    rows[12] = "\t".join(cells)
    found = look(written(tmp_path / "a.tsv", rows))
    assert isinstance(found, Candidate)
    assert found.size == (8, len(GENES) - 1)
    assert set(found.samples) == set(SAMPLES)
    assert any(GENES[11] in note for note in found.values.notes)


def test_a_remark_among_the_first_numbers_of_a_sample_is_named(tmp_path):
    rows = lines()
    cells = rows[2].split("\t")
    cells[5] = "failed"
    rows[2] = "\t".join(cells)
    refused(written(tmp_path / "a.tsv", rows), "failed")


def test_a_sample_twice_is_refused_at_reading(tmp_path):
    rows = [f"{row}\t{row.split(chr(9))[1]}" for row in lines()]
    refused(written(tmp_path / "a.tsv", rows), "sample S1 2 times", "as two samples")


@pytest.mark.parametrize("quoted", [False, True])
def test_tables_of_real_width_either_way_round(tmp_path, quoted):
    genes = [f"ENSG{number:011d}" for number in range(20_000)]
    counts = np.random.default_rng(1).poisson(30, (len(genes), len(SAMPLES)))
    table = pd.DataFrame(counts, index=genes, columns=SAMPLES)
    for name, one in (("wide.csv", table.T), ("long.csv", table)):
        one.to_csv(tmp_path / name, quoting=2 if quoted else 0)
        found = look(tmp_path / name)
        assert isinstance(found, Candidate), found.reason
        assert found.size == (8, 20_000)
        assert found.values.matrix.sum() == counts.sum()


def test_long_names_of_repeated_words_take_linear_time():
    code = (
        "from epigpt.matrices.sample_matching import SampleNames, match\n"
        "names = ['S1_' + 'count' * 80 + '!', 'reads' * 90 + '?', 'S1' + '.bam' * 200 + '~']\n"
        "match(names, SampleNames.of_sheet(['S1', 'S2']))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True, env=environment)


def test_yes_or_no_of_each_gene_is_no_count():
    found = kind_of_values(sparse.csr_array((COUNTS.T > 100).astype(np.int32)))
    assert found.type == "unknown"
    assert "only 0 and 1" in found.evidence


# HDF5


@pytest.mark.parametrize("cut", [0, 12])
def test_an_archive_whose_end_mark_came_too_early(tmp_path, cut):
    """A reader of tar files stops there, and would never come to the checksum behind it."""
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in ("a.txt", "b.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = 700
            archive.addfile(entry, BytesIO(name.encode() * 140))
    whole = gzip.compress(content.getvalue(), mtime=0)
    zeroed = content.getvalue()[:1536].ljust(10240, b"\0")
    changed = gzip.compress(zeroed, mtime=0)[:-8] + whole[-8:]  # the checksum of what was written
    path = tmp_path / "a.tar.gz"
    path.write_bytes(changed[: len(changed) - cut])
    with pytest.raises(InputError, match="compressed file"):
        expand(Member.of_file(path), Budget(1e9), tmp_path)


# Workbooks


def workbook(path: Path) -> Path:
    book = openpyxl.Workbook()
    for row in lines():
        name, *cells = row.split("\t")
        book.active.append([name, *(int(cell) if cell.isdigit() else cell for cell in cells)])
    book.save(path)
    return path


def edit(path: Path, part: str, old: bytes, new: bytes) -> Path:
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert old in contents[part]
    contents[part] = contents[part].replace(old, new, 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


# Excel keeps its texts in a list of their own.
SHARED = (b't="inlineStr"><is><t>gene</t></is>', b't="s"><v>0</v>')
SHEET = "xl/worksheets/sheet1.xml"


def sheets_of(path: Path) -> list[Member]:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return spreadsheets.sheets(Member.of_file(path), Budget(1e9), scratch)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'<row r="9"', b'<row r="1000000000000"'),
        (b'<row r="9"', b'<row r="3"'),
        (b'<c r="D9"', b'<c r="B9"'),
        (b'<c r="D9"', b'<c r="ZZZ9"'),
        (b'<row r="9">', b'<row r="9"><<'),
        (b't="s"><v>0<', b't="s"><v>-3<'),
        (b't="s"><v>0<', b't="s"><v>99999<'),
        (b"</sheetData>", b""),
    ],
)
def test_a_damaged_sheet_is_refused(tmp_path, old, new):
    path = edit(workbook(tmp_path / "a.xlsx"), SHEET, *SHARED)
    path = edit(path, SHEET, old, new)
    with pytest.raises(InputError, match=r"a\.xlsx"):
        sheets_of(path)


def test_the_size_that_a_sheet_declares_is_not_believed(tmp_path):
    path = workbook(tmp_path / "a.xlsx")
    with zipfile.ZipFile(path) as archive:
        declared = archive.read(SHEET).split(b'<dimension ref="')[1].split(b'"')[0]
    found = look(edit(path, SHEET, declared, b"A1:C5"))
    assert isinstance(found, Candidate)
    assert found.size == (8, len(GENES))


def test_a_cell_left_out_of_a_sheet_is_a_missing_value(tmp_path):
    path = workbook(tmp_path / "a.xlsx")
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read(SHEET)
    last = sheet[sheet.index(b'<c r="I9"') :].split(b"</c>")[0] + b"</c>"
    found = look(edit(path, SHEET, last, b""))
    assert isinstance(found, Candidate)
    assert found.size == (8, len(GENES) - 1)
    assert any(GENES[7] in note for note in found.values.notes)


# MatrixMarket


@pytest.mark.parametrize(
    ("sizes", "values"),
    [
        ("120 8 -1", ""),
        ("-120 8 1", "1 1 1\n"),
        ("120 8", ""),
        ("120 8 1e3", ""),
        ("120 2000000000 1", "1 1 1\n"),
        ("120 8 9000000000", "1 1 1\n"),
        ("120 8 2", "1 1 1\n1 1 2\n"),
        ("120 8 3", "1 2 1\n1 1 1\n1 2 2\n"),
        ("120 8 1", "0 1 1\n"),
        ("120 8 1", "121 1 1\n"),
        ("120 8 1", "x y z\n"),
    ],
)
def test_a_sparse_matrix_whose_sizes_or_values_cannot_be(tmp_path, sizes, values):
    path = tmp_path / "matrix.mtx"
    path.write_text(f"%%MatrixMarket matrix coordinate integer general\n{sizes}\n{values}")
    with pytest.raises(InputError, match=r"matrix\.mtx"):
        matrix_market.read_mtx(Member.of_file(path), Budget(1e12), 120)


# Archives and listings


def tar_of_three() -> bytes:
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in ("a.txt", "b.txt", "c.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = 600
            archive.addfile(entry, BytesIO(b"x" * 600))
    return content.getvalue()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("damage", ["header", "cut"])
def test_an_archive_that_ends_early_loses_no_members_silently(tmp_path, packed, damage):
    import gzip

    content = bytearray(tar_of_three())
    if damage == "header":
        content[2 * 1536 + 20] ^= 0xFF  # of the third member
    else:
        del content[2 * 1536 :]
    path = tmp_path / ("a.tar.gz" if packed else "a.tar")
    path.write_bytes(gzip.compress(bytes(content)) if packed else bytes(content))
    (tmp_path / "scratch").mkdir()
    with pytest.raises(InputError, match=r"a\.tar"):
        expand(Member.of_file(path), Budget(1e9), tmp_path / "scratch")


@pytest.mark.parametrize("page", ["<![<![", "<a " * 100_000, "<a href=" * 50_000, "<!--" * 1000])
def test_a_listing_of_nothing_useful(page):
    assert parse_index(page, "https://example.org/suppl/") == []


def test_a_listing_of_more_links_than_any_folder_has():
    page = '<a href="x.gz">' * 200_001
    with pytest.raises(InputError, match="more than 200,000 links"):
        parse_index(page, "https://example.org/suppl/")


# The boundary


def test_what_a_library_raises_becomes_one_message_with_its_cause():
    def parse() -> None:
        with refusing_foreign_errors("a.h5"):
            raise KeyError("matrix/data")

    with pytest.raises(InputError, match="KeyError") as caught:
        parse()
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.where == "a.h5"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "/x"), "no space left"),
        (OSError("Can't write data (errno = 28, error message = 'No space left on device')"), "no"),
        (PermissionError(13, "Permission denied", "/x"), "permission"),
        (OSError(24, "Too many open files"), "too many open files"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_faults_of_the_machine_are_told_as_such(error, told):
    refusal = of_this_machine(error)
    assert refusal is not None
    assert told in refusal.found
    assert of_this_machine(ValueError("no space left")) is None


@pytest.mark.parametrize("name", ["a.h5", "a.h5ad", "a.loom", "a.xlsx", "a.rds", "a.csv.gz"])
def test_bytes_that_mean_nothing_are_refused_by_every_reader(tmp_path, name):
    noise = np.random.default_rng(5).bytes(5000)
    starts = {
        "h5": hdf5_safety.MAGIC,
        "h5ad": hdf5_safety.MAGIC,
        "loom": hdf5_safety.MAGIC,
        "xlsx": b"PK\x03\x04",
    }
    path = tmp_path / name
    path.write_bytes(starts.get(name.split(".")[-1], b"\x1f\x8b\x08\x00") + noise)
    assert isinstance(look(path), Rejected)


CASES = {
    "wide-line": (12, 20_000),
    "table-cr-only": (8, 80),
    "table-utf16-false-reason": (8, 80),
    "table-regex-hang": None,
    "h5ad-csc-segfault": "outside",
    "h5ad-negative-index-silent": "outside",
    "h5ad-obs-names-twice": "2 times",
    "h5-10x-declares-8GB": "declares",
    "mtx-negative-size": "sizes",
    "xlsx-cut-xml": "cannot be read",
    "xlsx-row-1e12-hang": "row 1000000000000",
}


@pytest.mark.parametrize("case", CASES)
def test_the_cases_that_once_broke_something(shared, case):
    from epigpt.config import dataset_table

    (row,) = dataset_table.read(shared / "cases" / "faults" / case / "datasets.tsv")
    expected = CASES[case]
    paths = [Path(path) for path in row.inputs]
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            read_dataset(row, paths, frozenset(), Budget.of_gigabytes(200))
        return
    _, adata, _ = read_dataset(row, paths, frozenset(), Budget.of_gigabytes(200))
    assert expected is None or adata.shape == expected
