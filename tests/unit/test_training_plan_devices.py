"""The plan on several devices: how many pay, what divides, what cannot fit."""

import re
from dataclasses import replace

import pytest

from epigpt.config.settings import Settings
from epigpt.encoding import programs
from epigpt.errors import InputError
from epigpt.models import choice, presets
from epigpt.training import plan, strategy
from epigpt.training.deepspeed_config import deepspeed_config
from epigpt.training.memory_model import GB, USABLE, MemoryBudget, MemoryModel, Strategy
from plan_cases import WORK, xl

LONG = {"encoding": "gene-values", "max_genes": 1023}


def test_a_batch_larger_than_the_training_set_is_refused() -> None:
    with pytest.raises(InputError) as refusal:
        xl("h100x1", examples=40)
    assert "set global_batch_size to 40 or less" in refusal.value.remedy


def test_more_gpus_than_a_step_fills_are_refused_with_the_number_that_pays() -> None:
    with pytest.raises(InputError, match="for each of 8 GPUs") as refusal:
        xl("h100x8", global_batch_size=16, length=1000)
    assert "use 4 GPUs for a fit, or set global_batch_size to 32" in refusal.value.remedy
    assert xl("h100x8", global_batch_size=32, length=1000).world_size == 8
    one = replace(presets.hardware("h100x8"), devices=4)
    room = MemoryBudget(80 * GB)
    work = replace(WORK, global_batch_size=16, length=1000)
    assert plan.make(presets.load("gpt2-xl"), one, work, room).world_size == 4


@pytest.mark.parametrize(
    ("hardware", "changes", "nodes", "devices", "device"),
    [
        ("h100x8-nodes", {}, 1, 1, "cuda"),
        ("h100x8", {}, 1, 1, "cuda"),
        ("h100x8", {**LONG, "global_batch_size": 64}, 1, 8, "cuda"),
        ("h100x8-nodes", {**LONG, "global_batch_size": 64}, 2, 8, "cuda"),
        ("h100x8", {**LONG, "global_batch_size": 60}, 1, 6, "cuda"),
        ("h100x8", {"model": "tiny"}, 1, 1, "cpu"),
        ("cpu", {}, 1, 1, "cpu"),
    ],
)
def test_a_training_takes_as_many_gpus_as_its_steps_keep_busy(
    hardware: str, changes: dict[str, object], nodes: int, devices: int, device: str
) -> None:
    gpus = choice.Devices(hardware, 80 * GB if hardware != "cpu" else 0)
    settings = choice.resolve(Settings(**changes), gpus)  # type: ignore[arg-type]
    chosen, why = strategy.hardware_for(
        settings, presets.load(settings.model), presets.hardware(hardware)
    )
    assert (chosen.nodes, chosen.devices, chosen.device) == (nodes, devices, device)
    assert ("one job" in why.lower()) == (nodes * devices == 1)


@pytest.mark.parametrize(("batch", "used", "most"), [(61, 1, 8), (2049, 3, 32), (66, 6, 16)])
def test_a_batch_that_leaves_gpus_idle_names_one_that_does_not(
    batch: int, used: int, most: int
) -> None:
    hardware, gpus = presets.hardware("h100x8-nodes"), choice.Devices("nodes", 80 * GB)

    def taken(size: int) -> tuple[int, str]:
        settings = choice.resolve(Settings(**LONG, global_batch_size=size), gpus)  # type: ignore[arg-type]
        chosen, why = strategy.hardware_for(settings, presets.load(settings.model), hardware)
        return chosen.nodes * chosen.devices, why

    world, why = taken(batch)
    wanted = re.search(r"global_batch_size: (\d+) would use (\d+)", why)
    assert world == used
    assert wanted
    assert int(wanted[2]) == most
    world, why = taken(int(wanted[1]))
    assert world == most
    assert "would use" not in why


def test_the_longest_sequence_of_programs_is_known_without_importing_them() -> None:
    assert strategy.PROGRAMS == programs.MOST


def test_a_batch_that_the_devices_do_not_divide_names_the_nearest() -> None:
    with pytest.raises(InputError) as refusal:
        xl("h100x8", global_batch_size=60)
    assert "set global_batch_size to 56" in refusal.value.remedy


def test_what_cannot_fit_names_the_fewest_devices_that_would_do() -> None:
    small = replace(presets.hardware("h100x1"), device_memory_gb=16)
    with pytest.raises(InputError) as refusal:
        plan.make(presets.load("gpt2-xl"), small, WORK, MemoryBudget(16 * GB))
    devices = int(refusal.value.remedy.split()[1])
    layout = MemoryModel(
        presets.load("gpt2-xl"), 1_557_614_400, 1_557_614_400, "bf16", devices, 1024, "cuda"
    )
    assert layout.memory(Strategy(3, 1, True))["total"] <= 16 * GB * USABLE
    assert (
        replace(layout, world=devices - 1).memory(Strategy(3, 1, True))["total"] > 16 * GB * USABLE
    )


def test_long_sequences_are_refused() -> None:
    with pytest.raises(InputError, match="lower max_genes by 6"):
        xl("h100x1", length=1030)


def test_deepspeed_is_told_everything_it_would_guess() -> None:
    config = deepspeed_config(xl("h100x8"), gradient_clipping=0.0)
    assert config["gradient_clipping"] == 0.0
    assert config["train_batch_size"] == 64
    assert (
        config["train_micro_batch_size_per_gpu"] * config["gradient_accumulation_steps"] * 8 == 64
    )
    assert config["bf16"] == {"enabled": True}


def test_several_gpus_add_the_gradients_of_micro_batches_in_fp32() -> None:
    whole = xl("h100x8", global_batch_size=64)
    assert (whole.zero_stage, whole.accumulation) == (1, 1)
    assert "data_types" not in deepspeed_config(whole, 1.0)
    cut = xl("h100x8", global_batch_size=1024)
    assert cut.zero_stage == 2
    assert cut.accumulation > 1
    assert deepspeed_config(cut, 1.0)["data_types"] == {"grad_accum_dtype": "fp32"}
    assert "in fp32" in cut.why[1]
    # 4 bytes of each gradient, which stage 2 divides by the devices.
    assert cut.bytes["gradients"] == 4 * cut.trained // 8
    fp32 = xl("h100x8", global_batch_size=1024, precision="fp32")
    assert "data_types" not in deepspeed_config(fp32, 1.0)
