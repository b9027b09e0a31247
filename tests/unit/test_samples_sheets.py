"""Sample sheets as people write them."""

import csv
import gzip
from pathlib import Path

import pandas as pd
import pytest

from epigpt.errors import InputError
from epigpt.samples import sample_sheet
from epigpt.samples.sample_sheet import read_sheet
from made_records import write


@pytest.mark.parametrize("name", ["sheet.csv", "sheet.csv.gz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_sheets_of_every_kind(tmp_path, name, encoding, separator):
    text = 'id;diät;note\r\ns1;kéto;"a;b"\r\n\r\ns2;;x\r\n'.replace(";", separator)
    found = read_sheet(write(tmp_path, text.encode(encoding), name))
    assert found.to_dict("index") == {
        "s1": {"diät": "kéto", "note": f"a{separator}b" if separator != "\t" else "a b"},
        "s2": {"diät": "", "note": "x"},
    }


def test_a_header_one_cell_short_names_no_first_column(tmp_path):
    assert read_sheet(write(tmp_path, "diet,sex\ns1,a,F\ns2,b,M\n", "sheet.csv")).to_dict(
        "list"
    ) == {"diet": ["a", "b"], "sex": ["F", "M"]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "an empty sheet"),
        ("id,diet\n", "a sheet without rows"),
        ("id\ns1\n", "a sheet of one column"),
        ("id,diet\ns1,a\ns1,b\n", "the sample 's1' stands in the sheet 2 times"),
        ("id,diet,diet\ns1,a,b\n", "the column 'diet' stands in the sheet 2 times"),
        ("id,diet,sex\ns1,a,b\ns2,a\n", "row 3 has 2 cells, the header 3"),
        ("id,diet\n,a\n", "row 2 has no sample id"),
        ('id,diet\ns1,"a\ns2,b\ns3,a\n', "a quotation mark that is not closed"),
        ('id,diet\ns1,"a\ns2,b\ns3,"a\n', "a quotation mark that is not closed"),
        ("id,diet\ns1,a\0\n", "a binary file"),
        ("PK\3\4\0", "not a workbook that can be read"),
    ],
)
def test_sheets_that_are_none(tmp_path, text, told):
    with pytest.raises(InputError) as refusal:
        read_sheet(write(tmp_path, text, "sheet.csv"))
    assert told in str(refusal.value)


TABLE = pd.DataFrame({"id": ["s1", "s2"], "diet": ["keto", "chow"], "age": [8, 9]})


def workbook(path: Path, *sheets: str) -> Path:
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        for name in sheets:
            TABLE.to_excel(book, sheet_name=name, index=False)
    return path


def test_a_workbook_is_a_sheet_where_one_of_its_sheets_is_it(tmp_path):
    told = {"s1": {"diet": "keto", "age": "8"}, "s2": {"diet": "chow", "age": "9"}}
    for sheets in (["Sheet1"], ["read me", "samples"], ["raw", "Metadata"]):
        path = workbook(tmp_path / "sheet.xlsx", *sheets)
        assert read_sheet(path).to_dict("index") == told
    with pytest.raises(InputError, match="2 sheets that could be it") as refusal:
        read_sheet(workbook(tmp_path / "sheet.xlsx", "A", "B"))
    name = refusal.value.remedy.split("`")[1]
    assert read_sheet(workbook(tmp_path / "sheet.xlsx", "A", name)).to_dict("index") == told


def test_remarks_above_the_header_are_skipped(tmp_path):
    text = "# written by hand\n#id,diet\ns1,keto\ns2,chow\n"
    assert list(read_sheet(write(tmp_path, text, "sheet.csv")).index) == ["s1", "s2"]


def test_a_sheet_that_unpacks_to_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_sheet, "_LONGEST", 1000)
    path = tmp_path / "sheet.csv.gz"
    path.write_bytes(gzip.compress(b"id,diet\ns1," + b"a" * 2000))
    with pytest.raises(InputError, match="more than"):
        read_sheet(path)


@pytest.mark.parametrize("first", ["", "# a remark\n", "sample,label\n"])
@pytest.mark.parametrize("limit", [100, 1 << 30])
def test_a_cell_without_end_is_refused(tmp_path, first, limit):
    """Whatever limit other code has set for the whole process."""
    path = tmp_path / "sheet.csv"
    path.write_text(f"{first}sample,label\nS1,{'x' * 140_000}\nS2,b\n")
    before = csv.field_size_limit(limit)
    try:
        with pytest.raises(InputError, match="field larger than field limit"):
            sample_sheet.read_sheet(path)
        assert csv.field_size_limit() == limit
    finally:
        csv.field_size_limit(before)
