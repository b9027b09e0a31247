"""How numbers are written in a table: marks between thousands, decimal marks, lines between them."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from epigpt.errors import InputError
from epigpt.matrices import delimited
from epigpt.matrices.streams import Budget, Member

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
