"""Which sample a column means: one to one or not at all, whatever a submitter or R made of the
titles."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epigpt.matrices.r_names import make_names
from epigpt.matrices.sample_matching import SampleNames, closest, match
from matched_titles import record, titles_of


@pytest.mark.parametrize(
    "columns",
    [
        ["WT", "WT.1", "WT.2", "WT.3", "KO", "KO.1", "KO.2", "KO.3"],
        ["WT", "WT_2", "WT_3", "WT_4", "KO", "KO_2", "KO_3", "KO_4"],
        [f"{name}...{n + first}" for name, first in (("WT", 2), ("KO", 6)) for n in range(4)],
        ["wt", "wt_2", "wt_3", "wt_4", "ko", "ko_2", "ko_3", "ko_4"],
    ],
)
@pytest.mark.parametrize("genotype", [True, False])
def test_numbers_of_repeated_names_are_an_order_and_no_names(columns, genotype):
    titles = [f"{name} {n}" for name in ("WT", "KO") for n in (1, 2, 3, 4)]
    known = {"genotype": [title[:2] for title in titles]} if genotype else None
    assert titles_of(columns, titles, known) == dict(zip(columns, titles, strict=True))
    # One sample more, and nobody knows which the columns leave out.
    more = [*titles[:4], "WT 5", *titles[4:]]
    known = {"genotype": [title[:2] for title in more]} if genotype else None
    assert titles_of(columns, more, known) is None
    # Numbers that do not go up with the record say another order.
    assert titles_of(columns, titles[1::-1] + titles[2:]) is None


@pytest.mark.parametrize(
    ("titles", "columns"),
    [
        (["WT 1", "WT 2", "KO 1", "KO 2"], ["WT1", "WT2", "KO1", "KO2"]),
        (["WT_rep1", "WT_rep2", "KO_rep1", "KO_rep2"], ["WT_1", "WT_2", "KO_1", "KO_2"]),
        ([f"Mouse hippocampus sample {n}" for n in (1, 2, 3)], ["X1", "X2", "X3"]),
        ([f"Mouse hippocampus sample {n}" for n in (1, 2, 3)], ["S01", "S02", "S03"]),
        (
            ["Rat, KD diet, biological replicate 1", "Rat, SD diet, biological replicate 1"],
            ["KD_1", "SD_1"],
        ),
        (["hippocampus WT SD rep1", "hippocampus KO SD rep1"], ["SD.WT.1", "SD.KO.1"]),
        (["P60 WT 1", "P60 WT 2"], ["WT_1", "WT_2"]),
        (["Mouse 12 saline", "Mouse 13 saline", "Mouse 21 kainate"], ["12", "13", "21"]),
        (["Scn1a +/+ 1", "Scn1a +/- 1", "Scn1a -/- 1"], ["Scn1a++_1", "Scn1a+-_1", "Scn1a--_1"]),
        (["PTZ 10 \u03bcM 1", "PTZ 20 \u03bcM 1"], ["PTZ_10\u00b5M_1", "PTZ_20uM_1"]),
        (
            ["M\u00e4use saline 1", "M\u00e4use PTZ 1"],
            ["Ma\u0308use_saline_1", "Ma\u0308use_PTZ_1"],
        ),
        (["saline 1", "KA 1"], ["saline_1_S5", "KA_1_S1"]),
        (["KO 1", "WT 1"], ["/data/run5/KO1Aligned.out.bam", "/data/run5/WT1Aligned.out.bam"]),
    ],
)
def test_words_and_numbers_count_and_not_how_they_are_written(titles, columns):
    assert titles_of(columns, titles) == dict(zip(columns, titles, strict=True))
    shuffled = columns[1:] + columns[:1]
    assert titles_of(shuffled, titles) == dict(zip(columns, titles, strict=True))


@pytest.mark.parametrize(
    ("titles", "columns"),
    [
        # Abbreviations are a guess.
        (["wild type, standard diet, 1", "Kcna1-null, standard diet, 1"], ["SD.WT.1", "SD.KO.1"]),
        # Numbers could change places.
        (["mouse 1 slice 2", "mouse 2 slice 1"], ["slice_1_mouse_2", "slice_2_mouse_1"]),
        (["mouse 1 slice 2", "mouse 2 slice 1"], ["s2_m1", "s1_m2"]),
        # Two of three: a guess by words has to be complete.
        (["WT 1", "WT 2", "KO 1"], ["WT1", "WT2", "Mut1"]),
        # Numbers alone, and not all of them.
        (["sample 1", "sample 2", "sample 3"], ["X1", "X2"]),
        (["WT 1", "KO 1"], ["X1", "X2"]),
        # Numbers behind a word that the record does not have.
        (["mouse 1", "mouse 2", "mouse 3"], ["cortex1", "cortex2", "cortex3"]),
    ],
)
def test_what_would_be_a_guess_is_left_unmatched(titles, columns):
    assert titles_of(columns, titles) is None


@pytest.mark.parametrize("folder", ["/scratch/u/{}/", "run7/{}/star/", "C:\\runs\\{}\\"])
def test_paths_of_one_file_name_are_told_by_their_folders(folder):
    titles = ["WT1", "WT2", "KO1", "KO2"]
    paths = [f"{folder.format(title)}Aligned.sortedByCoord.out.bam" for title in titles]
    sheet = SampleNames.of_sheet(titles)
    assert [match(paths, sheet).samples[path] for path in paths] == titles
    mixed = [f"{folder.format('x')}{title}.bam" for title in titles]
    assert [match(mixed, sheet).samples[path] for path in mixed] == titles


def test_a_match_by_numbers_alone_is_said():
    titles = [f"Mouse hippocampus sample {n}" for n in (1, 2, 3)]
    assert "nothing but a number" in match(["X1", "X2", "X3"], record(titles)).caution
    assert not match(
        ["sample1", "sample2", "sample3"], record(["sample 1", "sample 2", "sample 3"])
    ).caution


def test_texts_that_contradict_each_other_say_nothing():
    titles = ["mouse 1", "mouse 2", "mouse 3"]
    agree, differ = ["library 1", "library 2", "library 3"], ["library 3", "library 1", "library 2"]
    assert titles_of(["X1", "X2", "X3"], titles, description=agree)
    assert titles_of(["X1", "X2", "X3"], titles, description=differ) is None


def test_a_few_left_over_are_allowed_and_many_are_not():
    titles = [f"{name}_{n}" for name in ("WT", "KO") for n in (1, 2, 3, 4)]
    assert len(titles_of([*titles[:7], "other"], titles)) == 7
    assert titles_of([*titles[:5], "some", "other", "names"], titles) is None
    # The accession leaves no doubt.
    ids = [f"GSM{100 + n}" for n in range(8)]
    assert len(titles_of([*ids[:5], "some", "other", "names"], titles)) == 5
    assert len(closest([*titles[:5], "some"], record(titles)).samples) == 5
    # Columns of a part of the samples are complete.
    assert len(titles_of(titles[:3], titles)) == 3


LETTERS = st.sampled_from(["WT", "KO", "PTZ", "+/+", "-/-", "SD"])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    titles=st.lists(st.tuples(LETTERS, LETTERS, st.integers(1, 12)), min_size=2, unique=True),
    write=st.sampled_from(
        [
            lambda parts: f"{parts[0]}_{parts[1]}{parts[2]}",
            lambda parts: make_names(f"{parts[0]} {parts[1]} {parts[2]}"),
            lambda parts: f"{parts[1]}.{parts[0]}.{parts[2]:02d}",
            lambda parts: re.sub(r"\W", "", "".join(map(str, parts))),
        ]
    ),
    order=st.randoms(use_true_random=False),
)
def test_a_match_is_right_or_absent(titles, write, order):
    written = [" ".join(map(str, parts)) for parts in titles]
    columns = [write(parts) for parts in titles]
    pairs = list(zip(columns, written, strict=True))
    order.shuffle(pairs)
    found = titles_of([column for column, _ in pairs], written)
    if found is not None and len(set(columns)) == len(columns):
        # Where two titles hold the same words in another order, either is what a column may say.
        assert all(
            sorted(found[column]) == sorted(title) for column, title in pairs if column in found
        )


def test_words_that_were_written_together_are_the_same_words():
    titles = ["PTZ 1", "PTZ 2", "PTZ+VPA 1", "PTZ+VPA 2"]
    assert titles_of(["PTZVPA2", "PTZ1", "PTZ2", "PTZVPA1"], titles) == {
        "PTZVPA2": "PTZ+VPA 2",
        "PTZ1": "PTZ 1",
        "PTZ2": "PTZ 2",
        "PTZVPA1": "PTZ+VPA 1",
    }
    assert titles_of(["NoDrug_1", "Drug_1"], ["drug 1", "no drug 1"]) == {
        "NoDrug_1": "no drug 1",
        "Drug_1": "drug 1",
    }
    # Letters that two samples share would name either.
    assert titles_of(["abc1", "xyz1"], ["ab c 1", "a bc 1"]) is None


@pytest.mark.parametrize(
    ("columns", "titles"),
    [
        (["Kcna1 -/- 1", "Kcna1 +/+ 2"], ["Kcna1 +/+ 1", "Kcna1 -/- 2"]),
        (["Cre-_1", "Cre-_2", "Cre+_3", "Cre+_4"], ["Cre+ 1", "Cre+ 2", "Cre- 3", "Cre- 4"]),
    ],
)
def test_a_number_does_not_outvote_the_sign(columns, titles):
    assert titles_of(columns, titles) is None


DAYS = [f"{group} d{day} rep{n}" for group in ("sham", "KA") for day in (3, 7) for n in (1, 2)]


@pytest.mark.parametrize(
    "write",
    [
        lambda group, day, n: f"D{day}_{group}_R{n}",
        lambda group, day, n: f"{n}.{group}.{day}d",
        lambda group, day, n: f"day{day}_{group}_{n}",
        lambda group, day, n: f"{day}.days.{group.lower()}.{n}",
    ],
)
def test_measures_stand_anywhere_and_units_are_spelt_as_one_likes(write):
    cut = [re.fullmatch(r"(\w+) d(\d) rep(\d)", title).groups() for title in DAYS]
    columns = {write(*parts): title for parts, title in zip(cut, DAYS, strict=True)}
    assert titles_of(list(columns)[::-1], DAYS) == columns


def test_which_number_is_the_measure_is_not_guessed():
    titles = [
        f"{group} d{day} rep{n}" for group in ("sham", "KA") for day in (1, 3) for n in (1, 3)
    ]
    for write in ("{0}_{1}d_{2}", "{0}_{2}_day{1}", "{0}_{1}_h_{2}"):
        columns = {
            write.format(*re.fullmatch(r"(\w+) d(\d) rep(\d)", title).groups()): title
            for title in titles
        }
        found = titles_of(list(columns), titles)
        assert found is None or found == columns
    # Which of two days comes first says what was done.
    assert titles_of(["d14_d7", "d21_d3"], ["d7 after d14", "d3 after d21"]) is None
