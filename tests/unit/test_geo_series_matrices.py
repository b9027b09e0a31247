"""Series matrices say what the SOFT file says, and are refused where they are damaged."""

import pandas as pd
import pytest

from epigpt.errors import InputError
from epigpt.geo import records, series_matrix
from geo_series import Made, Sample
from made_records import write


def test_series_matrices_say_the_same_as_the_soft_file(tmp_path):
    samples = [
        Sample(
            f"GSM{n}",
            f"s {n}",
            ("sex: F", f"age: {n}")[:: 1 if n % 2 else -1],
            platform=f"GPL{n % 2}",
            values={"p1": n},
        )
        for n in range(1, 7)
    ]
    made = Made("GSE1", samples, summary="Long.")
    matrices = [write(tmp_path, text, name) for name, text in made.matrices().items()]
    assert [path.name for path in matrices] == [
        "GSE1-GPL0_series_matrix.txt.gz",
        "GSE1-GPL1_series_matrix.txt.gz",
    ]
    one, other = records.read_record(write(tmp_path, made.soft())), records.read_record(matrices)
    pd.testing.assert_frame_equal(one.characteristics, other.characteristics.loc[one.samples.index])
    columns = ["title", "organism", "platform", "library_strategy"]
    pd.testing.assert_frame_equal(
        one.samples[columns], other.samples.loc[one.samples.index, columns]
    )
    assert (one.title, one.types) == (other.title, other.types)
    assert series_matrix.read_values(matrices[1]).loc["p1"].tolist() == ["1", "3", "5"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda text: text.replace('\t"GSM2"', "\t", 1).replace(
                '!Sample_geo_accession\t"GSM1"\t', '!Sample_geo_accession\t"GSM1"'
            ),
            "cells",
        ),
        (lambda text: text.replace("GSM2", "GSM1"), "names a sample twice"),
        (
            lambda text: text[: text.index("!Sample_geo_accession")],
            "without a !Sample_geo_accession",
        ),
        (lambda text: text.replace("!series_matrix_table_end", ""), "ends inside a table"),
    ],
)
def test_damaged_series_matrices_are_refused(tmp_path, change, told):
    (text,) = (
        Made("GSE1", [Sample(f"GSM{n}", f"s{n}", ("sex: F",)) for n in (1, 2, 3)])
        .matrices()
        .values()
    )
    with pytest.raises(InputError, match=told):
        records.read_record(write(tmp_path, change(text), "GSE1_series_matrix.txt.gz"))


def test_matrices_of_two_series_are_refused(tmp_path):
    paths = []
    for name in ("GSE1", "GSE2"):
        (text,) = Made(name, [Sample(f"GSM{name[3:]}")]).matrices().values()
        paths.append(write(tmp_path, text, f"{name}_series_matrix.txt.gz"))
    with pytest.raises(InputError, match="matrices of GSE1 and GSE2"):
        records.read_record(paths)
