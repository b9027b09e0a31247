"""The loop's parts: order of examples, class weights, schedule, loss, refusal of a loss that is not
finite."""

import json
import logging
import os
import signal
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.token_dataset import EncodingConfig as Encoding
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.encoding.vocabulary import Vocabulary
from epigpt.errors import InputError
from epigpt.models.recipes import LearningRates
from epigpt.training import (
    batches,
    checkpoint_schedule,
    early_stopping,
    engine,
    plan,
    progress,
    training_loop,
)
from epigpt.training.launch import Placement

RECIPE = engine.Recipe(LearningRates(1e-3, 2e-3, 5e-4), seed=7)


def _store(rows: int = 10, views: int = 3) -> TokenDataset:
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 9, (rows, views)).astype(np.int32)
    tokens = np.where(
        np.arange(8) < lengths[:, :, None], generator.integers(2, 20, (rows, views, 8)), 0
    ).astype(np.int32)
    names = [f"S{number}" for number in range(rows)]
    labels = ["a"] * 6 + ["b"] * (rows - 6)
    index = pd.DataFrame(
        {
            "observation": names,
            "sample": names,
            "group": names,
            "label": labels,
            "set": ["train"] * (rows - 2) + ["test"] * 2,
        }
    )
    none = np.zeros(0, dtype=np.float32)
    reference = GeneStatistics(none, none, none, 1e6, none.reshape(0, 0))
    return TokenDataset(
        index,
        tokens,
        lengths,
        None,
        Vocabulary((), ()),
        reference,
        Encoding("gene-tokens", 8, 18, views, 1),
        ["a", "b"],
    )


def _plan(batch: int, world: int = 1, micro: int | None = None) -> plan.Plan:
    micro = micro or batch // world
    return plan.Plan(
        "tiny",
        "test",
        1,
        world,
        "fp32",
        0,
        False,
        batch,
        micro,
        batch // world // micro,
        steps=4,
        hours=0,
        disk_bytes=0,
    )


def test_only_training_rows_are_examples_and_classes_weigh_the_same() -> None:
    examples = batches.training_examples(_store())
    assert set(examples.rows) == set(range(8))
    assert len(examples) == 24
    weights = [examples.weights[examples.labels == number].sum() for number in (0, 1)]
    assert weights[0] == pytest.approx(weights[1])
    assert examples.weights.mean() == pytest.approx(1.0)


def test_every_example_comes_once_an_epoch_and_batches_are_always_whole() -> None:
    order = batches.Order(np.full(10, 7), 4, seed=1)
    steps = [order.step(step) for step in range(5)]
    assert all(len(step) == 4 for step in steps)
    drawn = np.concatenate(steps)
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert drawn[:10].tolist() != drawn[10:].tolist()


@pytest.mark.parametrize(("world", "micro"), [(1, 12), (1, 4), (2, 6), (2, 3), (3, 2)])
def test_devices_and_micro_batches_share_out_the_same_batch(world: int, micro: int) -> None:
    store = _store()
    examples = batches.training_examples(store)
    chosen = batches.Order(examples.lengths, 12, seed=7).step(0)
    seen: list[tuple[int, ...]] = []
    for rank in range(world):
        parts = list(batches.micro_batches(store, examples, _plan(12, world, micro), chosen, rank))
        assert all(len(part["labels"]) == micro for part in parts)
        seen += [tuple(row[row > 0].tolist()) for part in parts for row in part["input_ids"]]
    expected = [
        tuple(store.tokens[row, view, : store.lengths[row, view]].tolist())
        for row, view in zip(examples.rows[chosen], examples.views[chosen], strict=True)
    ]
    assert sorted(seen) == sorted(expected)


def test_collate_cuts_to_the_longest_and_masks_the_padding() -> None:
    store = _store()
    rows, views = np.array([0, 3]), np.array([1, 2])
    batch = batches.collate(store, rows, views)
    assert batch["input_ids"].shape[1] == store.lengths[rows, views].max()
    assert batch["attention_mask"].sum(1).tolist() == store.lengths[rows, views].tolist()


def test_an_inner_split_holds_back_whole_groups_of_every_class() -> None:
    store = _store(rows=22)
    store.index["group"] = [f"G{number // 2}" for number in range(22)]
    examples = batches.training_examples(store)
    kept, held = early_stopping.split(store, examples, seed=1)
    groups = store.index["group"].to_numpy()
    assert len(kept) + len(held) == len(examples)
    assert not set(groups[kept.rows]) & set(groups[held.rows])
    assert set(held.labels) == set(kept.labels) == {0, 1}
    store.index["group"] = [
        "one" if label == "b" else name
        for label, name in zip(store.index["label"], groups, strict=True)
    ]
    with pytest.raises(InputError, match="single training group of class 'b'"):
        early_stopping.split(store, batches.training_examples(store), seed=1)


def test_the_rates_rise_then_fall_along_a_cosine() -> None:
    shares = [engine.share_of_peak(RECIPE, step, 200) for step in range(200)]
    assert shares[0] == pytest.approx(1 / 20)
    assert shares.index(max(shares)) in (19, 20)
    assert max(shares) == pytest.approx(1)
    assert all(later < earlier for earlier, later in pairwise(shares[20:]))
    assert 0.1 < shares[-1] < 0.11


def test_short_trainings_warm_up_for_ten_steps_but_no_more_than_half() -> None:
    assert engine.share_of_peak(RECIPE, 0, 40) == pytest.approx(1 / 10)
    assert engine.share_of_peak(RECIPE, 9, 40) == pytest.approx(1)
    assert engine.share_of_peak(RECIPE, 2, 6) == pytest.approx(1)
    assert engine.share_of_peak(RECIPE, 0, 1) == pytest.approx(1)


def test_the_weighted_loss_of_a_batch_is_the_mean_over_its_parts() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(12, 2, generator=generator), torch.arange(12) % 2
    weights = torch.rand(12, generator=generator)
    whole = training_loop.weighted_loss(logits, labels, weights, 0.05)
    parts = [
        training_loop.weighted_loss(logits[part], labels[part], weights[part], 0.05)
        for part in torch.arange(12).reshape(3, 4)
    ]
    torch.testing.assert_close(torch.stack(parts).mean(), whole)


class _Engine(SimpleNamespace):
    """Stands in for DeepSpeed's engine: gives a chosen logit, counts what it is asked."""

    def __call__(self, **batch: torch.Tensor) -> Any:
        return SimpleNamespace(logits=torch.full((len(batch["input_ids"]), 2), self.logit))

    def train(self) -> None:
        self.steps = 0

    def backward(self, loss: torch.Tensor) -> None:
        self.losses.append(float(loss))

    def step(self) -> None:
        self.steps += 1

    def no_sync(self) -> Any:
        return nullcontext()


def _session(logit: float) -> training_loop.Session:
    store = _store()
    engine = _Engine(
        logit=logit, losses=[], optimizer=SimpleNamespace(param_groups=[{"lr": 0.0, "peak": 1e-3}])
    )
    placement = Placement(0, 1, torch.device("cpu"))
    return training_loop.Session(
        engine, store, batches.training_examples(store), _plan(6, micro=3), RECIPE, placement
    )


def test_a_loss_that_is_not_finite_stops_with_a_message() -> None:
    session = _session(float("nan"))
    with pytest.raises(InputError, match="step 1 of 4"):
        training_loop.train(session, lambda **_: None)


def test_batches_of_similar_lengths_hold_every_example_once_an_epoch() -> None:
    lengths = np.random.default_rng(0).integers(10, 1000, 203)
    order, plain = batches.Order(lengths, 8, seed=1), batches.Order(np.full(203, 500), 8, seed=1)
    drawn = np.concatenate([order.step(step) for step in range(203)])
    assert np.bincount(drawn, minlength=203).tolist() == [8] * 203
    padded = [
        int((lengths[step].max() - lengths[step]).sum())
        for step in (order.step(number) for number in range(25))
    ]
    unsorted = [
        int((lengths[step].max() - lengths[step]).sum())
        for step in (plain.step(number) for number in range(25))
    ]
    assert sum(padded) < 0.5 * sum(unsorted)
    assert order.step(3).tolist() != order.step(28).tolist(), "epochs differ"
    again = batches.Order(lengths, 8, seed=1)
    assert again.step(30).tolist() == order.step(30).tolist(), (
        "a resumed training sees the same batches"
    )


def test_one_line_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Looked at three times a step: where it begins, after its update, after early stopping's look.
    looks = (10 * step + offset for step in range(4) for offset in (0.0, 0.5, 2.0004))
    clock = SimpleNamespace(perf_counter=lambda: next(looks))
    monkeypatch.setattr(training_loop, "time", clock)
    session = replace(_session(0.0), peak=1e9, operations=1e6)
    recorder = progress.Recorder(
        tmp_path / "training.jsonl", logging.getLogger("test"), 4, active=True
    )
    training_loop.train(session, recorder)
    lines = [json.loads(line) for line in (tmp_path / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert set(lines[0]) == {
        "step",
        "epoch",
        "loss",
        "learning_rate",
        "tokens_per_second",
        "utilisation",
        "memory_bytes",
        "seconds",
    }
    assert [line["seconds"] for line in lines] == [2.0] * 4
    assert next(looks, None) is None
    assert lines[0]["epoch"] == 0.25
    chosen = batches.Order(session.examples.lengths, 6, RECIPE.seed).step(0)
    tokens = int(session.examples.lengths[chosen].sum())
    assert lines[0]["tokens_per_second"] == tokens / 0.5
    assert lines[0]["utilisation"] == round(tokens * 1e6 / 0.5 / 1e9, 4)
    # The mean over the micro-batches, each weighted by class: not the sum, and not the last one's.
    assert lines[0]["loss"] == pytest.approx(
        np.log(2) * session.examples.weights[chosen].mean(), rel=1e-5
    )
    assert session.engine.steps == 8


class _Saved(list[int]):
    def __call__(self, _: object, step: int) -> None:
        self.append(step)


def test_checkpoints_come_when_they_are_due_and_when_told_to_stop() -> None:
    session, saved = _session(0.0), _Saved()
    keeper = checkpoint_schedule.CheckpointScheduler(saved, 0, logging.getLogger("test"))
    training_loop.train(session, lambda **_: None, keeper)
    assert saved == [1, 2, 3], "after the last step the weights themselves are written"
    saved.clear()
    keeper = checkpoint_schedule.CheckpointScheduler(saved, 60, logging.getLogger("test"))

    def told(step: int, **_: object) -> None:
        if step == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(checkpoint_schedule.Stopped) as stopped, keeper.listening():
        training_loop.train(session, told, keeper)
    assert saved == [2]
    assert stopped.value.exit_status == 143
