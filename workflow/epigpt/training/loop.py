"""The one training loop: the same for CPU and GPU, one process or many, every ZeRO stage."""

import json
import logging
import math
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from epigpt.encoding.store import Store
from epigpt.refusal import Refusal
from epigpt.training import batches
from epigpt.training.launch import Placement, deepspeed
from epigpt.training.plan import Plan, deepspeed_config


@dataclass(frozen=True)
class Recipe:
    """How a model is trained, devices aside.

    Attributes
    ----------
    learning_rate
        Peak of the schedule.
    seed
        Decides the order of the examples.
    warmup
        Share of the steps in which the rate rises.
    weight_decay
        Of matrices; biases and layer norms are left alone.
    gradient_clipping
        Largest norm of a step's gradient; 0: not clipped.
    label_smoothing
        Share of the target spread over all classes.
    """

    learning_rate: float
    seed: int
    warmup: float = 0.1
    weight_decay: float = 0.01
    gradient_clipping: float = 1.0
    label_smoothing: float = 0.05


@dataclass(frozen=True)
class Session:
    """What takes part in a training.

    Attributes
    ----------
    engine
        DeepSpeed's engine around the model (`engine`).
    """

    engine: Any
    store: Store
    examples: batches.Examples
    plan: Plan
    recipe: Recipe
    placement: Placement


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """Learning rate of a step counted from 0: a linear rise to the peak, then half a cosine down to a tenth of it."""
    rising = max(1, round(recipe.warmup * steps))
    if step < rising:
        return recipe.learning_rate * (step + 1) / rising
    progress = (step - rising) / max(1, steps - rising)
    return recipe.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


def optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW from torch, since DeepSpeed would compile its own; decay on matrices only."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=recipe.learning_rate, betas=(0.9, 0.999), eps=1e-8)


def engine(model: nn.Module, plan: Plan, recipe: Recipe) -> Any:
    """Hand model and optimizer to DeepSpeed."""
    if plan.activation_checkpointing:
        model.gradient_checkpointing_enable()  # type: ignore[operator]
    wrapped, *_ = deepspeed().initialize(
        model=model, optimizer=optimizer(model, recipe), config=deepspeed_config(plan, recipe.gradient_clipping), dist_init_required=False
    )
    return wrapped


def weighted_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Mean over the batch of weight × cross entropy.

    Divided by the number of examples and not by the sum of their weights: only so is the mean over micro-batches and devices the
    mean over the batch, however it is cut.
    """
    losses = nn.functional.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=smoothing)
    return (losses * weights).mean()


def train(session: Session, record: Callable[..., None]) -> None:
    """Take all steps of the plan.

    Parameters
    ----------
    record
        Called once a step with the fields of a line of training.jsonl.

    Raises
    ------
    Refusal
        The loss is not finite.
    """
    plan, recipe = session.plan, session.recipe
    session.engine.train()
    for step in range(plan.steps):
        began = time.perf_counter()
        chosen_rate = rate(recipe, step, plan.steps)
        for group in session.engine.optimizer.param_groups:
            group["lr"] = chosen_rate
        loss, tokens = _step(session, step)
        if not math.isfinite(loss):
            raise Refusal(
                f"a loss of {loss}",
                f"step {step + 1} of {plan.steps}",
                "the weights after it would be worthless",
                f"lower learning_rate (now {recipe.learning_rate:g}), or set precision: fp32",
            )
        record(
            step=step + 1,
            epoch=round((step + 1) * plan.global_batch_size / len(session.examples), 4),
            loss=loss,
            learning_rate=chosen_rate,
            tokens_per_second=round(tokens / (time.perf_counter() - began), 1),
            memory_bytes=used_memory(session.placement.device),
        )


def _step(session: Session, step: int) -> tuple[float, int]:
    """Take one optimiser step; give the loss over the whole batch and the tokens in it."""
    plan, device = session.plan, session.placement.device
    totals = torch.zeros(2, dtype=torch.float64, device=device)
    chosen = batches.in_step(len(session.examples), plan.global_batch_size, step, session.recipe.seed)
    for batch in batches.micro_batches(session.store, session.examples, plan, chosen, session.placement.rank):
        moved = {name: tensor.to(device) for name, tensor in batch.items()}
        labels, weights = moved.pop("labels"), moved.pop("weights")
        loss = weighted_loss(session.engine(**moved).logits, labels, weights, session.recipe.label_smoothing)
        session.engine.backward(loss)
        session.engine.step()
        totals += torch.stack([loss.detach().double() / plan.accumulation, moved["attention_mask"].sum().double()])
    if plan.world_size > 1:
        torch.distributed.all_reduce(totals)
    return float(totals[0]) / plan.world_size, int(totals[1])


def used_memory(device: torch.device) -> int:
    """Peak bytes: of the device's allocator on a GPU, of the process's resident memory on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def recorder(path: Path, log: logging.Logger, steps: int, active: bool) -> Callable[..., None]:
    """Give a function that writes one line of `path` per step, and about twenty of them to the log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if active:
        path.write_text("", encoding="utf-8")

    def record(**fields: Any) -> None:
        if not active:
            return
        with path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(fields) + "\n")
        if fields["step"] % max(1, steps // 20) == 0 or fields["step"] == steps:
            log.info("step %d/%d  loss %.4f  %.0f tokens/s", fields["step"], steps, fields["loss"], fields["tokens_per_second"])

    return record


def gathered_weights(wrapped: Any) -> dict[str, torch.Tensor]:
    """Give the trained weights in fp32 on the CPU, on every process; stage 3 is gathered parameter by parameter."""
    zero = deepspeed().zero
    weights = {}
    for name, parameter in wrapped.module.named_parameters():
        with zero.GatheredParameters([parameter], enabled=wrapped.zero_optimization_stage() == 3):
            weights[name] = parameter.detach().to("cpu", torch.float32, copy=True)
    for name, buffer in wrapped.module.named_buffers():
        if name in wrapped.module.state_dict():
            weights[name] = buffer.detach().to("cpu", copy=True)
    return weights
