"""What a rule hands to its job: the command line, what it asks a scheduler for, the files of fits."""

import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from epigpt.errors import InputError
from epigpt.jobs import training_job
from epigpt.jobs.command_line import Shell
from epigpt.jobs.fit_files import FitFiles, FitPlan
from epigpt.models import presets
from epigpt.stages import entry
from epigpt.training import gpus, hardware

PLAN = FitPlan(preset="tiny", own_repeats=1, permutations=23, one_job=False, adapt=True)
FOLDED = {"assessable": True, "repeats": 3, "folds": 2}
NOT_ASSESSABLE = {"assessable": False, "repeats": 0, "folds": 0}


OPEN = {"confounders": [], "enough_groups": True}


def fit_files(summary, foregone=OPEN, **changed):
    return FitFiles("series", replace(PLAN, **changed), lambda: summary, lambda: foregone)


def test_a_command_arrives_as_it_was_written(monkeypatch, tmp_path):
    shell = Shell("/a python", Path("/the library"), {"EPIGPT_WEIGHTS": "a folder"})
    files = [("counts", "a run's/counts.h5ad"), ("tables", ["one.tsv", "two.tsv"]), ("none", [])]
    command = shell.command("folds", files, ['{"seed": 1}', '{"b": "$x"}'], "start")
    words = shlex.split(command)
    assert words[words.index("start") - 1].startswith("EPIGPT_PARENT=")
    assert {"PYTHONPATH=/the library", "EPIGPT_WEIGHTS=a folder", "HF_HUB_OFFLINE=1"} <= set(words)
    monkeypatch.setattr("sys.argv", ["stage", *words[words.index("start") + 1 :]])
    with entry.job("doc") as job:
        assert job.text("counts") == "a run's/counts.h5ad"
        assert [path.name for path in job.files("tables")] == ["one.tsv", "two.tsv"]
        assert job.files("none") == []
        assert job.settings == {"seed": 1, "b": "$x"}


def test_only_the_stage_that_fetches_weights_may_use_the_network():
    shell = Shell("python", Path("library"))
    assert "HF_HUB_OFFLINE=1" in shell.command("train", [], ["{}"], "start")
    assert "HF_HUB_OFFLINE" not in shell.command("weights", [], ["{}"], "start")


def test_what_one_thread_of_this_machine_can_do_starts_warm():
    shell = Shell("python", Path("a library"))
    warm = "python -I -S 'a library/epigpt/jobs/warm_client.py' epigpt.stages."
    assert f" {warm}folds --threads 1 " in shell.command(
        "folds", [], ["{}"], shell.start("folds", 1), warm=True
    )
    asked = {"checkpoint_seconds": 60}
    alone = training_job.start(presets.hardware("cpu"), "python", "models", asked, 1)
    assert f" {warm}models --threads 1 --checkpoint" in shell.command(
        "models", [], ["{}"], alone, warm=True
    )
    # Its second core is for a process that it forks.
    forking = shell.command("report", [], ["{}"], shell.start("report", 2), warm=True)
    assert f" {warm}report --threads 2 " in forking
    assert "OMP_NUM_THREADS=1" in forking.split()
    several = training_job.start(presets.hardware("h100x8"), "python", "train", asked, 16)
    for stage, start in (
        ("folds", shell.start("folds", 10)),
        ("weights", shell.start("weights", 1)),
        ("train", several),
    ):
        assert f" {start} " in shell.command(stage, [], ["{}"], start, warm=True)


def test_a_name_that_stands_for_two_files_is_refused():
    with pytest.raises(ValueError, match="folds is the name of two"):
        Shell("python", Path("x")).command("s", [("folds", "a"), ("folds", "b")], [], "start")


def test_jobs_ask_for_more_with_each_attempt():
    asked = training_job.requests(presets.hardware("cpu"), training_job.Site())
    assert [asked["mem_mb"](None, attempt) for attempt in (1, 2)] == [4000, 8000]
    assert "gres" not in asked
    longest = int(presets.hardware("cpu").hours * 60)
    assert [asked["runtime"](None, attempt) for attempt in (1, 2, 9)] == [
        120,
        min(480, longest),
        longest,
    ]


def test_gpus_are_asked_for_as_the_site_names_them():
    site = training_job.Site(gpu_gres="gpu:h100", gpu_partition="accelerated")
    node = presets.hardware("h100x8")
    asked = training_job.requests(node, site)
    assert asked["gres"] == f"gpu:h100:{node.devices}"
    assert asked["slurm_partition"] == "accelerated"
    one = training_job.devices(node, 1, site)
    assert one["gres"] == "gpu:h100:1"
    assert one["mem_mb"] * node.devices == pytest.approx(asked["mem_mb"], abs=node.devices)


def test_a_data_set_without_folds_asks_for_no_gpu():
    node = presets.hardware("h100x1")
    asked = training_job.with_tokens(
        training_job.requests(node, training_job.Site()),
        {"mem_mb": training_job.growing(2000), "runtime": 30, "slurm_partition": "cpu"},
    )

    def requested(tokens, attempt=1):
        given = SimpleNamespace(tokens=tokens)
        return {name: value(None, given, attempt) for name, value in asked.items()}

    assert requested(["tokens/final"]) == {
        "gres": "gpu:1",
        "mem_mb": 200_000,
        "slurm_partition": "gpu",
        "runtime": 120,
    }
    assert requested([], attempt=2) == {
        "gres": None,
        "mem_mb": 4000,
        "slurm_partition": "cpu",
        "runtime": 30,
    }


def test_named_hardware_is_taken_whatever_this_machine_has(monkeypatch):
    monkeypatch.setattr(gpus, "usable", lambda own_torch: gpus.LocalGpus(2, 40_000_000_000))
    preset, devices, shared = hardware.find("h100x1", own_torch=True)
    assert (preset.name, devices.name, shared) == ("h100x1", "hardware h100x1", 0)
    assert devices.gpu_bytes == int(preset.device_memory_gb * 1e9)
    preset, devices, shared = hardware.find("auto", own_torch=True)
    assert (preset.name, devices.gpu_bytes, shared) == ("cpu", 40_000_000_000, 2)
    with pytest.raises(InputError, match="no preset 'h100'"):
        hardware.find("h100", own_torch=True)


@pytest.mark.parametrize(
    ("preset", "begins"),
    [
        ("h100x1", "python -m epigpt.stages.train --threads 16 "),
        (
            "h100x8",
            "python -m torch.distributed.run --standalone --nproc-per-node=8 -m --"
            " epigpt.stages.train --threads 2 ",
        ),
        (
            "h100x8-nodes",
            "srun --nodes=2 --ntasks=2 --ntasks-per-node=1 --cpus-per-task=16"
            " --kill-on-bad-exit=1 python -m epigpt.training.node --devices 8 -m --"
            " epigpt.stages.train --threads 2 ",
        ),
    ],
)
def test_a_training_starts_as_its_hardware_needs(preset, begins):
    resources = {"mpi": "srun", "nodes": 2, "tasks": 2, "checkpoint_seconds": 300}
    started = training_job.start(presets.hardware(preset), "python", "train", resources, 16)
    assert started == f"{begins}--checkpoint-minutes 5.0"


def test_fits_follow_from_the_folds():
    files = fit_files(FOLDED)
    assert files.fits() == ["repeat0/fold0", "repeat0/fold1", "final"]
    assert files.tokens()[-1] == "results/series/tokens/final"
    assert files.fold_tokens() == files.tokens()[:-1]
    assert files.adapted()[0] == "results/series/adapted/tiny/repeat0/fold0"
    assert files.redraws(["finetuned"]) == [
        "results/series/redraws/finetuned/1.tsv",
        "results/series/redraws/finetuned/2.tsv",
    ]
    assert fit_files(FOLDED, adapt=False).adapted() == []


def test_one_job_declares_folders_and_waits_for_nothing():
    def unread():
        raise AssertionError("folds.json need not be there")

    files = FitFiles("series", replace(PLAN, one_job=True), unread, unread)
    assert files.of_folds("plan.json") == ["results/series/models/tiny/repeat0"]
    assert files.answer == "results/series/models/tiny/answer.json"


def test_where_nothing_can_be_tested_no_file_of_a_fit_is_asked_for():
    files = fit_files(NOT_ASSESSABLE)
    asked = [
        files.tokens(),
        files.adapted(),
        files.redraws(["finetuned"]),
        files.permuted(),
        files.reported(),
        files.kept(),
        files.of_folds("plan.json"),
    ]
    assert asked == [[]] * len(asked)


def test_permutations_are_dealt_to_jobs_and_the_first_decide_about_the_rest():
    files = fit_files(FOLDED)
    parts = [Path(path).stem for path in files.permuted()]
    assert parts == ["0-5", "5-10", "10-15", "15-20", "20-23"]
    assert files.first_permuted(15) == files.true_scores(15) == []
    assert [Path(path).stem for path in files.first_permuted(20)] == parts[:4]
    assert files.true_scores(20) == [
        "results/series/models/tiny/repeat0/fold0/predictions.tsv",
        "results/series/models/tiny/repeat0/fold1/predictions.tsv",
        *files.redraws(["finetuned"]),
    ]


@pytest.mark.parametrize(
    ("known", "accepted", "are_run"),
    [
        ({}, frozenset(), True),
        ({"confounders": ["date"]}, frozenset(), False),
        ({"confounders": ["date"]}, frozenset({"date", "rin"}), True),
        ({"confounders": ["date", "rin"]}, frozenset({"date"}), False),
        ({"enough_groups": False}, frozenset(), False),
        ({"confounders": ["date"], "enough_groups": False}, None, True),
    ],
)
def test_permutations_that_decide_nothing_run_only_when_asked_for(known, accepted, are_run):
    assert bool(fit_files(FOLDED, OPEN | known, accepted=accepted).permuted()) == are_run


@pytest.mark.parametrize("one_job", [True, False])
def test_people_keep_the_final_model_with_its_answer(one_job):
    files = fit_files(FOLDED, one_job=one_job)
    assert files.answer in files.kept()
    assert set(files.tokens()) <= set(files.kept())
    assert files.answer in files.reported()
    assert ("results/series/models/tiny/final" in files.kept()) == one_job
