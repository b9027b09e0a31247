"""The table of data sets: every bad row gets a message with row, column and remedy."""

import pytest

from epigpt.config import dataset_row, dataset_table
from epigpt.errors import InputError


@pytest.fixture
def table(tmp_path):
    (tmp_path / "counts.csv").write_text("gene,a\n")
    (tmp_path / "sheet.csv").write_text("id,x\n")
    (tmp_path / "cells.h5ad").write_text("")

    def write(text):
        path = tmp_path / "datasets.tsv"
        path.write_text(text)
        return path

    return write


def test_defaults_fill_missing_columns_and_empty_cells(table):
    (row,) = dataset_table.read(table("dataset\tsource\tgroup\n# a remark\n\na\tgse1\t\n"))
    assert (row.source, row.organism, row.assay, row.matrix, row.label, row.group) == (
        "GSE1",
        "auto",
        "auto",
        "auto",
        "auto",
        "auto",
    )
    assert row.is_accession
    assert row.inputs == []


def test_paths_count_from_the_tables_folder(table, tmp_path):
    (row,) = dataset_table.read(table("dataset\tsource\tsamples\na\tcounts.csv\tsheet.csv\n"))
    assert row.inputs == [str(tmp_path / "counts.csv"), str(tmp_path / "sheet.csv")]
    (tmp_path / "map.tsv").write_text("")
    (row,) = dataset_table.read(table("dataset\tsource\tsample_map\na\tGSE1\tmap.tsv\n"))
    assert row.map_files == [str(tmp_path / "map.tsv")]
    with pytest.raises(InputError, match="there is no such file"):
        dataset_table.read(table("dataset\tsource\tsample_map\na\tGSE1\tnowhere.tsv\n"))


def test_cells_with_several_values(table):
    header = "dataset\tsource\tcase\tcontrol\tinclude\tcovariates\n"
    (row,) = dataset_table.read(
        table(header + "a\tGSE1\tx|y z\tc\ttissue=Hippocampus;sex!=F | M;sample!=S4\tsex, batch\n")
    )
    assert row.case_values == ("x", "y z")
    assert dataset_row.split_names(row.covariates) == ("sex", "batch")
    assert [(f.name, f.keep, f.values) for f in row.filters] == [
        ("tissue", True, ("Hippocampus",)),
        ("sex", False, ("F", "M")),
        ("sample", False, ("S4",)),
    ]


def test_windows_files_with_a_byte_order_mark(table, tmp_path):
    path = table("")
    path.write_bytes("\ufeffdataset\tsource\r\na\tGSE12\r\n".encode())
    assert [row.source for row in dataset_table.read(path)] == ["GSE12"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["empty table"]),
        ("dataset\tsource\n", ["header without rows", "epigpt describe"]),
        ("dataset\tsorce\na\tGSE1\n", ["column 'sorce'", "did you mean 'source'?"]),
        ("dataset source\na GSE1\n", ["separated by tabs"]),
        ("dataset\tdataset\tsource\na\tb\tGSE1\n", ["twice"]),
        ("dataset\na\n", ["no column 'source'"]),
        ("dataset\tsource\na\tGSE1\tmore\n", ["row 2", "3 cells"]),
        ("dataset\tsource\n1a\tGSE1\n", ["row 2", "column 'dataset'", "a letter first"]),
        ("dataset\tsource\n../a\tGSE1\n", ["row 2", "column 'dataset'"]),
        ("dataset\tsource\na\tGSE1\n\nA\tGSE2\n", ["row 4", "row 2 has the same id"]),
        (
            "dataset\tsource\torganism\na\tGSE1\tmuose\n",
            ["column 'organism'", "did you mean 'mouse'?"],
        ),
        ("dataset\tsource\tassay\na\tGSE1\tsingle\n", ["column 'assay'", "bulk, single_cell"]),
        ("dataset\tsource\na\tGSE12345678\n", ["no such file", "1 to 7 digits"]),
        ("dataset\tsource\na\tGSM1234\n", ["not a series"]),
        ("dataset\tsource\na\t\n", ["column 'source'"]),
        ("dataset\tsource\na\tnowhere.csv\n", ["no such file"]),
        ("dataset\tsource\na\tcounts.csv\n", ["column 'samples'", "sample sheet"]),
        ("dataset\tsource\tsamples\na\tcells.h5ad\tsheet.csv\n", ["empty the cell"]),
        ("dataset\tsource\tsamples\na\tGSE1\tsheet.csv\n", ["empty the cell"]),
        ("dataset\tsource\tinclude\na\tGSE1\ttissue:x\n", ["'tissue:x' is not a condition"]),
        (
            "dataset\tsource\tcase\tcontrol\na\tGSE1\tx|y\ty\n",
            ["'y' stands in case and in control"],
        ),
        ('dataset\tsource\tcase\na\tGSE1\t"x\nb\tGSE2\ty\n', ["quotation mark that hides"]),
        ('dataset\tsource\tcase\na\tGSE1\t"x\nb\tGSE2\ty"\n', ["row 2", "hides cells or lines"]),
        ("dataset\tsource\tcase\na\tGSE1\tx\0y\n", ["row 2", "zero bytes"]),
        (f"dataset\tsource\n{'a' * 101}\tGSE1\n", ["row 2", "100 at most"]),
        ("dataset\tsource\nCorpus\tGSE1\n", ["results/corpus", "another id"]),
        ("dataset\tsource\nweights\tGSE1\n", ["results/weights", "another id"]),
    ],
)
def test_bad_tables_get_one_message_with_row_column_and_remedy(table, text, told):
    with pytest.raises(InputError) as caught:
        dataset_table.read(table(text))
    for part in [*told, "datasets.tsv"]:
        assert part in str(caught.value)


def test_the_row_to_paste_reads_back(table):
    row = dataset_row.Row("a", "GSE5", label="genotype", case="KO", control="WT", group="mouse")
    assert dataset_table.read(
        table("\t".join(dataset_row.COLUMNS) + "\n" + dataset_row.row_to_paste(row) + "\n")
    ) == [row]


def test_the_default_table_holds_the_papers_series(root):
    assert [row.source for row in dataset_table.read(root / "config" / "datasets.tsv")] == [
        "GSE264537",
        "GSE275235",
    ]


@pytest.mark.parametrize("folder", ["{sample}", "a{b", "two\nlines"])
def test_paths_that_snakemake_would_not_take_for_paths(tmp_path, folder):
    place = tmp_path / folder
    place.mkdir()
    for name, text in (("counts.csv", "gene,a\n"), ("sheet.csv", "id,x\n")):
        (place / name).write_text(text)
    rows = "dataset\tsource\tsamples\na\tcounts.csv\tsheet.csv\n"
    (place / "datasets.tsv").write_text(rows)
    with pytest.raises(InputError, match="braces and line ends in a path"):
        dataset_table.read(place / "datasets.tsv")
    # The remedy: the same files elsewhere.
    moved = place.rename(tmp_path / "moved")
    assert dataset_table.read(moved / "datasets.tsv")[0].inputs == [
        str(moved / "counts.csv"),
        str(moved / "sheet.csv"),
    ]


@pytest.mark.parametrize("source", ["a\0b.csv", "x" * 5000 + ".csv", "~nobody-of-this-name/a.csv"])
def test_texts_that_are_no_paths(table, source):
    with pytest.raises(InputError, match="column 'source'"):
        dataset_table.read(table(f"dataset\tsource\tsamples\na\t{source}\tsheet.csv\n"))
