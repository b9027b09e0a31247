"""What a data set costs as a whole: fixed costs, jobs, every part of it."""

from dataclasses import replace

import pytest
import yaml

from epigpt.config import repetitions
from epigpt.config.settings import Settings
from epigpt.models import choice, presets
from epigpt.stages import models
from epigpt.training import dataset_cost, plan, planning
from epigpt.training.memory_model import GB, MemoryBudget

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
    return plan.make(presets.load("gpt2-xl"), hardware, WORK, MemoryBudget(80 * GB))


def _cost(**changes: object) -> dataset_cost.DatasetCost:
    scope = replace(SCOPE, **changes)  # type: ignore[arg-type]
    return dataset_cost.of_dataset(_made(), "cuda", scope)


def test_small_steps_of_a_gpu_last_as_long_as_their_launches() -> None:
    made = _made()
    assert made.hours * 3600 == pytest.approx(made.steps * 48 * plan.LAUNCH_SECONDS)


def test_every_part_is_counted_with_its_fixed_costs() -> None:
    cost = _cost()
    assert cost.jobs == {"GPU": 1}
    assert set(cost.seconds) == {"start", "folds and final model", "variants", "attributions"}
    assert cost.seconds["folds and final model"] > 6 * 3600 * _made().hours
    assert cost.total == pytest.approx(sum(cost.seconds.values()))


def test_blocks_that_stay_are_read_once_in_a_job_and_folds_write_what_they_changed() -> None:
    made = _made()
    steps, load = 3600 * made.hours, 4 * made.parameters / dataset_cost.READ_BYTES
    store = 2 * made.parameters / dataset_cost.WRITE_BYTES  # bf16
    only = {"variants": 0, "attributed": False}
    assert _cost(**only).seconds["folds and final model"] == pytest.approx(6 * steps + load + store)
    whole = _cost(**only, whole_folds=True).seconds["folds and final model"]
    assert whole == pytest.approx(6 * steps + load + 6 * store)
    random = _cost(**only, pretrained=False).seconds["folds and final model"]
    assert random == pytest.approx(6 * (steps + load + store))
    # A variant in the same job reads nothing again, permutations in jobs of their own do.
    assert _cost(attributed=False).seconds["variants"] == pytest.approx(5 * steps)
    assert _cost(**only, refits=19).seconds["permutations"] == pytest.approx(
        19 * 5 * (steps + dataset_cost.ENCODE_SECONDS) + 4 * load
    )


def test_what_a_job_says_of_itself_is_what_was_said_before_it() -> None:
    settings = choice.resolve(Settings(), choice.Devices("h100x1", 80 * GB))
    before = planning.scope_of(settings, 30, settings.folds, together=True)
    told = models.scope(
        settings.model,
        settings.model_dump(mode="json"),
        fits=settings.folds,
        variants=len(settings.comparisons),
    )
    assert replace(told, samples=before.samples, views=before.views) == before


def test_parts_that_are_not_run_cost_nothing_and_permutations_cost_all_folds_again() -> None:
    bare = _cost(variants=0, attributed=False)
    assert set(bare.seconds) == {"start", "folds and final model"}
    refitted = _cost(variants=0, attributed=False, refits=19)
    again = 3600 * _made().hours + dataset_cost.ENCODE_SECONDS
    assert refitted.seconds["permutations"] > 19 * 5 * again
    assert refitted.seconds["folds and final model"] == bare.seconds["folds and final model"]


def test_permutations_and_further_draws_are_jobs_of_their_own() -> None:
    cost = _cost(refits=19, redraws=2, attributed=False)
    # The models, four of up to five permutations, two draws of the model and of one variant.
    assert cost.jobs == {"GPU": 1 + 4 + 2 * 2}
    assert sum(cost.seconds.values()) == pytest.approx(cost.as_dict()["seconds in all"], abs=0.5)
    assert cost.sentence().startswith("9 GPU jobs, ")


def test_what_is_said_before_anything_is_queued_is_the_plan_of_thirty_samples() -> None:
    hardware = presets.hardware("h100x1")
    settings = choice.resolve(Settings(), choice.Devices("h100x1", 80 * GB))
    preset = presets.load(settings.model)
    said = planning.forecast(settings, preset, hardware)
    made = planning.plan("auto", "h100x1", samples=24)
    scope = planning.scope_of(settings, 30, settings.folds, together=True)
    cost = dataset_cost.of_dataset(made, "cuda", scope)
    assert said == f"A data set of 30 samples takes {cost.sentence()}."
    assert planning.forecast(settings, preset, presets.hardware("cpu")) == ""


def test_apart_each_fit_starts_by_itself() -> None:
    apart = _cost(together=False)
    assert apart.jobs == {"GPU": 8}
    assert apart.seconds["start"] == 8 * dataset_cost.START_SECONDS


@pytest.mark.parametrize(
    ("model", "samples", "keys"),
    [
        ("gpt2", 30, {"permutations": 99}),
        ("tiny", 1_000, {"repeats": 2_000}),
        ("gpt2", 600, {"permutations": 19, "repeats": 4}),
        ("tiny", 20_000, {"views": 64, "epochs": 100}),
    ],
)
def test_what_takes_more_than_a_day_says_which_keys_help(
    model: str, samples: int, keys: dict[str, int]
) -> None:
    def cost(settings: Settings) -> tuple[dataset_cost.DatasetCost, str]:
        views = repetitions.views(settings.views)
        passes = repetitions.epochs(settings.epochs, samples * views, 64)
        work = replace(WORK, examples=samples * views, epochs=passes, tuning="full")
        hardware = presets.hardware("cpu")
        made = plan.make(presets.load(model), hardware, work, MemoryBudget(80 * GB))
        found = dataset_cost.of_dataset(
            made, "cpu", planning.scope_of(settings, samples, 5, together=True)
        )
        return found, found.advice(passes)

    settings = Settings(model=model, **keys)
    before, advice = cost(settings)
    assert before.total > dataset_cost.MOST_SECONDS
    told = yaml.safe_load(
        "{" + advice.partition(". ")[2].partition(" would")[0].replace("; ", ", ") + "}"
    )
    after, none = cost(Settings(**{"model": model, **keys, **told}))
    assert after.total <= dataset_cost.MOST_SECONDS
    assert not none


def test_ordinary_work_needs_no_advice() -> None:
    assert _cost().advice(10) == ""
