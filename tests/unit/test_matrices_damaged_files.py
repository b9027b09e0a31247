"""Archives, workbooks, sparse matrices and listings that are damaged or made to harm."""

import gzip
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from damaged import COUNTS, GENES, SAMPLES, found_in, lines, look, triplet
from epigpt.errors import InputError
from epigpt.geo.listing import parse_index
from epigpt.matrices import (
    matrix_market,
    spreadsheets,
)
from epigpt.matrices.archives import expand
from epigpt.matrices.candidate import Candidate
from epigpt.matrices.streams import Budget, Member


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


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for text in ("one", "two"):
            archive.writestr("a.txt", text)
    with pytest.raises(InputError, match="two members named"):
        expand(Member.of_file(tmp_path / "a.zip"), Budget(1e9), tmp_path)


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_listing_of_more_links_than_any_folder_has():
    page = '<a href="x.gz">' * 200_001
    with pytest.raises(InputError, match="more than 200,000 links"):
        parse_index(page, "https://example.org/suppl/")


@pytest.mark.parametrize("first", ["x", "barcode", "cell_id", "V1"])
def test_a_header_above_the_names_of_cells(tmp_path, first):
    found = found_in(triplet(tmp_path / "x.tar", COUNTS.T, first))
    np.testing.assert_array_equal(found.values.matrix.toarray(), COUNTS.T)
    assert found.samples == SAMPLES


def test_a_name_more_than_cells_is_not_taken_for_a_header(tmp_path):
    """Were the first one dropped, each sample would get its neighbour's counts."""
    path = triplet(tmp_path / "x.tar", COUNTS.T, "S0")
    with pytest.raises(InputError, match="9 barcodes"):
        found_in(path)
