"""What cannot be read without guessing is refused with what was found and what settles it; kinds of
values by their numbers."""

import io
import tarfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refused_tables import COUNTS, GENES, SAMPLES, TITLES, reads, refused, write


def test_columns_that_match_no_sample_are_shown_beside_the_samples(tmp_path):
    write(tmp_path / "GSE1_counts.txt", head=[f"unrelated{letter}" for letter in "abcdef"])
    refused(
        tmp_path,
        "GSE1_counts.txt names none of its 6 columns",
        "columns without a sample: unrelateda, unrelatedb",
        "samples without a column: GSM100 (mouse-0)",
        "`sample_map`",
        "unrelatedf\t",
    )


def test_several_matrices_are_listed_and_the_cell_settles_it(tmp_path):
    write(tmp_path / "GSE1_counts_a.txt")
    write(tmp_path / "GSE1_counts_b.txt", COUNTS + 1)
    refused(
        tmp_path,
        "GSE1_counts_a.txt: table, genes × samples, 6 samples",
        "GSE1_counts_b.txt",
        "`matrix`",
        "raw counts",
    )
    assert reads(tmp_path, pattern="*_b.txt")[0].name == "GSE1_counts_b.txt"


def test_counts_are_taken_where_other_values_stand_beside_them(tmp_path):
    write(tmp_path / "GSE1_counts.txt")
    write(tmp_path / "GSE1_other.txt", COUNTS * 0.37 + 0.01)
    for allowed in ((), ("unknown",)):
        found, rejected = reads(tmp_path, allowed=allowed)
        assert found.name == "GSE1_counts.txt"
        assert "unknown kind" in rejected[0].reason


def test_a_pattern_that_names_nothing_lists_what_there_is(tmp_path):
    write(tmp_path / "GSE1_counts.txt")
    refused(tmp_path, "matrix = '*.h5'", "GSE1_counts.txt", pattern="*.h5")


def test_a_workbook_that_turned_symbols_into_dates(tmp_path):
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["gene", *SAMPLES])
    symbols = [
        "Gfap",
        "Vim",
        "Aqp4",
        "Sst",
        "Pvalb",
        "Npy",
        "Fos",
        "Arc",
        "Gad1",
        "Gad2",
        "Bdnf",
        "Cck",
        datetime.date(2019, 3, 1),
        "2-Sep",
    ]
    for number, symbol in enumerate(symbols):
        book.active.append([symbol, *map(int, COUNTS[number])])
    book.save(tmp_path / "GSE1_counts.xlsx")
    refused(tmp_path, "2 gene symbols", "2019-03-01 (MARCHF1 or MTARC1)", "2-Sep (SEPTIN2)")


def test_an_r_object_that_cannot_be_read_names_the_line_that_converts_it(tmp_path):
    (tmp_path / "GSE1_seurat.rds").write_bytes(b"no R at all")
    refused(tmp_path, "GSE1_seurat.rds", "readRDS('GSE1_seurat.rds')", "write.csv")


def test_a_cell_that_is_no_number(tmp_path):
    write(
        tmp_path / "GSE1_counts.txt",
        genes=[f"ENSMUSG{n:011d}" for n in range(600)],
        values=np.tile(COUNTS, (10, 1)),
    )
    text = (tmp_path / "GSE1_counts.txt").read_text().splitlines()
    text[-1] = text[-1].rsplit("\t", 1)[0] + "\tmany"
    (tmp_path / "GSE1_counts.txt").write_text("\n".join(text))
    refused(tmp_path, "not a number", "many", "GSE1_counts.txt")


def test_transcripts_and_ambiguous_columns_of_single_samples(tmp_path):
    def archive(text: str) -> None:
        with tarfile.open(tmp_path / "GSE1_RAW.tar", "w") as tar:
            for name in SAMPLES:
                entry = tarfile.TarInfo(f"{name}_a.tsv")
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))

    archive(
        "target_id\tlength\tNumReads\n" + "".join(f"ENSMUST{n:011d}.1\t9\t{n}\n" for n in range(30))
    )
    refused(tmp_path, "transcripts", "tximport")
    archive(
        "gene\tleft\tright\n" + "".join(f"{gene}\t{n}\t{n + 1}\n" for n, gene in enumerate(GENES))
    )
    refused(tmp_path, "left, right", "it is unclear which")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\0\1\2binary" * 50, "binary"),
        (b"word\nonly\n", "two columns"),
    ],
)
def test_what_is_no_table(tmp_path, content, told):
    (tmp_path / "GSE1_counts.txt").write_bytes(content)
    refused(tmp_path, "GSE1_counts.txt", told)


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    columns=st.permutations(range(6)),
    rows=st.permutations(range(len(GENES))),
    sep=st.sampled_from(["\t", ",", ";", "|"]),
    naming=st.sampled_from(["id", "title", "mangled", "path"]),
    corner=st.sampled_from(["", "gene", "Geneid", "X", None]),
    quotes=st.booleans(),
)
def test_order_delimiter_and_headers_do_not_change_the_result(
    tmp_path_factory, columns, rows, sep, naming, corner, quotes
):
    from epigpt.dataset.assemble import Origin, assemble

    folder = tmp_path_factory.mktemp("table")
    name = {
        "id": SAMPLES,
        "title": TITLES,
        "mangled": [t.replace("-", ".") for t in TITLES],
        "path": [f"/data/{t}.sorted.bam" for t in TITLES],
    }
    quoted = (lambda text: f'"{text}"') if quotes else (lambda text: text)
    head = ([] if corner is None else [quoted(corner)]) + [
        quoted(name[naming][index]) for index in columns
    ]
    lines = [sep.join(head)] + [
        sep.join([quoted(GENES[row]), *(str(COUNTS[row, index]) for index in columns)])
        for row in rows
    ]
    (folder / "GSE1_counts.txt").write_text("\n".join(lines))
    found = reads(folder)[0]
    labels = pd.DataFrame({"label": list("ababab"), "group": SAMPLES}, index=SAMPLES)
    data = assemble(
        found.values, found.samples, labels, "mouse", found.kind, "bulk", Origin("d", "GSE1")
    )
    assert list(data.obs_names) == SAMPLES
    assert list(data.var_names) == sorted(GENES)
    assert data.X.dtype == np.int32
    np.testing.assert_array_equal(data.X.toarray(), COUNTS.T)
