"""How numbers are written in a table: marks between thousands, decimal marks, lines between them."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from epigpt.errors import InputError
from epigpt.matrices import delimited
from epigpt.matrices.streams import Budget, Member
from geo_series import GENES as MOUSE_GENES
from geo_series import table
from mouse_series import TITLES, assert_right
from mouse_series import read as read_series

SAMPLES = [f"s{number}" for number in range(8)]
GENES = [f"Gene{number}" for number in range(60)]
COUNTS = np.random.default_rng(7).negative_binomial(1, 0.0004, size=(60, 8))
COUNTS[0] = [0, 7, 999, 1_000, 12_345, 1_234_567, 100, 1_001]


def written(mark: str, delimiter: str, quoted: bool, wrap: Callable[[str], str] = str) -> str:
    """Counts with `mark` between thousands."""
    frame = pd.DataFrame(COUNTS, index=GENES, columns=SAMPLES)
    cells = frame.map(lambda count: f"{count:,}".replace(",", mark))
    stream = io.StringIO()
    cells.to_csv(stream, sep=delimiter, quoting=1 if quoted else 0)
    return wrap(stream.getvalue())


@pytest.fixture
def read(tmp_path) -> Callable[[str], delimited.Read]:
    """Read a table of eight columns of counts."""

    def read_text(text: str) -> delimited.Read:
        path = tmp_path / "counts.txt"
        path.write_bytes(text.encode())
        return delimited.read_columns(Member.of_file(path), Budget(1e9), 0, range(1, 9))

    return read_text


@pytest.mark.parametrize("mark", [",", "."])
@pytest.mark.parametrize(("delimiter", "quoted"), [("\t", False), ("\t", True), (";", False)])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_thousands_that_are_set_apart_are_whole_numbers(read, mark, delimiter, quoted, ends):
    found = read(written(mark, delimiter, quoted, lambda text: text.replace("\n", ends)))
    np.testing.assert_array_equal(found.matrix.toarray(), COUNTS.T)
    assert found.notes == [f"'{mark}' between groups of three digits left out."]


def test_commas_in_quotation_marks_are_not_those_between_cells(read):
    found = read(written(",", ",", quoted=False))
    np.testing.assert_array_equal(found.matrix.toarray(), COUNTS.T)


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_three_decimals_are_decimals(read, delimiter):
    fractions = np.round(COUNTS / 1000 + 1.001, 3)
    text = pd.DataFrame(fractions, index=GENES, columns=SAMPLES).to_csv(sep=delimiter)
    np.testing.assert_allclose(read(text).matrix.toarray(), fractions.T)


def test_whole_numbers_between_commas_stay_apart(read):
    text = pd.DataFrame(COUNTS % 900 + 100, index=GENES, columns=SAMPLES).to_csv()
    np.testing.assert_array_equal(read(text).matrix.toarray(), (COUNTS % 900 + 100).T)


def test_a_fraction_beside_thousands_is_refused(read):
    lines = written(".", "\t", quoted=False).splitlines()
    # Far below what tells the layout.
    many = [lines[0], *(f"x{number}{line}" for number in range(40) for line in lines[1:])]
    many[-1] = "last\t" + "\t".join(["0.5"] * 8)
    with pytest.raises(InputError, match="not a number") as refused:
        read("\n".join(many) + "\n")
    assert "0.5" in str(refused.value)


def test_empty_lines_hide_nothing(read):
    lines = pd.DataFrame(COUNTS, index=GENES, columns=SAMPLES).to_csv(sep="\t").splitlines()
    for text in ("\n\n".join(lines) + "\n\n\n", "\r\n\r\n".join(lines), "\n" + "\n".join(lines)):
        np.testing.assert_array_equal(read(text).matrix.toarray(), COUNTS.T)


FEW = np.random.default_rng(2).negative_binomial(1, 0.3, size=(len(MOUSE_GENES), 8))


def as_table(counts: np.ndarray, empty: str) -> str:
    return table(TITLES, np.where(counts == 0, empty, counts.astype(str)))


@pytest.mark.parametrize("empty", ["", "-", "NA", "n.d."])
def test_cells_without_a_number_are_0_where_no_0_is_written(tmp_path, empty):
    adata, reading = read_series(tmp_path, {"GSE1_counts.txt": as_table(FEW, empty)})
    assert_right(adata, FEW)
    (note,) = [note for note in reading["notes"] if "are read as 0" in note]
    assert note.startswith(f"{(FEW == 0).sum()} of {FEW.size} cells hold no number")


def test_a_sample_that_lacks_most_genes_is_filled_in_or_left_out(tmp_path):
    lacking = FEW.copy()
    lacking[:30, 3] = 0
    cells = lacking.astype(str)
    cells[:30, 3] = "NA"
    text = table(TITLES, cells)
    with pytest.raises(InputError, match="missing values in 30 of 40 genes") as refusal:
        read_series(tmp_path / "refused", {"GSE1_counts.txt": text})
    # Both ways that the refusal names settle it.
    assert "write 0 into it" in refusal.value.remedy
    filled = {"GSE1_counts.txt": text.replace("NA", "0")}
    assert_right(read_series(tmp_path / "filled", filled)[0], lacking)
    assert "by the cell `include`" in refusal.value.remedy
    adata, _ = read_series(tmp_path / "without", {"GSE1_counts.txt": text}, include="sample!=GSM4")
    np.testing.assert_array_equal(
        adata[:, MOUSE_GENES].X.toarray(), np.delete(lacking, 3, axis=1).T
    )


@pytest.mark.parametrize("word", ["NA", "-", "n.d."])
def test_genes_without_a_value_in_the_first_rows_are_no_header(tmp_path, word):
    text = as_table(FEW, "0").split("\n")
    for at in (1, 2):
        text[at] = "\t".join([text[at].split("\t")[0], *[word] * 8])
    adata, reading = read_series(tmp_path, {"GSE1_counts.txt": "\n".join(text)})
    assert sorted(adata.var_names) == sorted(MOUSE_GENES[2:])
    assert any("2 genes were left out because some sample" in note for note in reading["notes"])


def test_missing_values_beside_written_zeros_are_not_0(tmp_path):
    text = as_table(np.where(FEW == 0, 1, FEW), "NA")
    lines = text.split("\n")
    cells = lines[5].split("\t")
    lines[5] = "\t".join([cells[0], "0", "NA", *cells[3:]])
    adata, reading = read_series(tmp_path, {"GSE1_counts.txt": "\n".join(lines)})
    assert cells[0] not in adata.var_names
    assert any("some sample has no value for them" in note for note in reading["notes"])


def test_texts_under_the_names_of_samples_are_named(tmp_path):
    text = as_table(FEW, "0").replace("\t", "\t'").replace("\t'WT", "\tWT").replace("\t'KO", "\tKO")
    with pytest.raises(
        InputError, match=r"8 columns are named like samples .* hold texts, such as"
    ):
        read_series(tmp_path, {"GSE1_counts.txt": text})
