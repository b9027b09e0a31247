"""Files that are damaged or made to harm: refused with the true reason, or read without a loss that
nobody is told of."""

import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from damaged import COUNTS, GENES, NAMES, SAMPLES, lines, look, refused
from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError, of_this_machine, refusing_foreign_errors
from epigpt.matrices import hdf5_safety, table_layout, transcript_tables
from epigpt.matrices.candidate import Candidate, Rejected
from epigpt.matrices.csv_layout import Layout
from epigpt.matrices.sample_matching import SampleNames, match
from epigpt.matrices.streams import Budget
from epigpt.matrices.value_kind import kind_of_values


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


def with_cell(number: int, column: int, text: str) -> list[str]:
    rows = lines()
    cells = rows[number].split("\t")
    cells[column] = text
    rows[number] = "\t".join(cells)
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("text", ["/", "*", "TRUE", "1_000", "<1", "below LOD", "0x10", "0X1F"])
def test_a_cell_that_is_no_number_is_named_with_its_row_and_column(tmp_path, text):
    """As a whole number, a hexadecimal one would be read as another number than a person sees."""
    refused(written(tmp_path / "a.tsv", with_cell(13, 3, text)), f"'{text}' in row '{GENES[12]}'")


def test_hexadecimal_digits_in_a_name_change_nothing(tmp_path):
    found = look(written(tmp_path / "a.tsv", [*lines(), "0x12" + "\t5" * len(SAMPLES)]))
    assert isinstance(found, Candidate)
    assert found.values.matrix.sum() == COUNTS.sum()


@pytest.mark.parametrize("text", ["12,345", "1,234"])
def test_a_few_commas_among_whole_numbers_are_not_guessed_at(tmp_path, text):
    path = written(tmp_path / "a.tsv", with_cell(30, 3, text))
    refused(path, f"'{text}' among whole numbers", text.replace(",", ""))
    # What the remedy says.
    path.write_text(path.read_text().replace(text, text.replace(",", "")))
    assert isinstance(look(path), Candidate)


def test_thousands_set_apart_by_blanks_are_no_columns(tmp_path):
    rows = [line.replace("\t", "\t1 ") if number else line for number, line in enumerate(lines())]
    found = look(written(tmp_path / "a.tsv", rows))
    assert isinstance(found, Rejected)
    assert "where numbers are needed" in found.reason


@pytest.mark.parametrize("empty", ["", "NA"])
def test_a_sample_whose_column_is_empty_is_not_said_to_have_none(tmp_path, empty):
    rows = [
        "\t".join([*line.split("\t")[:3], empty, *line.split("\t")[4:]]) if number else line
        for number, line in enumerate(lines())
    ]
    path = written(tmp_path / "a.tsv", rows)
    refused(path, "S3: not a single value", "sample!=NAME")
    sheet = "".join(f"{name},{'ab'[at % 2]}\n" for at, name in enumerate(SAMPLES))
    (tmp_path / "sheet.csv").write_text(f"sample,condition\n{sheet}")
    row = Row(
        dataset="x",
        source=str(path),
        samples=str(tmp_path / "sheet.csv"),
        label="condition",
        include="sample!=S3",
    )
    files = [path, tmp_path / "sheet.csv"]
    _, adata, _ = read_dataset(row, files, frozenset(), Budget(1e9))
    assert adata.shape == (7, len(GENES))


def test_a_column_of_numbers_without_a_name_is_told(tmp_path):
    rows = lines()
    rows[0] = rows[0].replace("S2", "")
    found = look(written(tmp_path / "a.tsv", rows))
    assert isinstance(found, Candidate)
    assert found.facts["other_columns"] == ["column 3, which has no name"]


@pytest.mark.slow
def test_bare_carriage_returns_below_a_long_header(tmp_path):
    genes = [f"ENSG{number:011d}" for number in range(20_000)]
    rows = [["sample", *genes], *([name, *["7"] * len(genes)] for name in SAMPLES)]
    (tmp_path / "a.csv").write_bytes("\r".join(",".join(row) for row in rows).encode())
    found = look(tmp_path / "a.csv")
    assert isinstance(found, Candidate), found.reason
    assert found.size == (8, len(genes))


def test_a_sample_twice_is_refused_at_reading(tmp_path):
    rows = [f"{row}\t{row.split(chr(9))[1]}" for row in lines()]
    refused(written(tmp_path / "a.tsv", rows), "sample S1 2 times", "as two samples")


@pytest.mark.slow
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
    """Going back over each word for each of its repeats would take longer than the universe."""

    def too_much(number: int, frame: object) -> None:
        raise AssertionError("20 seconds of the processor's time, not of a clock's")

    before = signal.signal(signal.SIGVTALRM, too_much)
    signal.setitimer(signal.ITIMER_VIRTUAL, 20)
    try:
        names = ["S1_" + "count" * 80 + "!", "reads" * 90 + "?", "S1" + ".bam" * 200 + "~"]
        match(names, SampleNames.of_sheet(["S1", "S2"]))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_a_table_of_many_columns_takes_linear_time():
    """A look through all columns of numbers for each column took minutes at 100,000 cells."""

    class Counted(list):
        looks = 0

        def __contains__(self, item: object) -> bool:
            self.looks += 1
            return super().__contains__(item)

    header = ("gene", *(f"c{number}" for number in range(2000)))
    layout = Layout("\t", ".", "utf-8", 1, header, (("x", *["7"] * 2000),))
    layout.__dict__["numeric"] = numeric = Counted(layout.numeric)
    table_layout.plans(layout, NAMES)
    transcript_tables._columns(layout)
    assert numeric.looks < 100


def test_yes_or_no_of_each_gene_is_no_count():
    found = kind_of_values(sparse.csr_array((COUNTS.T > 100).astype(np.int32)))
    assert found.type == "unknown"
    assert "only 0 and 1" in found.evidence


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
        (RuntimeError("I/O error: No space left on device (os error 28)"), "no space left"),
        (RuntimeError("file write failed: errno = 28"), "no space left"),
        (OSError("200000 requested and 51184 written"), "no space left"),
        (RuntimeError("[inline_container.cc:672] . unexpected pos 576 vs 534"), "no space left"),
    ],
)
def test_faults_of_the_machine_are_told_as_such(error, told):
    refusal = of_this_machine(error)
    assert refusal is not None
    assert told in refusal.found
    assert of_this_machine(ValueError("no space left")) is None
    try:
        try:
            raise error
        except type(error):
            raise KeyError("what a library makes of it")  # noqa: B904 - as libraries do
    except KeyError as wrapped:
        refusal = of_this_machine(wrapped)
    assert (refusal is not None) == isinstance(error, OSError | MemoryError)


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


@pytest.mark.slow
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
