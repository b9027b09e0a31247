"""Records as GEO writes them, old and new, whole and damaged."""

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epigpt.errors import InputError
from epigpt.geo import record_lines, records, soft, soft_attributes, soft_tables
from epigpt.geo.record import characteristics_table, clean, split_characteristic
from geo_series import Made, Sample
from made_records import write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tissue: Brain: Cortex", ("tissue", "Brain: Cortex")),
        ("Strain:C57BL/6", ("Strain", "C57BL/6")),
        ("whole brain", ("characteristics", "whole brain")),
        (": nothing", ("characteristics", ": nothing")),
        ("http://example.org/x", ("characteristics", "http://example.org/x")),
        ("12:30", ("characteristics", "12:30")),
        ("time: 12:30", ("time", "12:30")),
        ("age:", ("age", "")),
    ],
)
def test_a_characteristic_is_split_at_its_first_colon(text, expected):
    assert split_characteristic(text) == expected


def test_characteristics_are_read_by_key_never_by_place():
    table, notes = characteristics_table(
        ["GSM1", "GSM2", "GSM3"],
        [
            ["sex: F", "Age: 3"],
            ["age: 4", "sex: M", "seisure frequency: 2"],
            ["Age: 5", "sex: M", "sex: F"],
        ],
    )
    assert table.to_dict("list") == {
        "Age": ["3", "4", "5"],
        "sex": ["F", "M", "F; M"],
        "seisure frequency": ["", "2", ""],
    }
    assert [note.partition("'")[0] for note in notes] == [
        "The characteristic ",
        "Some samples give a characteristic more than once (",
    ]


@settings(max_examples=50, deadline=None)
@given(
    orders=st.lists(st.permutations(["a: 1", "b: x: y", "c:z", "plain"]), min_size=3, max_size=3)
)
def test_the_order_within_samples_decides_nothing(orders):
    table, _ = characteristics_table(["GSM1", "GSM2", "GSM3"], orders)
    assert table.columns.tolist() == ["a", "b", "c", "characteristics"]
    assert table.drop_duplicates().to_dict("list") == {
        "a": ["1"],
        "b": ["x: y"],
        "c": ["z"],
        "characteristics": ["plain"],
    }


def test_old_records_in_lower_case_with_crlf_and_other_code_pages(tmp_path):
    old = (
        "^series = GSE1\r\n!series_title = Caf\xe9\r\n^sample = GSM1\r\n!sample_title ="
        " one\r\n!sample_characteristics_ch1 = sex: F\r\n"
    )
    series = soft.read_soft(write(tmp_path, old.encode("cp1252")))
    assert (
        series.title,
        series.samples.index.tolist(),
        series.characteristics["sex"].tolist(),
    ) == ("Café", ["GSM1"], ["F"])
    assert series.notes == ["1 lines of the record are not UTF-8 and were read as Windows-1252."]


def test_two_colour_arrays_keep_both_channels(tmp_path):
    sample = Sample(
        "GSM1",
        lines={
            "characteristics_ch2": "sex: M",
            "organism_ch2": "Homo sapiens",
            "source_name_ch1": "a",
            "source_name_ch2": "b",
        },
    )
    series = soft.read_soft(
        write(tmp_path, Made("GSE1", [replace(sample, characteristics=("sex: F",))]).soft())
    )
    assert series.characteristics.to_dict("list") == {"sex": ["F"], "sex (ch2)": ["M"]}
    assert series.samples.loc["GSM1", ["organism", "source_name"]].tolist() == [
        "Mus musculus; Homo sapiens",
        "a; b",
    ]


GOOD = Made(
    "GSE1",
    [
        Sample(f"GSM{n}", f"s{n}", ("sex: F", f"age: {n}"), values={"p1": n, "p2": 2.0})
        for n in (1, 2, 3)
    ],
).soft()


DAMAGED = [
    ("", "an empty file"),
    ("<html><body>Not here</body></html>", "a web page instead of a record"),
    ("!Sample_title = x\n", "without a ^SERIES line"),
    (GOOD.replace("GSE1", "GSE2"), "the record of GSE2"),
    (GOOD[: GOOD.index("^SAMPLE = GSM3")], "ends early"),
    (GOOD[: GOOD.rindex("!sample_table_end")], "ends inside a table"),
    (GOOD[: GOOD.index("^SAMPLE = GSM1")], "describes no sample"),
]


@pytest.mark.parametrize(("content", "told"), DAMAGED, ids=[told for _, told in DAMAGED])
@pytest.mark.parametrize("name", ["GSE1_family.soft", "GSE1_family.soft.gz"])
def test_damaged_records_are_refused(tmp_path, content, told, name):
    path = write(tmp_path, content, name)
    if not content or content.startswith("<"):
        path.write_bytes(
            content.encode() if content else b""
        )  # as servers send it, whatever the name
    with pytest.raises(InputError) as refusal:
        soft.read_soft(path, "GSE1")
    assert told in str(refusal.value)
    assert str(path) in refusal.value.where


@pytest.mark.parametrize("cut", [20, 200, -9, -4])
def test_a_record_whose_gzip_is_cut_is_refused(tmp_path, cut):
    path = write(tmp_path, GOOD)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="cut short or damaged"):
        soft.read_soft(path)


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
def test_the_border_of_a_block_may_lie_anywhere(tmp_path, monkeypatch, size):
    monkeypatch.setattr("epigpt.geo.record_lines._BLOCK", size)
    series = soft.read_soft(write(tmp_path, GOOD))
    assert series.characteristics["age"].tolist() == ["1", "2", "3"]
    assert [
        (name, table["VALUE"].tolist())
        for name, table in soft_tables.read_tables(write(tmp_path, GOOD))
    ] == [(f"GSM{n}", [str(n), "2.0"]) for n in (1, 2, 3)]


def test_a_super_series_lists_what_its_parts_do_not(tmp_path):
    parts = [
        Made("GSE2", [Sample("GSM1", "a"), Sample("GSM2", "b")]),
        Made("GSE3", [Sample("GSM2", "b"), Sample("GSM3", "c")]),
    ]
    top = Made(
        "GSE1",
        [Sample("GSM3", "again"), Sample("GSM4", "d")],
        lines=["relation = SuperSeries of: GSE2", "relation = SuperSeries of: GSE3"],
    )
    read = [
        records.read_record(write(tmp_path, made.soft(), f"{made.accession}_family.soft.gz"))
        for made in (top, *parts)
    ]
    assert read[0].subseries == ["GSE2", "GSE3"]
    whole = records.join(read[0], read[1:])
    assert whole.samples["title"].to_dict() == {"GSM1": "a", "GSM2": "b", "GSM3": "c", "GSM4": "d"}
    empty = [
        replace(one, samples=one.samples.iloc[:0], characteristics=one.characteristics.iloc[:0])
        for one in read
    ]
    with pytest.raises(InputError, match="GSE1 and its parts describe no sample"):
        records.join(empty[0], empty[1:])


def geoparse(path: Path) -> dict[str, dict[str, list[str]]]:
    """Give the metadata of each sample as GEOparse reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import GEOparse

        GEOparse.logger.set_verbosity("ERROR")
        return {
            name: gsm.metadata
            for name, gsm in GEOparse.get_GEO(filepath=str(path), silent=True).gsms.items()
        }


@pytest.mark.slow
def test_geoparse_reads_the_same_samples_and_characteristics(shared):
    compared = 0
    for path in sorted((shared / "geo-mirror").rglob("*_family.soft.gz")):
        theirs = geoparse(path)
        if not theirs:  # old SOFT in lower case, and a record without samples
            continue
        ours = soft.read_soft(path)
        assert ours.samples.index.tolist() == list(theirs), path.name
        for name, metadata in theirs.items():
            lines = {
                key: values for key, values in metadata.items() if key.startswith("characteristics")
            }
            texts = soft_attributes.characteristic_texts(
                {"characteristics_ch1": lines.get("characteristics_ch1", []), **lines}
            )
            expected: dict[str, set[str]] = {}
            for text in texts:
                # GEOparse drops characters that are not UTF-8; what is left is compared.
                key, value = split_characteristic(clean(text))
                expected.setdefault(key.casefold(), set()).add(value)
            found = {
                key.casefold(): value
                for key, value in ours.characteristics.loc[name].items()
                if value
            }
            assert {
                key: "; ".join(sorted(values - {""}))
                for key, values in expected.items()
                if values - {""}
            } == found, (path.name, name)
            assert ours.samples.loc[name, "title"] == clean(metadata["title"][0])
            compared += 1
    assert compared > 400


@pytest.mark.parametrize(
    ("bound", "text", "told"),
    [
        (
            (record_lines, "_LONGEST_LINE"),
            "^SERIES = GSE1\n!Series_title = " + "a" * 3000,
            "a line",
        ),
        (
            (record_lines, "_LONGEST_LINE"),
            "^SERIES = GSE1\n!x_table_begin\n" + "a" * 3000,
            "a line",
        ),
        ((record_lines, "_MOST_TEXT"), "^SERIES = GSE1\n" + "!Series_title = a\n" * 300, "text"),
        ((soft, "_MOST_SAMPLES"), "^SERIES = GSE1\n" + "^SAMPLE = GSM1\n" * 3000, "samples"),
    ],
)
def test_a_record_that_never_ends(tmp_path, monkeypatch, bound, text, told):
    """A few packed bytes may unpack to any length."""
    monkeypatch.setattr(*bound, 2000)
    monkeypatch.setattr(record_lines, "_BLOCK", 100)
    with pytest.raises(InputError, match=f"{told}|more than 2,000") as caught:
        soft.read_soft(write(tmp_path, text, "GSE1_family.soft.gz"))
    assert "more than" in caught.value.found
