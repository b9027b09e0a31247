"""What `label: auto` and `group: auto` take, and what they offer."""

import pandas as pd
import pytest

from epigpt.config import dataset_row, dataset_table
from epigpt.errors import InputError
from epigpt.samples.donors import suggested_group
from epigpt.samples.label_candidates import candidates
from epigpt.samples.labels import resolve
from labelled_record import DONORS, RECORD, SAMPLES, TEXTS, TREATMENT, labelled, row, table


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


@pytest.mark.parametrize(
    ("title", "column"),
    [
        ("donor{donor}_{treatment}", r"title~^(.*?donor\d+)"),
        ("Patient #{donor}, {treatment}", r"title~^(.*?Patient \#\d+)"),
        ("{sex} mouse {donor} {treatment}", r"title~^(.*?mouse \d+)"),
    ],
)
def test_titles_that_begin_with_a_donor_name_the_groups(title, column):
    record = RECORD[["treatment"]]
    titles = [
        title.format(donor=n % 6, treatment=one, sex="male" if n % 2 else "female")
        for n, one in enumerate(TREATMENT)
    ]
    found = resolve(row(group="auto"), record, None, TEXTS.assign(title=titles))
    assert found.group == column
    assert found.samples["group"].nunique() == 6
    assert "titles name donors, and 12 samples share 6 of them" in found.group_rule


@pytest.mark.parametrize("title", ["{0} mouse {1}", "{0} mouse P60 rep{1}", "{0} rat 8 weeks {1}"])
def test_a_number_that_every_class_may_count_anew_names_no_donor(title):
    titles = [title.format(one, n % 6) for n, one in enumerate(TREATMENT)]
    found = resolve(row(group="auto"), RECORD[["treatment"]], None, TEXTS.assign(title=titles))
    assert found.group == "sample"
    assert not [one for one in found.warnings if one["about"] == "group"]


def test_a_donor_behind_the_class_or_a_cell_line_is_asked_about():
    titles = [f"{one} donor {n % 6}" for n, one in enumerate(TREATMENT)]
    lines = RECORD[["treatment"]].assign(clone=[f"c{n // 2}" for n in range(12)])
    for record, texts, donors in (
        (RECORD[["treatment"]], TEXTS.assign(title=titles), "(donor \\d+)"),
        (lines, TEXTS, "clone"),
    ):
        found = resolve(row(group="auto"), record, None, texts)
        (warning,) = [one for one in found.warnings if one["about"] == "group"]
        assert "yet every sample counts as its own" in warning["text"]
        cells = dict(zip(dataset_row.COLUMNS, warning["rows"][0].split("\t"), strict=True))
        assert donors in cells["group"]
        again = resolve(row(group=cells["group"]), record, None, texts)
        assert again.samples["group"].nunique() == 6
    # Where the lines are what is compared, they are no donors.
    compared = lines.drop(columns="treatment").assign(line=["A", "B", "C"] * 4)[["line"]]
    found = resolve(row(label="line", group="auto"), compared, None, TEXTS)
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
