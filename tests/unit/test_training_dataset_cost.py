"""What a data set costs as a whole: fixed costs, jobs, every part of it."""

from dataclasses import replace

import pytest

from epigpt.models import presets
from epigpt.training import dataset_cost, plan
from epigpt.training.memory_model import MemoryBudget

WORK = plan.Workload(
    examples=120,
    length=64,
    vocabulary=66,
    classes=2,
    epochs=10,
    global_batch_size=16,
    tuning="lora",
)
SCOPE = dataset_cost.Scope(samples=30, views=4, fits=5)


def _made() -> plan.Plan:
    hardware = presets.hardware("h100x1")
    return plan.make(presets.load("gpt2-xl"), hardware, WORK, MemoryBudget(80 * plan.GB))


def _cost(**changes: object) -> dataset_cost.DatasetCost:
    scope = replace(SCOPE, **changes)  # type: ignore[arg-type]
    return dataset_cost.of_dataset(_made(), presets.hardware("h100x1"), scope)


def test_small_steps_of_a_gpu_last_as_long_as_their_launches() -> None:
    made = _made()
    assert made.hours * 3600 == pytest.approx(made.steps * 48 * plan.LAUNCH_SECONDS)


def test_every_part_is_counted_with_its_fixed_costs() -> None:
    cost = _cost()
    assert cost.jobs == {"GPU": 1}
    assert set(cost.seconds) == {"start", "folds and final model", "variants", "attributions"}
    assert cost.seconds["folds and final model"] > 6 * 3600 * _made().hours
    assert cost.total == pytest.approx(sum(cost.seconds.values()))


def test_parts_that_are_not_run_cost_nothing_and_permutations_cost_all_folds_again() -> None:
    bare = _cost(variants=0, attributed=False)
    assert set(bare.seconds) == {"start", "folds and final model"}
    refitted = _cost(variants=0, attributed=False, refits=19)
    one = bare.seconds["folds and final model"] / 6
    assert refitted.seconds["permutations"] == pytest.approx(19 * 5 * one)


def test_apart_each_fit_starts_by_itself() -> None:
    apart = _cost(together=False)
    assert apart.jobs == {"GPU": 8}
    assert apart.seconds["start"] == 8 * dataset_cost.START_SECONDS
