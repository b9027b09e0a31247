"""The row applied to the record: which samples, which class, which donor; what is ambiguous and
what is a slip of the pen."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epigpt.errors import InputError
from epigpt.samples import association
from epigpt.samples.label_sources import is_missing, one_spelling, output_names
from epigpt.samples.labels import resolve
from labelled_record import DONORS, RECORD, SAMPLES, TEXTS, TREATMENT, labelled, row, table


@pytest.mark.parametrize(
    ("case", "control", "classes"),
    [
        ("", "", {"drug": 6, "saline": 6}),
        ("drug", "saline", {"drug": 6, "saline": 6}),
        ("drug", "", {"drug": 6, "not drug": 6}),
        ("", "saline", {"not saline": 6, "saline": 6}),
    ],
)
def test_case_and_control_name_the_classes(case, control, classes):
    found = labelled(case=case, control=control)
    assert found.samples["label"].value_counts().to_dict() == classes
    assert list(found.samples.columns)[:3] == ["sample", "label", "group"]
    assert "characteristic_sample" in found.samples


def test_several_values_are_joined_and_others_left_out():
    found = labelled(label="region", case="CA1|CA3", control="DG")
    assert found.samples["label"].value_counts().to_dict() == {"CA1|CA3": 8, "DG": 4}
    found = labelled(label="region", case="CA1", control="DG")
    assert {reason for _, reason in found.left_out} == {"region is 'CA3', which is not compared"}
    piped = table(kind=["a|b"] * 6 + ["c"] * 6)
    assert labelled(piped, label="kind", case="a|b", control="c").samples[
        "label"
    ].value_counts().to_dict() == {"a|b": 6, "c": 6}


@pytest.mark.parametrize("name", ["sex", "SEX", "Sex", "characteristic_Sex"])
def test_names_are_found_though_capitals_differ(name):
    assert labelled(label=name).column == "Sex"


@pytest.mark.parametrize(
    ("label", "column", "first"),
    [
        ("title~^([a-z]+)_", "title~^([a-z]+)_", "saline"),
        ("Title ~ ^([a-z]+)_".replace(" ~ ", "~"), "title~^([a-z]+)_", "saline"),
    ],
)
def test_a_part_of_a_text_is_a_label(label, column, first):
    found = labelled(label=label)
    assert (found.column, found.samples["label"][0]) == (column, first)


def test_names_of_columns_are_a_source_where_a_matrix_was_read():
    columns = {
        sample: f"x.{'KO' if number % 2 else 'WT'}.{number}"
        for number, sample in enumerate(SAMPLES)
    }
    found = resolve(row(label="column~[.](KO|WT)[.]"), RECORD, SAMPLES, TEXTS, columns)
    assert found.samples["label"].tolist() == ["WT", "KO"] * 6
    with pytest.raises(InputError, match="label = 'column'"):
        resolve(row(label="column~[.](KO|WT)[.]"), RECORD, SAMPLES, TEXTS)


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        ({"include": "region=CA1"}, SAMPLES[::3]),
        ({"include": "region!=CA1|CA3"}, SAMPLES[2::3]),
        ({"include": "sample!=GSM0|GSM11"}, SAMPLES[1:11]),
        ({"include": "series=GSE2;Sex=F"}, [SAMPLES[place] for place in (0, 1, 4, 5, 8, 9)]),
        ({"include": "title~(drug)=drug;region=DG", "label": "Sex"}, ["GSM8", "GSM11"]),
    ],
)
def test_filters(cells, kept):
    assert labelled(**cells).samples["sample"].tolist() == kept


REFUSED = [
    ({"label": "tretment"}, "did you mean 'treatment'"),
    ({"label": "nothing of it"}, "no characteristic has this name; there are 'treatment'"),
    ({"label": "title~(["}, "it is not a regular expression"),
    ({"label": "title~drug"}, "the regular expression has no group"),
    ({"case": "drg"}, "did you mean 'drug'"),
    ({"control": "placebo"}, "'treatment' has no value 'placebo'; it has 'drug', 'saline'"),
    ({"group": "animal"}, "column 'group'"),
    ({"include": "region=CA2"}, "'region' has no value 'CA2'"),
    ({"include": "tissue=CA2"}, "column 'include'"),
    ({"include": "treatment=drug"}, "all 6 samples are 'drug', so there is nothing to compare"),
    ({"include": "region=DG;region!=DG"}, "no sample is left"),
    ({"label": "dose"}, "is a measurement: 12 different numbers from 0 to 11"),
    ({"label": "title"}, "nearly every sample is a class of its own"),
    ({"label": "sample"}, "all 12 samples are 'x'"),
]


@pytest.mark.parametrize(("cells", "told"), REFUSED, ids=[told[:30] for _, told in REFUSED])
def test_what_does_not_fit_the_record_is_refused(cells, told):
    texts = TEXTS.assign(title=[f"mouse {number}" for number in range(12)])
    many = pd.concat([RECORD, RECORD.set_axis([f"X{name}" for name in SAMPLES])])
    described = pd.concat(
        [
            texts,
            texts.set_axis([f"X{name}" for name in SAMPLES]).assign(
                title=[f"rat {n}" for n in range(12)]
            ),
        ]
    )
    wide = cells.get("label") == "title"
    with pytest.raises(InputError) as refusal:
        resolve(row(**cells), many if wide else RECORD, None, described if wide else texts)
    assert told in str(refusal.value)
    assert "data set 'mine'" in refusal.value.where


def test_a_measurement_is_cut_by_the_row_that_the_refusal_suggests():
    with pytest.raises(InputError) as refusal:
        labelled(label="dose")
    control, case = (
        part.partition("= ")[2] for part in refusal.value.remedy.split(", or")[0].split(" and ")
    )
    assert labelled(label="dose", case=case, control=control).samples["label"].nunique() == 2


def test_every_donor_must_be_known():
    unknown = RECORD.assign(donor=["", "NA", *DONORS[2:]])
    with pytest.raises(InputError, match="2 of 12 samples without 'donor': GSM0, GSM1") as refusal:
        labelled(unknown, group="donor")
    condition = refusal.value.remedy.partition("(")[2].partition(")")[0]
    assert labelled(unknown, group="donor", include=condition).samples["group"].nunique() == 5


def test_samples_without_a_value_are_left_out_with_the_reason():
    found = labelled(RECORD.assign(treatment=["NA", "", *TREATMENT[2:]]))
    assert found.left_out == [("GSM0", "no value of treatment"), ("GSM1", "no value of treatment")]
    assert not is_missing("none")
    assert (
        labelled(RECORD.assign(treatment=["NA"] * 6 + ["CC"] * 6), case="NA", control="CC")
        .samples["label"]
        .tolist()[0]
        == "NA"
    )


def test_one_value_is_spelled_in_one_way():
    unified, notes = one_spelling(
        table(
            sex=["Male", "male", "Female"] * 4,
            genotype=["AaBb", "AABB", "aabb"] * 4,
            age=["8\u201310 w", "8-10w", "9"] * 4,
        )
    )
    assert set(unified["sex"]) == {"Male", "Female"}
    assert unified["genotype"].nunique() == 3
    assert unified["age"].nunique() == 2
    assert len(notes) == 2


def test_confounding_tells_what_the_label_follows_from():
    samples = pd.DataFrame(
        {
            "sample": SAMPLES,
            "label": TREATMENT,
            "group": SAMPLES,
            "batch": ["1"] * 6 + ["2"] * 3 + ["3"] * 3,
            "sex": ["F", "M"] * 6,
        }
    )
    told = association.table(samples.assign(constant="x", id=SAMPLES))
    assert told["characteristic"].unique().tolist() == ["batch", "sex"]
    assert told.set_index("characteristic")["label_follows"].groupby(level=0).first().to_dict() == {
        "batch": True,
        "sex": False,
    }
    assert told.loc[told["characteristic"] == "sex", "cramers_v"].tolist() == [0.0, 0.0]
    assert told.loc[told["value"] == "1", "counts"].tolist() == ["drug 0, saline 6"]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    order=st.permutations(range(12)),
    columns=st.permutations(list(RECORD)),
    case=st.sampled_from(["", "drug"]),
)
def test_order_of_samples_and_characteristics_decides_nothing(order, columns, case):
    shuffled = RECORD.iloc[list(order)][list(columns)]
    found = resolve(
        row(case=case, group="donor", include="region!=DG"), shuffled, None, TEXTS.iloc[list(order)]
    )
    expected = labelled(case=case, group="donor", include="region!=DG")
    assert [one.label for one in found.candidates] == [one.label for one in expected.candidates]
    first, second = (
        one.samples.set_index("sample")[["label", "group", "treatment"]].sort_index()
        for one in (found, expected)
    )
    pd.testing.assert_frame_equal(first, second)


def test_names_of_characteristics_become_names_of_columns():
    names = [
        "genotype/variation",
        "genotype_variation",
        "Label",
        "group",
        "_index",
        "..",
        "a.b",
        "Sex",
    ]
    assert list(output_names(names).values()) == [
        "genotype_variation",
        "genotype_variation 2",
        "characteristic_Label",
        "characteristic_group",
        "characteristic__index",
        "unnamed",
        "a.b",
        "Sex",
    ]
    found = labelled(
        RECORD.rename(columns={"treatment": "genotype/variation"}), label="genotype_variation"
    )
    assert found.column == "genotype/variation"
    assert "genotype_variation" in found.samples
