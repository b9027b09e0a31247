"""Training on one device without DeepSpeed: what a plain loop does, in fp32 and in bf16."""

import gc
import weakref
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from epigpt.models.recipes import LearningRates
from epigpt.training import engine, plan, states
from epigpt.training.single_device import SingleDevice

CPU = torch.device("cpu")
RECIPE = engine.Recipe(LearningRates(1e-2, 2e-2, 5e-3), seed=1, gradient_clipping=0.5)


class _Model(nn.Module):
    """A head on a matrix with a bias; `frozen` leaves the matrix as it is."""

    def __init__(self, frozen: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.score = nn.Linear(8, 8), nn.Linear(8, 2, bias=False)
        self.inner.weight.requires_grad_(not frozen)

    def forward(self, x: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.score(torch.tanh(self.inner(x))))


def _plan(precision: str, accumulation: int = 1) -> plan.Plan:
    return plan.Plan(
        "tiny", "test", 1, 1, precision, 0, False, 8, 8 // accumulation, accumulation, 4, 0, 0
    )


def _batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(8, 8, generator=generator), torch.arange(8) % 2


def _trained(precision: str, accumulation: int, frozen: bool = False) -> SingleDevice:
    started = engine.start(_Model(frozen), _plan(precision, accumulation), RECIPE, CPU)
    assert isinstance(started, SingleDevice)
    for step in range(6):
        engine.set_rates(started.optimizer, RECIPE, step, 6)
        rows, labels = _batch(step)
        kind = torch.bfloat16 if precision == "bf16" else torch.float32
        for part in torch.arange(8).reshape(accumulation, -1):
            logits = started(x=rows[part].to(kind)).logits
            started.backward(nn.functional.cross_entropy(logits.float(), labels[part]))
            started.step()
    return started


def _plain() -> nn.Module:
    model = _Model()
    optimizer = engine.optimizer(model, RECIPE)
    for step in range(6):
        engine.set_rates(optimizer, RECIPE, step, 6)
        rows, labels = _batch(step)
        nn.functional.cross_entropy(model(rows).logits, labels).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
    return model


@pytest.mark.parametrize("accumulation", [1, 4])
def test_fp32_is_a_plain_loop_however_a_batch_is_cut(accumulation: int) -> None:
    trained, plain = _trained("fp32", accumulation), _plain()
    for name, weight in plain.named_parameters():
        torch.testing.assert_close(
            dict(trained.module.named_parameters())[name], weight, rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("accumulation", [1, 4])
def test_bf16_steps_on_fp32_masters(accumulation: int) -> None:
    trained, plain = _trained("bf16", accumulation), _plain()
    for name, parameter in trained.module.named_parameters():
        master = trained.whole(parameter)
        assert (parameter.dtype, master.dtype) == (torch.bfloat16, torch.float32)
        # The model has the masters' values, rounded; steps smaller than bf16's spacing add up.
        assert torch.equal(parameter, master.to(torch.bfloat16))
        assert not torch.equal(master, master.to(torch.bfloat16).float())
        torch.testing.assert_close(master, dict(plain.named_parameters())[name], rtol=0, atol=2e-2)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_engine_leaves_nothing_behind(precision: str) -> None:
    """A job trains many models one after the other."""
    engine_of = _trained(precision, 2)
    kept = [weakref.ref(each) for each in (engine_of, engine_of.module, engine_of.optimizer)]
    del engine_of
    gc.collect()
    assert [each() for each in kept] == [None, None, None]


def test_gradients_of_micro_batches_are_added_in_fp32() -> None:
    """In bf16 a small gradient added to a large one is lost."""
    model = _Model()
    started = SingleDevice(
        model, engine.optimizer(model, RECIPE), _plan("bf16", accumulation=2), 0.0, CPU
    )
    weight = model.score.weight
    master = started.whole(weight)
    for size in (256.0, 0.5):
        (weight * size).sum().backward()
    assert weight.grad is None
    assert master.grad is not None
    assert torch.equal(master.grad, torch.full_like(master, 256.5))


def test_weights_that_are_not_trained_have_neither_master_nor_optimizer() -> None:
    started = _trained("bf16", 1, frozen=True)
    frozen = started.module.inner.weight
    assert frozen.dtype == torch.bfloat16
    assert started.whole(frozen) is frozen
    assert len(started.optimizer.state) == 2


def test_states_go_out_and_come_back(tmp_path: object) -> None:
    first = _trained("bf16", 1)
    held = {(name, key): tensor for name, key, tensor in states.read(first)}
    assert all(tensor.dtype == torch.float32 for tensor in held.values())
    again = engine.start(_Model(), _plan("bf16"), RECIPE, CPU)
    states.write(again, lambda name, key: held[name, key], step=6)
    for one, other in zip(states.read(first), states.read(again), strict=True):
        assert one[:2] == other[:2]
        assert torch.equal(one[2], other[2])
    for name, weight in states.weights(first).items():
        assert torch.equal(states.weights(again)[name], weight)


def test_deepspeed_is_for_what_is_divided_or_lives_elsewhere() -> None:
    alone = _plan("bf16")
    assert not alone.needs_deepspeed
    for changes in ({"world_size": 2}, {"zero_stage": 1}, {"offload": "cpu"}):
        assert replace(alone, **changes).needs_deepspeed
