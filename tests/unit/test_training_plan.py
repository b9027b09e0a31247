"""The plan: what fits, what is refused and with which remedy."""

import argparse
import math
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from epigpt.config.settings import Settings
from epigpt.errors import InputError
from epigpt.models import choice, presets
from epigpt.training import plan, plan_command, planning, preparation, strategy
from epigpt.training.deepspeed_config import deepspeed_config
from epigpt.training.launch import Placement
from epigpt.training.memory_model import GB, USABLE, MemoryBudget, MemoryModel, Strategy
from plan_cases import WORK, xl


def test_gpt2_xl_needs_no_sharding_on_one_h100() -> None:
    made = xl("h100x1")
    states = made.bytes["weights"] + made.bytes["gradients"] + made.bytes["optimizer"]
    # Per parameter 2 of weights, 4 of gradients, which are added up in fp32, 12 of the optimizer.
    assert states / GB == pytest.approx(28.0, abs=0.05)
    assert (made.precision, made.zero_stage) == ("bf16", 0)
    assert not made.needs_deepspeed
    assert made.micro_batch_size * made.accumulation == 64
    assert made.bytes["total"] < 0.9 * 80 * GB


@pytest.mark.parametrize(
    ("hardware", "world"), [("h100x1", 1), ("h100x8", 8), ("h100x8-nodes", 32)]
)
def test_the_batch_is_the_users_on_every_hardware(hardware: str, world: int) -> None:
    made = xl(hardware, global_batch_size=128)
    assert made.world_size == world
    assert made.micro_batch_size * made.accumulation * world == 128
    assert made.steps == 94
    assert len(made.why) == 3


@pytest.mark.parametrize(
    ("hardware", "stage", "per_device"),
    [("h100x8", 1, 8.6), ("h100x8-nodes", 1, 6.8)],
)
def test_xl_on_h100_takes_the_lowest_stage_and_divides_the_optimizer(
    hardware: str, stage: int, per_device: float
) -> None:
    made = xl(hardware, global_batch_size=128)
    states = made.bytes["weights"] + made.bytes["gradients"] + made.bytes["optimizer"]
    assert (made.zero_stage, made.offload) == (stage, "none")
    # Per parameter 2 of weights, 2 of gradients, and 12 of the optimizer over all devices.
    assert states / GB == pytest.approx(per_device, abs=0.05)


def test_the_optimizer_leaves_a_device_that_is_too_small_for_it() -> None:
    small, work = presets.hardware("h100x1"), replace(WORK, length=512)
    beside = plan.make(presets.load("gpt2-xl"), small, work, MemoryBudget(16 * GB, node=60 * GB))
    assert (beside.zero_stage, beside.offload, beside.bytes["optimizer"]) == (3, "cpu", 0)
    assert beside.bytes["total"] <= 16 * GB * USABLE
    with pytest.raises(InputError):
        plan.make(presets.load("gpt2-xl"), small, work, MemoryBudget(16 * GB, node=20 * GB))
    machine = presets.hardware("cpu")
    on_disk = plan.make(
        presets.load("gpt2-xl"),
        machine,
        replace(work, precision="bf16"),
        MemoryBudget(16 * GB, swap=True),
    )
    assert on_disk.offload == "nvme"
    assert on_disk.disk_bytes > beside.disk_bytes
    assert "on disk" in on_disk.why[1]
    config = deepspeed_config(on_disk, 1.0, "/scratch/swap")
    assert config["zero_optimization"]["offload_optimizer"] == {
        "device": "nvme",
        "nvme_path": "/scratch/swap",
    }
    with pytest.raises(InputError) as refusal:
        plan.make(
            presets.load("gpt2-xl"), machine, replace(work, precision="bf16"), MemoryBudget(16 * GB)
        )
    assert "set tuning: lora" in refusal.value.remedy


def test_lora_needs_an_optimizer_for_the_adapters_alone() -> None:
    made = xl("h100x1", tuning="lora", new_embedding=False)
    # 48 blocks of 16 ranks-by-widths, and the head.
    assert made.trained == 48 * 8 * 1600 * 16 + 2 * 1600
    assert made.bytes["optimizer"] == 12 * made.trained
    assert xl("h100x1", tuning="frozen").trained == 3200


def test_a_full_disk_keeps_fewer_checkpoints_and_is_refused_before_anything_runs() -> None:
    made = xl("h100x1")
    one = 12 * made.trained
    assert made.disk_bytes == 3 * one + 4 * made.parameters
    assert [plan.kept_checkpoints(made, made.disk_bytes - number * one) for number in range(3)] == [
        2,
        1,
        0,
    ]
    with pytest.raises(InputError) as refusal:
        plan.kept_checkpoints(made, made.disk_bytes - 2 * one - int(2.5 * GB))
    assert refusal.value.remedy.startswith("free 3 GB")


def test_what_a_stopped_training_left_is_room_for_it_and_its_swap_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = replace(xl("h100x1"), parameters=1000, trained=1000, offload="nvme")
    one = plan.disk_bytes(1000, 1000, "nvme", 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=one - 12_000))
    alone, folder = Placement(0, 1, torch.device("cpu")), tmp_path / "final"
    with pytest.raises(InputError, match="free on disk"):
        preparation.kept_checkpoints(folder, made, alone)
    (folder / "swap" / "zero_stage_3").mkdir(parents=True)
    (folder / "swap" / "zero_stage_3" / "optimizer.swp").write_bytes(b"0" * 16_000)
    with pytest.raises(
        InputError, match="free on disk"
    ):  # a killed process's swap is deleted, and is no checkpoint
        preparation.kept_checkpoints(folder, made, alone)
    assert not (folder / "swap").exists()
    (folder / "0123456789abcdef" / "step-00000002").mkdir(parents=True)
    (folder / "0123456789abcdef" / "step-00000002" / "states-0000.safetensors").write_bytes(
        b"0" * 12_000
    )
    assert preparation.kept_checkpoints(folder, made, alone) == 0


def test_a_cpu_takes_bf16_only_where_it_is_faster_with_it() -> None:
    fast = replace(presets.hardware("cpu"), bf16=True)
    chosen = {
        name: plan._precision("auto", fast, presets.load(name))[0] for name in ("tiny", "gpt2")
    }
    assert chosen == {"tiny": "fp32", "gpt2": "bf16"}
    assert plan._precision("auto", presets.hardware("cpu"), presets.load("gpt2"))[0] == "fp32"


def test_stages_rise_only_as_memory_demands() -> None:
    layout = MemoryModel(
        presets.load("gpt2-xl"), 1_557_614_400, 1_557_614_400, "bf16", 8, 1024, "cuda"
    )
    totals = {stage: layout.memory(Strategy(stage, 1, True))["total"] for stage in (1, 2, 3)}
    assert totals[1] > totals[2] > totals[3]
    for stage, total in totals.items():
        chosen = plan._first_fit(layout, 1, MemoryBudget(math.ceil(total / USABLE)))
        assert chosen is not None
        assert chosen.stage == stage
    assert plan._first_fit(layout, 1, MemoryBudget(int((totals[3] - 1) / USABLE))) is None


def test_the_default_batch_works_on_four_nodes_which_are_narrowed_to_one_gpu() -> None:
    gpus = choice.Devices("h100x8-nodes", 80 * GB)
    settings = choice.resolve(Settings(), gpus)
    assert (settings.model, settings.tuning, settings.weights) == ("gpt2-xl", "lora", "preset")
    preset = presets.load(settings.model)
    nodes = presets.hardware("h100x8-nodes")
    chosen, why = strategy.hardware_for(settings, preset, nodes)
    assert (chosen.nodes, chosen.devices) == (1, 1)
    assert "One GPU and one job for each data set" in why
    work = replace(
        WORK, global_batch_size=settings.global_batch_size, length=settings.max_genes, tuning="lora"
    )
    made = plan.make(preset, chosen, work, MemoryBudget(80 * GB))
    assert made.micro_batch_size * made.accumulation == settings.global_batch_size


def test_flops_of_a_token_of_gpt2_xl() -> None:
    assert plan.flops_per_token(presets.load("gpt2-xl"), 1024) == pytest.approx(9.79e9, rel=0.01)


def test_the_command_prints_a_line_per_figure(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    plan_command.add_arguments(parser)
    words = ["--model", "gpt2-xl", "--hardware", "h100x1", "--encoding", "gene-sentence"]
    assert plan_command.run(parser.parse_args(words)) == 0
    printed = capsys.readouterr().out
    for part in (
        "1,557,611,200 parameters",
        "micro-batch",
        "ZeRO 0",
        "weights",
        "optimizer",
        "disk",
        "time",
        "1 GPU job",
        "data set",
    ):
        assert part in printed


def test_a_million_cells_are_planned_as_the_cells_that_are_drawn(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = argparse.ArgumentParser()
    plan_command.add_arguments(parser)
    printed = {}
    for number in ("2_000", "1,000,000"):
        assert plan_command.run(parser.parse_args(["--cells", number, "--donors", "8"])) == 0
        printed[number] = capsys.readouterr().out.splitlines()
    few, many = printed.values()
    assert few[:-1] == many[:-1]
    assert "4 passes over 1,600 views of 64 tokens" in "\n".join(many)
    assert many[-1].startswith("cells       models see 2,000 of 1,000,000")
    assert "grow by 31.7 min" in many[-1]
    assert "14.8 GB of memory and 19.0 GB of disk" in many[-1]


@pytest.mark.parametrize("views", [4, 1])
def test_the_command_says_what_the_first_lines_of_a_run_say(
    capsys: pytest.CaptureFixture[str], views: int
) -> None:
    """Of a data set of 30 samples, of which a fold of five trains 24."""
    parser = argparse.ArgumentParser()
    plan_command.add_arguments(parser)
    words = ["--hardware", "h100x1", "--dataset-size", "24", "--views", str(views)]
    assert plan_command.run(parser.parse_args(words)) == 0
    printed = capsys.readouterr().out
    hardware = presets.hardware("h100x1")
    asked = choice.resolve(Settings(views=views), choice.Devices.of_hardware(hardware))
    said = planning.forecast(asked, presets.load(asked.model), hardware)
    whole = said.removeprefix("A data set ").removesuffix(".")
    assert "of 30 samples takes 1 GPU job" in whole
    assert whole in printed
