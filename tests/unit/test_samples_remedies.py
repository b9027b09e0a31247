"""Each refusal about samples, labels and groups is followed to the letter: what it prints is put into
the row, and the row then runs."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
import pytest

from epigpt.config import dataset_table
from epigpt.config.dataset_row import Row
from epigpt.errors import InputError
from epigpt.samples.labels import resolve

SAMPLES = [f"GSM{number}" for number in range(24)]
RECORD = pd.DataFrame(
    {
        "treatment": ["saline", "drug"] * 12,
        "genotype": (["WT"] * 2 + ["KO"] * 2) * 6,
        "donor": [f"d{number // 4}" for number in range(24)],
        "animal": ["", "NA", *(f"a{number}" for number in range(22))],
        "dose": [str(number) for number in range(24)],
        "strain": "C57BL/6",
    },
    index=SAMPLES,
    dtype=object,
)
TEXTS = pd.DataFrame(
    {
        "title": [f"mouse {number}" for number in range(24)],
        "organism": ["Mus musculus"] * 14 + ["Homo sapiens"] * 10,
        "platform": ["GPL1"] * 8 + ["GPL2"] * 6 + ["GPL3"] * 10,
        "library_source": ["transcriptomic"] * 8 + ["transcriptomic single cell"] * 16,
        "library_strategy": "RNA-Seq",
        "molecule": "total RNA",
    },
    index=SAMPLES,
    dtype=object,
)
ONE = TEXTS.assign(organism="Mus musculus", platform="GPL1", library_source="transcriptomic")
# Cells of the row, the texts, and a part of what is said.
REFUSED = [
    ({"label": "tretment"}, ONE, "no characteristic has this name"),
    ({"label": "treatment", "case": "drg"}, ONE, "has no value 'drg'"),
    ({"label": "treatment", "control": "salin"}, ONE, "has no value 'salin'"),
    ({"label": "treatment", "group": "doner"}, ONE, "no characteristic has this name"),
    ({"label": "treatment", "group": "animal"}, ONE, "2 of 24 samples without 'animal'"),
    ({"label": "treatment", "include": "genotype=KU"}, ONE, "has no value 'KU'"),
    ({"label": "treatment", "include": "genotype=KO;genotype!=KO"}, ONE, "no sample is left"),
    ({"label": "treatment", "include": "treatment=drug"}, ONE, "1 class among"),
    ({"label": "strain"}, ONE, "1 class among"),
    ({"label": "dose"}, ONE, "is a measurement"),
    ({"label": "title"}, ONE, "24 different values among 24 samples"),
    ({"case": "KO", "control": "saline"}, ONE, "no characteristic has the values"),
    ({"label": "treatment"}, TEXTS, "samples of 2 assays"),
    ({"label": "treatment", "assay": "single_cell"}, TEXTS, "samples of 2 organisms"),
    (
        {"label": "treatment", "include": "sample!=GSM23"},
        TEXTS.assign(organism="Mus musculus", library_source="transcriptomic"),
        "samples of 3 platforms",
    ),
]


def followed(row: Row, refusal: InputError, table) -> Iterator[Row]:
    """Every way that a remedy prints, put into the row."""
    remedy, cell = refusal.remedy, re.search(r"columns? '(\w+)'", refusal.where)
    if near := re.search(r"(?:did you mean|values, such as) '([^']*)'", remedy):
        assert cell is not None
        wrong = re.search(r"= '([^']*)'", refusal.found)[1]
        value = re.search(r"has no value '([^']*)'", refusal.why)
        corrected = wrong.replace(value[1], near[1]) if value else near[1]
        yield replace(row, **{cell[1]: corrected})
    if condition := re.search(r"`include` \(([^)…]*)\)", remedy):
        yield replace(row, include=";".join(filter(None, [row.include, condition[1]])))
    if kept := re.search(r"conditions of `include`: '([^']*)'", remedy):
        yield replace(row, include=kept[1])
    if both := re.search(r"control = (\S+) and case = (\S+?),", remedy):
        yield replace(row, control=both[1], case=both[2])
    if ways := re.search(r"set the cell `(\w+)` to (\w+)(?: or (\w+))?", remedy):
        for way in filter(None, ways.groups()[1:]):
            yield replace(row, **{ways[1]: way})
    if such := re.search(r"choose by `include`, such as ([^(]*?)(?: \(|$)", remedy):
        yield replace(row, include=";".join(filter(None, [row.include, such[1]])))
    lines = [line.strip(" ") for line in remedy.splitlines() if "\t" in line]
    for line in lines[1:]:
        table.write_text(f"{lines[0]}\n{line}\n")
        yield from dataset_table.read(table)


def refusal_of(row: Row, texts: pd.DataFrame) -> InputError | None:
    try:
        found = resolve(row, RECORD, None, texts)
    except InputError as refusal:
        return refusal
    assert found.samples["label"].nunique() >= 2
    return None


def run_to_the_end(row: Row, texts: pd.DataFrame, table, met: tuple[str, ...] = ()) -> None:
    """Follow remedies until the row runs; a message must not come again, nor end without a way."""
    refusal = refusal_of(row, texts)
    if refusal is None:
        return
    message = f"{refusal.found}{refusal.why}"
    assert message not in met, f"the remedy leads back: {refusal}"
    ways = list(followed(row, refusal, table))
    assert ways, f"nothing to follow: {refusal}"
    for way in ways:
        run_to_the_end(way, texts, table, (*met, message))


@pytest.mark.parametrize(("cells", "texts", "told"), REFUSED, ids=[str(one[0]) for one in REFUSED])
def test_what_a_refusal_prints_runs(cells, texts, told, tmp_path):
    row = replace(Row("mine", "GSE1"), **cells)
    with pytest.raises(InputError) as refusal:
        resolve(row, RECORD, None, texts)
    assert told in str(refusal.value)
    run_to_the_end(row, texts, tmp_path / "pasted.tsv")
