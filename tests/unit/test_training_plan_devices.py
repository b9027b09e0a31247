"""The plan on several devices: how many pay, what divides, what cannot fit."""

import re
from dataclasses import replace
from typing import Any

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
    made = plan.make(
        presets.load("gpt2-xl"), replace(small, devices=devices), WORK, MemoryBudget(16 * GB)
    )
    assert made.world_size == devices
    fewer = max(number for number in range(1, devices) if WORK.global_batch_size % number == 0)
    layout = MemoryModel(
        presets.load("gpt2-xl"), 1_557_614_400, 1_557_614_400, "bf16", fewer, 1024, "cuda"
    )
    assert layout.memory(Strategy(3, 1, True))["total"] > 16 * GB * USABLE


def _forged(memory: float, devices: int = 1, *, node: float = 64, bf16: bool = True) -> Any:
    whole = presets.hardware("h100x8")
    return replace(whole, devices=devices, device_memory_gb=memory, node_memory_gb=node, bf16=bf16)


def _planned(hardware: Any, **changes: Any) -> tuple[plan.Plan, str]:
    """Plan a configuration on a machine as a run does, for a data set of 30 samples."""
    settings = choice.resolve(Settings(**changes), choice.Devices.of_hardware(hardware))
    preset = presets.load(settings.model)
    used, why = strategy.hardware_for(settings, preset, hardware)
    work = replace(strategy.workload(settings), examples=96)
    room = MemoryBudget(
        int(used.device_memory_gb * GB) or 8 * GB, int(used.node_memory_gb * GB / used.devices)
    )
    return plan.make(preset, used, work, room), why


@pytest.mark.parametrize("bf16", [True, False])
@pytest.mark.parametrize("memory", [2, 6, 8, 9, 10, 11, 12, 14, 16, 24, 32, 40, 80])
def test_what_auto_takes_fits_on_every_card(memory: float, bf16: bool) -> None:
    made, _ = _planned(_forged(memory, bf16=bf16))
    if made.model != "tiny":
        assert made.precision == ("bf16" if bf16 else "fp32")
        # Frozen blocks stay while the finished model scores in fp32.
        assert made.bytes["total"] >= (6 if bf16 else 8) * made.parameters
        assert made.zero_stage == 0


@pytest.mark.parametrize(
    ("hardware", "changes", "expected"),
    [
        # ZeRO stage, offload, devices.
        (_forged(80, 4), {"global_batch_size": 7}, (0, "none", 1)),
        (_forged(40), {"model": "gpt2-xl", "tuning": "full"}, (0, "none", 1)),
        (_forged(24), {"model": "gpt2-large"}, (0, "none", 1)),
        (_forged(24), {"model": "gpt2-large", "tuning": "full"}, (0, "none", 1)),
        (_forged(24, node=64), {"model": "gpt2-xl", "tuning": "full", **LONG}, (3, "cpu", 1)),
        (_forged(32, bf16=False), {"model": "gpt2-xl", "tuning": "full"}, (0, "none", 1)),
        # A model that one card does not hold may leave several waiting.
        (_forged(16, 4, node=0), {"model": "gpt2-xl", "tuning": "full"}, (2, "none", 4)),
    ],
)
def test_odd_machines_and_settings_have_a_plan(
    hardware: Any, changes: dict[str, Any], expected: tuple[int, str, int]
) -> None:
    made, why = _planned(hardware, **changes)
    assert (made.zero_stage, made.offload, made.world_size) == expected
    assert ("do not hold the model" in why) == (made.world_size == 4)
    assert made.micro_batch_size * made.accumulation * made.world_size == made.global_batch_size


@pytest.mark.parametrize(
    ("hardware", "changes", "remedy", "followed"),
    [
        (_forged(16, node=0), {"tuning": "full"}, "set tuning: lora", {"tuning": "lora"}),
        (_forged(6, node=0), {}, "a smaller model preset", {"model": "gpt2"}),
        (
            _forged(16, 4, node=0),
            {"tuning": "full", "global_batch_size": 7},
            "set global_batch_size to 4",
            {"tuning": "full", "global_batch_size": 4},
        ),
    ],
)
def test_what_does_not_fit_fits_once_its_remedy_is_followed(
    hardware: Any, changes: dict[str, Any], remedy: str, followed: dict[str, Any]
) -> None:
    with pytest.raises(InputError) as refusal:
        _planned(hardware, **{"model": "gpt2-xl", **changes})
    assert remedy in refusal.value.remedy
    made, _ = _planned(hardware, **{"model": "gpt2-xl", **followed})
    assert made.bytes["total"] <= USABLE * made.bytes["available"]


def test_the_memory_that_a_refusal_names_is_enough() -> None:
    with pytest.raises(InputError) as refusal:
        _planned(_forged(6, node=0), model="gpt2-xl")
    wanted = re.search(r"devices with (\d+) GB", refusal.value.remedy)
    assert wanted is not None
    made, _ = _planned(_forged(int(wanted[1]), node=0), model="gpt2-xl")
    assert made.model == "gpt2-xl"


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
