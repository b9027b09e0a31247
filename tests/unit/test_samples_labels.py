"""The row applied to the record: which samples, which class, which donor; what is ambiguous and
what is a slip of the pen."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epigpt.config import dataset_row, dataset_table
from epigpt.config.dataset_row import Row
from epigpt.errors import InputError
from epigpt.samples import association
from epigpt.samples.donors import suggested_group
from epigpt.samples.label_candidates import candidates
from epigpt.samples.label_sources import is_missing, one_spelling, output_names
from epigpt.samples.labels import resolve

SAMPLES = [f"GSM{number}" for number in range(12)]


def table(**columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {name.replace("_", " "): values for name, values in columns.items()},
        index=SAMPLES,
        dtype=object,
    )


TREATMENT = ["saline"] * 6 + ["drug"] * 6
DONORS = [f"d{number // 2}" for number in range(12)]
RECORD = table(
    treatment=TREATMENT,
    Sex=["F", "F", "M", "M"] * 3,
    donor=DONORS,
    dose=[str(number) for number in range(12)],
    region=["CA1", "CA3", "DG"] * 4,
    sample=["x"] * 12,
)
TEXTS = pd.DataFrame(
    {
        "title": [f"{one}_{number}" for number, one in enumerate(TREATMENT)],
        "source_name": "brain",
        "description": "",
        "series": "GSE1 GSE2",
    },
    index=SAMPLES,
    dtype=object,
)


def row(**cells: str) -> Row:
    return replace(Row("mine", "GSE1"), **{"label": "treatment", **cells})


def labelled(characteristics: pd.DataFrame = RECORD, **cells: str):
    return resolve(row(**cells), characteristics, None, TEXTS)


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
    ({"label": "title~(["}, "it is no regular expression"),
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


def test_auto_takes_the_only_characteristic_that_splits():
    only = RECORD[["treatment", "donor", "dose", "region"]]
    assert labelled(only, label="auto").column == "treatment"
    assert labelled(only, label="auto", group="donor").samples["group"].nunique() == 6


CROSSED = table(
    diet=["KD", "SD"] * 6,
    genotype=(["KO"] * 2 + ["WT"] * 2) * 3,
    Sex=["F"] * 6 + ["M"] * 6,
    batch=["1", "2"] * 6,
)


@pytest.mark.parametrize(
    ("record", "column", "others"),
    [
        (RECORD[["treatment", "Sex", "donor"]], "treatment", {"Sex"}),
        (RECORD[["region", "donor"]], "region", set()),
        (CROSSED, "diet", {"genotype", "Sex"}),
        (CROSSED.assign(diet="KD"), "genotype", {"Sex"}),
        (CROSSED[["Sex", "batch"]], "Sex", {"batch"}),
        (
            CROSSED.assign(disease=["a"] * 4 + ["b"] * 4 + ["c"] * 4)[["disease", "Sex"]],
            "disease",
            {"Sex"},
        ),
    ],
)
def test_auto_decides_and_shows_rows_that_work_when_pasted(record, column, others, tmp_path):
    texts = TEXTS.assign(title=[f"mouse {n}" for n in range(12)])
    first = row(label="auto", group="auto", include="sample!=GSM0")
    found = resolve(first, record, None, texts)
    assert found.column == column
    listed = found.reading()["label"]
    assert {other["means"].partition(":")[0] for other in listed["others"]} >= others
    for other in listed["others"]:
        (tmp_path / "pasted.tsv").write_text(f"{listed['header']}\n{other['row']}\n")
        (pasted,) = dataset_table.read(tmp_path / "pasted.tsv")
        again = resolve(pasted, record, None, texts)
        assert again.samples["label"].nunique() >= 2
        assert again.group == found.group
        assert not [one for one in again.warnings if one["about"] == "label"]
    if len(found.candidates) > 1:
        (warning,) = [one for one in found.warnings if one["about"] == "label"]
        assert column in warning["text"]
        assert warning["rows"] == [other["row"] for other in listed["others"]]


def test_one_condition_within_another_is_offered(tmp_path):
    found = labelled(CROSSED, label="auto", group="auto")
    within = {
        other["means"]: other["row"] for other in found.others if " within " in other["means"]
    }
    assert [means.partition(":")[0] for means in within] == [
        "diet within genotype=KO",
        "diet within genotype=WT",
        "genotype within diet=KD",
        "genotype within diet=SD",
    ]
    row_text = within[next(iter(within))]
    (tmp_path / "pasted.tsv").write_text("\t".join(dataset_row.COLUMNS) + f"\n{row_text}\n")
    (pasted,) = dataset_table.read(tmp_path / "pasted.tsv")
    again = resolve(pasted, CROSSED, None, TEXTS)
    assert again.samples["genotype"].unique().tolist() == ["KO"]
    assert again.samples["label"].value_counts().to_dict() == {"KD": 3, "SD": 3}


@pytest.mark.parametrize("nuisance", ["Sex", "age", "batch", "tissue", "RIN", "collection date"])
def test_no_nuisance_is_taken_while_there_is_a_condition(nuisance):
    split = ["x", "y"] * 6
    # Too few donors of a class to be assessed, and yet it is the question.
    record = table(**{"disease state": ["control"] * 10 + ["epilepsy"] * 2}).assign(
        **{nuisance: split}
    )
    found = labelled(record, label="auto", group="auto")
    assert found.column == "disease state"
    assert "cannot be assessed" in found.warnings[0]["text"]


@pytest.mark.parametrize(
    "record",
    [
        RECORD[["dose"]],
        RECORD[[]],
        CROSSED[["batch"]],
        # The question is there, though as a measurement: sex is none.
        RECORD[["Sex"]].assign(**{"seizure frequency": [str(n) for n in range(12)]}),
    ],
)
def test_without_a_candidate_every_sample_stays_and_has_no_label(record):
    texts = TEXTS.assign(title=[f"mouse {n}" for n in range(12)])
    found = resolve(row(label="auto", group="auto"), record, None, texts)
    assert (found.column, set(found.samples["label"]), len(found.samples)) == ("", {""}, 12)
    (warning,) = found.warnings
    assert "Write a characteristic" in warning["text"]


def test_small_classes_are_left_out_where_two_others_remain():
    record = table(treatment=["saline"] * 5 + ["drug"] * 5 + ["both"] * 2)
    found = labelled(record, label="auto", group="auto")
    assert found.samples["label"].value_counts().to_dict() == {"drug": 5, "saline": 5}
    assert found.left_out == [
        (name, "'both' has fewer than 3 donors (label = auto)") for name in ("GSM10", "GSM11")
    ]


def test_a_class_of_the_title_with_a_word_more_stays_apart():
    titles = [f"{name} {n}" for name in ("control", "PTZ", "PTZ + drug") for n in range(4)]
    texts = TEXTS.assign(title=titles)
    found = resolve(row(label="auto", group="auto"), RECORD[[]], None, texts)
    assert found.samples["label"].value_counts().to_dict() == {
        "control": 4,
        "PTZ": 4,
        "PTZ + drug": 4,
    }
    crossed = [
        f"{one} {other} {n}" for one in ("KO", "WT") for other in ("KD", "SD") for n in "123"
    ]
    found = resolve(row(label="auto", group="auto"), RECORD[[]], None, texts.assign(title=crossed))
    assert found.column == "title~(KO|WT)"
    assert "title~(KD|SD)" in {other["means"].partition(":")[0] for other in found.others}


@pytest.mark.parametrize("name", ["individual", "patient", "animal", "ID", "Donor", "mouse number"])
def test_a_characteristic_that_repeats_and_names_donors_is_the_group(name):
    record = RECORD[["treatment"]].assign(**{name: DONORS})
    found = labelled(record, group="auto")
    assert found.group == name
    assert any(one["about"] == "group" and name in one["text"] for one in found.warnings)
    found = labelled(record, group="sample")
    (warning,) = [one for one in found.warnings if one["about"] == "group"]
    assert warning["rows"]


@pytest.mark.parametrize(
    "values",
    [
        [f"m{n}" for n in range(12)],  # its own for every sample
        ["m1", "m2", "m3"] * 4,  # counted anew in every genotype
        ["", *DONORS[1:]],
        ["mouse"] * 12,
    ],
)
def test_what_names_no_donor_is_no_group(values):
    record = table(treatment=TREATMENT, genotype=["KO"] * 6 + ["WT"] * 6, animal=values)
    found = labelled(record, group="auto")
    assert found.group == "sample"
    assert found.samples["group"].nunique() == 12


def test_titles_that_count_on_behind_a_donor_are_replicates():
    titles = [f"duke{n // 2:02d}.{n % 2 + 1}" for n in range(12)]
    texts = TEXTS.assign(title=titles)
    found = resolve(row(group="auto"), RECORD[["treatment"]], None, texts)
    (warning,) = [one for one in found.warnings if one["about"] == "group"]
    assert "12 samples look like replicates of 6 donors" in warning["text"]
    cells = dict(zip(dataset_row.COLUMNS, warning["rows"][0].split("\t"), strict=True))
    again = resolve(row(group=cells["group"]), RECORD[["treatment"]], None, texts)
    assert again.samples["group"].nunique() == 6
    # Animals of a class that are counted are no replicates of each other.
    for title in ("{0}_{1}", "mouse {1}", "{0} rep{1}"):
        counted = [title.format(one, n) for n, one in enumerate(TREATMENT)]
        found = resolve(row(group="auto"), RECORD[["treatment"]], None, TEXTS.assign(title=counted))
        assert not [one for one in found.warnings if one["about"] == "group"]


def test_auto_heeds_case_and_control():
    assert labelled(label="auto", case="F", control="M").column == "Sex"
    assert labelled(label="auto", control="saline").column == "treatment"
    with pytest.raises(InputError, match="no characteristic has the values 'F' and 'saline'"):
        labelled(label="auto", case="F", control="saline")


def test_conditions_rank_before_sexes_and_the_control_is_known():
    found = candidates(RECORD, pd.Series(DONORS, index=SAMPLES), besides=["donor"])
    assert [one.label for one in found] == ["treatment", "region", "Sex"]
    assert (found[0].control, found[0].splits, found[0].groups) == (
        "saline",
        True,
        {"drug": 3, "saline": 3},
    )
    assert suggested_group(RECORD) == "donor"
    assert suggested_group(RECORD.drop(columns="donor")) == "sample"


def test_texts_give_candidates_where_characteristics_do_not():
    found = candidates(RECORD[[]], pd.Series(SAMPLES, index=SAMPLES), TEXTS)
    assert [(one.label, one.is_text) for one in found] == [("title~(saline|drug)", True)]


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
