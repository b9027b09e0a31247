"""Forms of public series that were once given to wrong samples, to wrong classes or refused without
a way in: each reads right, or its remedy works when it is followed."""

import csv
import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from epigpt.config import dataset_row, dataset_table
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.matrices.streams import Budget
from epigpt.matrices.unmatched import UnmatchedColumns


@pytest.fixture
def case(shared, tmp_path) -> Callable[..., "Case"]:
    """A case by its name; cells of its row can be changed."""
    folder = shared / "cases" / "geo"
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}")
    return lambda name, **cells: Case(folder / name, tmp_path, cells)


class Case:
    """A series as it lies in a mirror, and its row."""

    def __init__(self, folder: Path, scratch: Path, cells: dict[str, str]) -> None:
        self.scratch = scratch
        (self.row,) = dataset_table.read(folder / "datasets.tsv")
        self.row = replace(self.row, **cells)
        series = next((folder / "mirror").glob(f"series/*/{self.row.source}"))
        self.files = sorted(path for path in series.rglob("*") if path.is_file())

    def read(self, row=None) -> tuple[pd.DataFrame, ad.AnnData, dict]:
        chosen = row or self.row
        sample_map = Path(chosen.sample_map) if chosen.sample_map else None
        return read_dataset(chosen, self.files, frozenset(), Budget(1e9), sample_map=sample_map)

    def pasted(self, line: str):
        """Read a row as a user would who pastes it into the table."""
        table = self.scratch / "datasets.tsv"
        table.write_text("\t".join(dataset_row.COLUMNS) + f"\n{line}\n")
        return dataset_table.read(table)[0]

    def table(self) -> pd.DataFrame:
        """The counts as they stand in the file; genes × columns."""
        (path,) = [one for one in self.files if one.parent.name == "suppl"]
        with gzip.open(path, "rt") as lines:
            sep = "\t" if "\t" in lines.readline() else ","
        return pd.read_csv(path, sep=sep, index_col=0)

    def titles(self) -> dict[str, str]:
        """Sample → title."""
        (soft,) = [one for one in self.files if one.parent.name == "soft"]
        text = gzip.decompress(soft.read_bytes()).decode()
        return dict(
            zip(
                re.findall(r"^\^SAMPLE = (\S+)", text, re.MULTILINE),
                re.findall(r"^!Sample_title = (.*)", text, re.MULTILINE),
                strict=True,
            )
        )


def check(case: Case, adata: ad.AnnData, column_of: Callable[[int, str], str]) -> None:
    """Compare every sample with the column that is really its own."""
    table, titles = case.table(), case.titles()
    found = adata.to_df()
    assert len(found) == len(titles)
    for place, (sample, title) in enumerate(titles.items()):
        column = table[column_of(place, title)].loc[adata.var["original"]]
        np.testing.assert_array_equal(found.loc[sample].to_numpy(), column.to_numpy())


def kd_e(_: int, title: str) -> str:
    genotype, diet, number = title.split()[1:]
    return f"Kcna1.....{diet}.{number}" + (".1" if genotype == "-/-" else "")


RIGHT = {
    "kd_E": kd_e,
    "kd_D": lambda place, title: ".".join(
        (title.split()[3], title.split()[2], title.rpartition("rep")[2])
    ),
    "d5_plus": lambda place, title: re.sub("[ +]", ".", title),
    "l03b_GSE275235": lambda place, title: re.sub("[ +]", ".", title),
    "l04_dedupe": lambda place, title: (
        title.split()[0] + (f".{int(title.split()[1]) - 1}" if title.split()[1] != "1" else "")
    ),
    "n01_glued": lambda place, title: title.replace(" ", ""),
    "n01b_rep": lambda place, title: title.replace("rep", ""),
    "n02_numbers": lambda place, title: f"X{place + 1}",
    "l01_GSE256068": lambda place, title: title,
    "e07b_alignments": lambda place, title: title,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_every_sample_has_its_own_column(case, name):
    this = case(name)
    samples, adata, reading = this.read()
    check(this, adata, RIGHT[name])
    assert len(samples) == reading["matching"]["matched"] == len(this.titles())
    assert reading["assay"] == "bulk"


@pytest.mark.parametrize("name", ["kd_E", "l04_dedupe"])
def test_what_leans_on_the_order_of_the_record_is_said(case, name):
    (warning,) = [one for one in case(name).read()[2]["warnings"] if one["about"] == "columns"]
    assert "in the order in which the record lists them" in warning["text"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "column", "classes"),
    [
        ("d5_plus", "treatment", {"PTZ": 4, "PTZ + drug": 4, "control": 4}),
        ("l03b_GSE275235", "treatment", {"PTZ": 3, "PTZ + drug": 3, "control": 3}),
        ("kd_D", "diet", {"ketogenic diet": 8, "standard diet": 8}),
        ("l04_dedupe", "genotype", {"KO": 4, "WT": 4}),
    ],
)
def test_the_condition_is_the_label_with_all_its_classes(case, name, column, classes):
    samples, _, reading = case(name, label="auto").read()
    assert reading["label"]["column"] == column
    assert samples["label"].value_counts().to_dict() == classes


@pytest.mark.slow
def test_six_diseases_come_before_sex_tissue_and_age(case):
    this = case("l01_GSE256068")
    samples, _, reading = this.read()
    assert reading["label"]["column"] == "disease state"
    assert samples["label"].nunique() == 6
    (warning,) = [one for one in reading["warnings"] if one["about"] == "label"]
    assert "disease state" in warning["text"]
    for line in warning["rows"]:
        again, _, later = this.read(this.pasted(line))
        assert again["label"].nunique() >= 2
        assert later["label"]["rule"].startswith("label = ")
        assert "auto" not in later["label"]["rule"]


def test_two_columns_of_a_patient_are_one_donor_and_said_before_the_run(case):
    samples, _, reading = case("e07b_alignments").read()
    assert reading["group"]["column"] == "individual"
    assert (len(samples), samples["group"].nunique()) == (24, 12)
    assert reading["label"]["column"] == "diagnosis"
    assert not reading["label"]["others"]
    (warning,) = [one for one in reading["warnings"] if one["about"] == "group"]
    assert "'individual' repeats and names donors, 12 of 24 samples" in warning["text"]
    # Counted as donors of their own, they are said to be replicates, with the row that groups them.
    this = case("e07b_alignments", group="sample")
    (warning,) = [one for one in this.read()[2]["warnings"] if one["about"] == "group"]
    again, _, _ = this.read(this.pasted(warning["rows"][0]))
    assert again["group"].nunique() == 12


def test_abbreviations_are_refused_and_the_printed_map_keeps_the_record(case):
    this = case("kd_B")
    with pytest.raises(UnmatchedColumns) as refusal:
        this.read()
    message = str(refusal.value)
    assert "columns without a sample: SD.WT.1, SD.WT.2" in message
    assert "samples without a column: GSM8200000 (Hippocampus, wild type, standard" in message
    # The table that is printed, each column with the sample that its words mean.
    short = {"wild type": "WT", "Kcna1-null": "KO", "standard diet": "SD", "ketogenic diet": "KD"}
    own = {}
    for sample, title in this.titles().items():
        _, genotype, diet, number = title.split(", ")
        own[f"{short[diet]}.{short[genotype]}.{number.split()[-1]}"] = sample
    printed = [line.strip(" ") for line in refusal.value.remedy.splitlines() if "\t" in line]
    filled = [printed[0], *(line + own[line.strip()] for line in printed[1:])]
    (this.scratch / "map.tsv").write_text("\n".join(filled) + "\n")
    mapped = replace(this.row, sample_map=str(this.scratch / "map.tsv"))
    samples, adata, reading = this.read(mapped)
    back = {sample: column for column, sample in own.items()}
    check(this, adata, lambda place, title: back[list(this.titles())[place]])
    assert samples["genotype"].value_counts().to_dict() == {"Kcna1-null": 8, "wild type": 8}
    assert "map.tsv" in reading["matching"]["rule"]
    # The file that a run writes is the same table, with the samples above it.
    rows = list(csv.reader(refusal.value.template.splitlines(), delimiter="\t"))
    assert [row[0] for row in rows if not row[0].startswith("#")] == ["column", *own]
    assert f"# {next(iter(this.titles()))}" in refusal.value.template


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("column\tsample\nSD.WT.1\tGSM1\n", "sample 'GSM1'"),
        (
            "column\tsample\nSD.WT.1\tGSM8200000\nSD.WT.1\tGSM8200001\n",
            "the column 'SD.WT.1' twice",
        ),
        ("column\tsample\nSD.WT.1\t\n", "none with a sample"),
        ("name\tsample\nSD.WT.1\tGSM8200000\n", "no column 'column' but name, sample"),
        ("column\tsample\nnowhere\tGSM8200000\n", "none of whose columns stand in map.tsv"),
        (
            "column\tsample\nSD.WT.1\tGSM8200000\nnowhere\tGSM8200001\n",
            "columns nowhere of map.tsv",
        ),
        ("", "an empty sheet"),
    ],
)
def test_a_map_that_does_not_fit_says_so(case, lines, told):
    this = case("kd_B")
    (this.scratch / "map.tsv").write_text(lines)
    with pytest.raises(InputError) as refusal:
        this.read(replace(this.row, sample_map=str(this.scratch / "map.tsv")))
    assert told in refusal.value.found
    assert "sample_map" in refusal.value.where
    assert refusal.value.remedy


def test_a_part_of_the_columns_may_be_mapped_by_titles(case):
    this = case("kd_B", label="Sex")
    titles = list(this.titles().values())
    (this.scratch / "map.csv").write_text(
        "# by hand\ncolumn,sample,remark\n"
        + "".join(f'SD.WT.{n + 1},"{titles[n]}",x\n' for n in range(4))
        + "KD.WT.1\n"
    )
    samples, _, reading = this.read(replace(this.row, sample_map=str(this.scratch / "map.csv")))
    assert len(samples) == 4
    (warning,) = [one for one in reading["warnings"] if one["about"] == "columns"]
    assert "12 of 16 columns of the matrix are not samples" in warning["text"]
