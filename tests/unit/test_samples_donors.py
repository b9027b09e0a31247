"""Donors of samples that are made several times of each: litters, biological and technical
replicates."""

import pandas as pd
import pytest

from epigpt.samples.labels import Labelled, resolve
from labelled_record import row

PLACES = range(12)
TWICE = [str(place // 2) for place in PLACES]
CLASSES = ["WT"] * 6 + ["KO"] * 6


def found(titles: list[str] | None = None, **characteristics: list[str]) -> Labelled:
    ids = [f"GSM{place}" for place in PLACES]
    named = {name.replace("_", " "): values for name, values in characteristics.items()}
    record = pd.DataFrame(named, index=ids, dtype=object)
    texts = titles or [f"s{place}" for place in PLACES]
    described = pd.DataFrame({"title": texts, "series": "GSE1"}, index=ids, dtype=object)
    return resolve(row(label="auto", group="auto"), record, None, described)


@pytest.mark.parametrize("name", ["litter", "dam", "clutch id", "brood"])
@pytest.mark.parametrize("other", ["sex", "genotype"])
def test_a_litter_may_have_both_sexes_and_several_genotypes(name, other):
    diet = ["ketogenic"] * 6 + ["standard"] * 6
    of_litters = found(diet=diet, **{name: TWICE, other: ["a", "b"] * 6})
    assert of_litters.group == name


def test_biological_replicates_are_donors_where_several_samples_are_made_of_each():
    technical = ["1", "2"] * 6
    assert (
        found(genotype=CLASSES, biological_replicate=TWICE, technical_replicate=technical).group
        == "biological replicate"
    )
    again = [str(place % 6) for place in PLACES]
    for condition in ("genotype", "treatment"):
        assert found(biological_replicate=again, **{condition: CLASSES}).group == "sample"


def test_technical_replicates_without_a_donor_are_asked_about():
    again = [str(place // 2 % 3 + 1) for place in PLACES]
    titles = [
        f"{name} rep{number} {place}"
        for place, (name, number) in enumerate(zip(CLASSES, again, strict=True))
    ]
    counted = {"biological_replicate": again, "technical_replicate": ["1", "2"] * 6}
    asked = found(titles, genotype=CLASSES, **counted)
    assert asked.group == "sample"
    (warning,) = [one["text"] for one in asked.warnings if "technical replicate" in one["text"]]
    expression = warning.rsplit("such as ", 1)[1].rstrip(".")
    ids = [f"GSM{place}" for place in PLACES]
    record = pd.DataFrame({"genotype": CLASSES}, index=ids, dtype=object)
    described = pd.DataFrame({"title": titles, "series": "GSE1"}, index=ids, dtype=object)
    followed = resolve(row(label="genotype", group=expression), record, None, described)
    assert followed.samples["group"].nunique() == 6


def test_titles_of_two_counts_name_classes_and_donors():
    titles = [
        f"{name}_bio{bio}_tech{tech}"
        for name in ("WT", "KO")
        for bio in (1, 2, 3)
        for tech in (1, 2)
    ]
    told = found(titles)
    assert sorted(told.samples["label"].value_counts().to_dict().items()) == [("KO", 6), ("WT", 6)]
    assert told.samples["group"].tolist() == [title.rsplit("_", 1)[0] for title in titles]
    three = [f"{title.replace('KO_bio3', 'het_bio1')}" for title in titles]
    assert set(found(three).samples["label"]) <= {"KO", "WT", "het"}
