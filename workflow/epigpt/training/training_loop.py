"""The one training loop: the same for CPU and GPU, one process or many, every ZeRO stage."""

import math
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from epigpt.errors import InputError
from epigpt.training import batches, states
from epigpt.training.checkpoint_schedule import CheckpointScheduler
from epigpt.training.early_stopping import EarlyStopping
from epigpt.training.engine import Recipe, set_rates
from epigpt.training.launch import Placement, shared
from epigpt.training.plan import Plan


def weighted_loss(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Mean over the batch of weight × cross entropy.

    Divided by the number of examples and not by the sum of their weights: only so is the mean over
    micro-batches and devices the mean over the batch, however it is cut.
    """
    losses = nn.functional.cross_entropy(
        logits.float(), labels, reduction="none", label_smoothing=smoothing
    )
    return (losses * weights).mean()


def classification(
    output: Any, labels: torch.Tensor, weights: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Loss of a micro-batch for a classifier's output."""
    return weighted_loss(output.logits, labels, weights, smoothing)


@dataclass(frozen=True)
class Session:
    """What takes part in a training.

    Attributes
    ----------
    engine
        The engine around the model (`epigpt.training.engine.start`).
    peak
        Operations per second that the devices together were measured at; 0: not measured.
    operations
        Operations per token, forward and backward.
    held, patience
        Early stopping: the examples held back, and who decides; None: all steps are taken.
    objective
        Gives the loss of a micro-batch from the model's output, labels, weights and label
        smoothing; a mean over its sequences.
    """

    engine: Any
    store: batches.Store
    examples: batches.Examples
    plan: Plan
    recipe: Recipe
    placement: Placement
    peak: float = 0.0
    operations: float = 0.0
    held: batches.Examples | None = None
    patience: EarlyStopping | None = None
    objective: Callable[[Any, torch.Tensor, torch.Tensor, float], torch.Tensor] = classification


@dataclass(frozen=True)
class Taken:
    """One optimiser step, over all processes.

    Attributes
    ----------
    loss, tokens
        Mean loss of the batch, tokens in it.
    stop, due
        Whether any process was told to stop; whether the first one finds a checkpoint due.
    """

    loss: float
    tokens: int
    stop: bool
    due: bool


def train(
    session: Session,
    record: Callable[..., None],
    keeper: CheckpointScheduler | None = None,
    first_step: int = 0,
) -> None:
    """Take the steps of the plan from `first_step` on.

    Parameters
    ----------
    record
        Called once a step with the fields of a line of training.jsonl; `seconds` is the wall time
        of the step, early stopping's look at the examples held back included, checkpoints and
        start-up not.
    keeper
        Writes checkpoints when they are due and when the process is told to stop; None: none are
        written.

    Raises
    ------
    InputError
        The loss is not finite.
    Stopped
        The process was told to stop; a checkpoint has been written.
    """
    plan, recipe = session.plan, session.recipe
    session.engine.train()
    order = batches.Order(session.examples.lengths, plan.global_batch_size, recipe.seed)
    for step in range(first_step, plan.steps):
        began = time.perf_counter()
        chosen_rate = set_rates(session.engine.optimizer, recipe, step, plan.steps)
        taken = _step(session, order.step(step), step, keeper)
        if not math.isfinite(taken.loss):
            raise InputError(
                f"a loss of {taken.loss}",
                f"step {step + 1} of {plan.steps}",
                "the weights after it would be worthless",
                f"lower learning_rate (now {recipe.rates.matrices:g}), or set precision: fp32",
            )
        seconds = time.perf_counter() - began
        inner_loss, enough = _watched(session, step)
        record(
            step=step + 1,
            epoch=round((step + 1) * plan.global_batch_size / len(session.examples), 4),
            loss=taken.loss,
            learning_rate=chosen_rate,
            tokens_per_second=round(taken.tokens / seconds, 1),
            utilisation=(
                round(taken.tokens * session.operations / seconds / session.peak, 4)
                if session.peak
                else None
            ),
            memory_bytes=used_memory(session.placement.device),
            seconds=round(time.perf_counter() - began, 3),
            **({} if inner_loss is None else {"inner_loss": inner_loss}),
        )
        if enough:
            return
        if keeper is not None and step + 1 < plan.steps:
            keeper.after(session.engine, step + 1, taken.due, taken.stop)


def _step(
    session: Session, chosen: np.ndarray, step: int, keeper: CheckpointScheduler | None
) -> Taken:
    plan, device, placement = session.plan, session.placement.device, session.placement
    # Whatever is random in a step follows from seed, step and process: a resumed training needs no
    # stored state.
    seed = ((session.recipe.seed * 1_000_003 + step) * 4096 + placement.rank) % 2**63
    if device.type == "cpu":
        # The generators of devices that a step does not use take longer than the CPU's.
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
    totals = torch.zeros(4, dtype=torch.float64, device=device)
    for batch in batches.micro_batches(
        session.store, session.examples, plan, chosen, placement.rank
    ):
        moved = {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
        labels, weights = moved.pop("labels"), moved.pop("weights")
        loss = session.objective(
            session.engine(**moved), labels, weights, session.recipe.label_smoothing
        )
        session.engine.backward(loss)
        session.engine.step()
        totals[0] += loss.detach() / plan.accumulation
        totals[1] += int(batch["attention_mask"].sum())
    if keeper is not None:
        totals[2] += keeper.told_to_stop
        totals[3] += keeper.is_due and placement.is_first
    if plan.world_size > 1:
        torch.distributed.all_reduce(totals)
    loss_sum, tokens, stop, due = totals.tolist()
    return Taken(loss_sum / plan.world_size, int(tokens), stop > 0, due > 0)


def _watched(session: Session, step: int) -> tuple[float | None, bool]:
    """After the last step of an epoch, give the loss on the examples held back and whether to
    stop."""
    batch, count = session.plan.global_batch_size, len(session.examples)
    if (
        session.patience is None
        or session.held is None
        or (step + 1) * batch // count == step * batch // count
    ):
        return None, False
    loss = shared(_inner_loss(session, session.held), session.placement)
    writes = session.placement.is_first
    return loss, session.patience.after_epoch(
        loss, lambda: states.weights(session.engine, kept=writes), writes
    )


def _inner_loss(session: Session, held: batches.Examples) -> float:
    total, size, device = 0.0, session.plan.micro_batch_size, session.placement.device
    session.engine.eval()
    with torch.no_grad():
        for start in range(0, len(held), size):
            rows = slice(start, start + size)
            batch = batches.collate(session.store, held.rows[rows], held.views[rows])
            output = session.engine(**{name: tensor.to(device) for name, tensor in batch.items()})
            labels, weights = (
                torch.from_numpy(values[rows]).to(device) for values in (held.labels, held.weights)
            )
            total += float(session.objective(output, labels, weights, 0.0)) * len(labels)
    session.engine.train()
    return total / len(held)


def used_memory(device: torch.device) -> int:
    """Peak bytes: of the device's allocator on a GPU, of the process's resident memory on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
