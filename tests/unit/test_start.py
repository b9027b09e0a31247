"""`epigpt start`: what it proposes, what it writes and never writes over, what it refuses before
anything is fetched."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest

import quick_run
from epigpt.cli import main
from epigpt.config import dataset_table
from epigpt.config.settings import Settings
from epigpt.errors import InputError
from epigpt.models.choice import Devices
from epigpt.start import cost, run
from epigpt.training import machine


@pytest.fixture
def start(root, tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder, its Snakemake a stand-in; gives status and output."""
    monkeypatch.chdir(tmp_path)
    began = []

    def stand_in(directory, config, arguments, expected):
        began.append((config, arguments, expected))
        report = directory / "results" / dataset_table.read(config.with_suffix(".tsv"))[0].dataset
        report.mkdir(parents=True, exist_ok=True)
        (report / "report.html").write_text("")
        return 0, directory / "said"

    monkeypatch.setattr(run, "snakemake", stand_in)
    mirror = (root / "config" / "demo" / "geo-mirror").as_uri()

    def command(source, *more):
        given = ["--base-url", mirror] if source.startswith("GSE") else []
        try:
            status = main(["start", source, *given, *more])
        finally:
            said = capsys.readouterr()
        return SimpleNamespace(status=status, text=said.out + said.err, began=began)

    return command


def table(folder: Path) -> str:
    names = [f"S{number}" for number in range(1, 9)]
    rows = [",".join(["gene", *names])]
    rows += [f"ENSG{number:011d}," + ",".join(["7"] * 8) for number in range(1, 40)]
    (folder / "my counts.csv").write_text("\n".join(rows) + "\n")
    sheet = [f"{name},{'ko' if number % 2 else 'wt'}" for number, name in enumerate(names)]
    (folder / "sheet.csv").write_text("\n".join(["sample,genotype", *sheet]) + "\n")
    return "my counts.csv"


def test_a_series_is_proposed_written_and_run(start, tmp_path):
    asked = start("GSE9000001")
    assert asked.status == 0
    assert "condition: control 12 of 6 donors, epilepsy 12 of 6" in asked.text
    assert "Nothing was written" in asked.text
    assert not (tmp_path / "config").exists()
    done = start("GSE9000001", "--yes", "--group", "litter", "--cores", "1")
    assert done.status == 0, done.text
    row = dataset_table.read(tmp_path / "config" / "GSE9000001.tsv")[0]
    assert (row.label, row.case, row.control, row.group) == (
        *("condition", "epilepsy", "control"),
        "litter",
    )
    config, arguments, expected = done.began[0]
    assert config == tmp_path / "config" / "GSE9000001.yaml"
    assert arguments == ["--cores", "1"]
    assert expected["models"] > 0
    assert str(tmp_path / "results" / "GSE9000001" / "report.html") in done.text


def test_files_that_are_there_are_taken_up(start, tmp_path):
    start("GSE9000001", "--yes")
    config = tmp_path / "config" / "GSE9000001.yaml"
    config.write_text(config.read_text() + "model: tiny\n# mine\n")
    before = config.read_bytes()
    again = start("gse9000001")
    assert "Taken up" in again.text
    assert config.read_bytes() == before
    other = start("GSE9000001", "--yes", "--label", "sex")
    assert other.status == 1
    assert "an earlier start wrote 'condition'" in other.text
    assert config.read_bytes() == before
    followed = start("GSE9000001", "--yes", "--label", "sex", "--name", "by_sex")
    assert followed.status == 0, followed.text
    assert dataset_table.read(tmp_path / "config" / "by_sex.tsv")[0].label == "sex"


def test_another_source_under_the_name_of_an_earlier_start_is_refused(start, tmp_path):
    named = table(tmp_path)
    assert start(named, "--samples", "sheet.csv", "--yes", "--name", "mine").status == 0
    assert start(named, "--samples", "sheet.csv", "--name", "mine").status == 0
    (tmp_path / "other.csv").write_text((tmp_path / "sheet.csv").read_text())
    for source, more in ((named, ["--samples", "other.csv"]), ("other.csv", [])):
        refused = start(source, *more, "--name", "mine")
        assert refused.status == 1
        assert "other.csv, where an earlier start wrote" in refused.text
    other = start("GSE9000001", "--name", "mine")
    assert "--base-url" in other.text or "SOURCE" in other.text
    followed = start(named, "--samples", "other.csv", "--yes", "--name", "mine_too")
    assert followed.status == 0, followed.text


def test_another_mirror_on_the_second_call_is_refused(start, tmp_path):
    start("GSE9000001", "--yes")
    (tmp_path / "mirror").mkdir()
    refused = start("GSE9000001", "--base-url", "mirror")
    assert refused.status == 1
    assert "--base-url" in refused.text


@pytest.mark.parametrize(
    ("option", "text", "followed"),
    [("--cores", "0", "4"), ("--cores", "two", "all"), ("--name", "../a b", "my_data")],
)
def test_what_no_run_can_be_made_of_is_refused_first(start, tmp_path, option, text, followed):
    refused = start("GSE9000001", "--yes", option, text)
    assert refused.status == 1
    assert f"such as {option} {followed}" in refused.text or f"{option} {followed}" in refused.text
    assert list(tmp_path.iterdir()) == []
    assert start("GSE9000001", "--yes", option, followed).status == 0


def test_samples_that_may_belong_together_are_named(start):
    told = start("GSE52778")
    assert "the group is then 'cell line'" in told.text
    assert "the group is" not in start("GSE52778", "--group", "cell line").text
    assert "the group is" not in start("GSE52778", "--group", "sample").text


def test_a_donor_of_an_unusual_name_is_seen_asked_for_and_taken(start, tmp_path, monkeypatch):
    """25 people of two samples each, as their bank calls them; a column of which every value is in
    two samples by chance, and the day of their preparation, name nobody."""
    rows = ["sample,blood_bank_code,treatment,sex,score,prepared"]
    for number in range(10):
        sex = "FM"[number % 2]
        for treatment in ("vehicle", "drug"):
            chance = number if treatment == "drug" else (number * 3 + 1) % 10
            line = (f"S{number}{treatment}", f"bb{number}", treatment, sex, chance, f"day {chance}")
            rows.append(",".join(map(str, line)))
    (tmp_path / "sheet.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "counts.csv").write_text("gene,S0drug\nENSG00000000003,1\n")
    named = ("counts.csv", "--samples", "sheet.csv")
    told = start(*named)
    assert "'blood_bank_code' repeats as the names of donors do" in told.text
    assert "To keep these together: --group blood_bank_code" in told.text
    assert "'score'" not in told.text
    questions = []
    answers = iter(["1", "y", "y"])
    monkeypatch.setattr("builtins.input", lambda asked: questions.append(asked) or next(answers))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    done = start(*named)
    assert done.status == 0, done.text
    assert "Is each value of 'blood_bank_code' one donor? [y/N] " in questions
    assert dataset_table.read(tmp_path / "config" / "counts.tsv")[0].group == "blood_bank_code"


def test_classes_too_small_to_be_tested_are_named_before_the_run(start, tmp_path):
    rows = [
        f"S{at},{kind}" for at, kind in enumerate(["T cell"] * 4 + ["B cell"] * 3 + ["rare", "NK"])
    ]
    (tmp_path / "sheet.csv").write_text("\n".join(["sample,treatment", *rows]) + "\n")
    (tmp_path / "counts.csv").write_text("gene,S0\nENSG00000000003,1\n")
    named = ("counts.csv", "--samples", "sheet.csv")
    told = start(*named)
    assert "Note: 'NK', 'rare': fewer than 3 donors, so no model can be tested" in told.text
    assert "--include 'treatment!=NK|rare'" in told.text
    followed = start(*named, "--include", "treatment!=NK|rare")
    assert "treatment: B cell 3, T cell 4" in followed.text
    assert "fewer than 3 donors" not in followed.text


def test_what_is_looked_at_has_its_own_words(start, tmp_path):
    assert "24 samples; download 0." in start("GSE9000001").text
    named = table(tmp_path)
    assert "8 samples; nothing to download" in start(named, "--samples", "sheet.csv").text
    names = [f"{letter}CGTACGTACGTACGT-1" for letter in "ACGTacgt"]
    obs = pd.DataFrame(
        {"biobank": [*"aabbccdd"], "treatment": ["drug", "vehicle"] * 4}, index=names
    )
    file = tmp_path / "cells.h5ad"
    anndata.AnnData(np.ones((8, 30), dtype=np.float32), obs=obs).write_h5ad(file)
    refused = start("cells.h5ad", "--assay", "single_cell")
    assert "'biobank' (4 values), 'treatment' (2 values)" in refused.text
    followed = start("cells.h5ad", "--assay", "single_cell", "--group", "biobank")
    assert "8 cells of 4 samples; nothing" in followed.text, followed.text


def test_the_table_of_counts_is_no_sheet(start, tmp_path):
    named = table(tmp_path)
    rows = [f"ENSG{number:011d},1,2" for number in range(600)]
    (tmp_path / "large.csv").write_text("\n".join(["gene,S1,S2", *rows]) + "\n")
    for source, sheet in ((named, named), ("sheet.csv", "large.csv")):
        refused = start(source, "--samples", sheet, "--yes")
        assert refused.status == 1
        assert "a sample sheet has a row for each sample" in refused.text
    assert "name a file of it" in start(".", "--yes").text


def test_a_table_needs_its_sheet(start, tmp_path):
    named = table(tmp_path)
    refused = start(named, "--yes")
    assert refused.status == 1
    assert "--samples SHEET" in refused.text
    done = start(named, "--samples", "sheet.csv", "--yes")
    assert done.status == 0, done.text
    row = dataset_table.read(tmp_path / "config" / "my_counts.tsv")[0]
    assert row.source == str(tmp_path / "my counts.csv")
    assert row.label == "genotype"


def test_an_h5ad_file_describes_itself(start, tmp_path):
    names = [f"S{number}" for number in range(8)]
    obs = pd.DataFrame({"treatment": ["drug", "vehicle"] * 4}, index=names)
    anndata.AnnData(np.ones((8, 30), dtype=np.float32), obs=obs).write_h5ad(tmp_path / "2x.h5ad")
    done = start("2x.h5ad", "--yes")
    assert done.status == 0, done.text
    row = dataset_table.read(tmp_path / "config" / "data_2x.tsv")[0]
    assert (row.label, row.assay) == ("treatment", "bulk")


def test_a_model_too_large_is_refused_before_anything_is_written(start, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: 4_000_000_000)
    monkeypatch.setattr(machine, "can_swap", lambda: False)
    refused = start("GSE9000001", "--yes", "--model", "gpt2-xl", "--hardware", "cpu")
    assert refused.status == 1
    assert "gpt2-xl" in refused.text
    assert refused.text.count("remedy") == 1
    assert list(tmp_path.iterdir()) == []
    assert not refused.began


def test_a_profile_says_what_the_trainings_get(start, root):
    done = start("GSE9000001", "--yes", "--profile", "slurm")
    assert done.status == 0, done.text
    assert done.began[0][1] == ["--profile", str(root / "profiles" / "slurm")]
    assert "Model: gpt2-xl (auto: hardware h100x1 has GPUs of 80 GB)" in done.text
    both = start("GSE9000001", "--yes", "--profile", "slurm", "--cores", "3")
    assert both.began[1][1][-2:] == ["--cores", "3"], both.text
    assert "remedy" in start("GSE9000001", "--yes", "--profile", "of_nobody").text


def test_no_such_source(start):
    assert "remedy" in start("nowhere.h5ad", "--yes").text
    assert "gpt2-xl" in start("GSE9000001", "--model", "gpt2xl").text


def test_the_cost_follows_settings():
    def total(**changed):
        settings = Settings(model="tiny", **changed)
        return cost.of_run(settings, "cpu", Devices("this machine"), 24, 0)

    few, many = total(permutations=0), total(permutations=50)
    assert many.hours > few.hours
    # Ten of GPT-2's, and one for each baseline.
    assert many.jobs == few.jobs + 10 + len({*Settings().baselines, "logistic_l2"})
    assert total(permutations=0, comparisons=[]).hours < few.hours
    assert total(permutations=0, folds=3).jobs < few.jobs


def test_the_jobs_of_a_small_run():
    """As many as the run of tests/faults/test_runs.py has, beside its target."""
    changed = {**quick_run.CONFIG, "permutations": 0, "comparisons": ["finetuned_no_blocks"]}
    told = cost.of_run(Settings(**changed), "cpu", Devices("this machine"), 24, 0)
    assert told.jobs == 22


def test_too_little_disk(tmp_path):
    settings = Settings(model="tiny", permutations=0)
    told = cost.of_run(settings, "cpu", Devices("this machine"), 24, 1 << 60)
    with pytest.raises(InputError, match="do not fit on this disk"):
        cost.refuse_lack_of_disk(told, tmp_path / "not" / "yet", "a")


def test_what_an_earlier_run_has_written_is_not_asked_for_again(tmp_path, monkeypatch):
    """A disk on which half of the run lies has room for the other half alone."""
    settings = Settings(model="tiny", permutations=0)
    told = cost.of_run(settings, "cpu", Devices("this machine"), 24, 0)
    room = SimpleNamespace(free=told.disk - 1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    with pytest.raises(InputError, match="do not fit on this disk"):
        cost.refuse_lack_of_disk(told, tmp_path, "a")
    (tmp_path / "results" / "a" / "models").mkdir(parents=True)
    (tmp_path / "results" / "a" / "models" / "weights").write_bytes(b"0" * 1_000_000)
    cost.refuse_lack_of_disk(told, tmp_path, "a")
