"""What DeepSpeed is handed: the recipe's optimizer and schedule, a model, the plan's
configuration."""

import ctypes
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from epigpt.training import machine
from epigpt.training.launch import deepspeed
from epigpt.training.plan import Plan, deepspeed_config

# M_MMAP_THRESHOLD of glibc's malloc.h.
_MMAP_THRESHOLD = -3


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


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """Learning rate of a step counted from 0: a linear rise to the peak, then half a cosine down to
    a tenth of it."""
    rising = max(1, round(recipe.warmup * steps))
    if step < rising:
        return recipe.learning_rate * (step + 1) / rising
    progress = (step - rising) / max(1, steps - rising)
    return recipe.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


def optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW from torch, fused into one pass, since DeepSpeed would compile its own; decay on
    matrices only."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=recipe.learning_rate,
        betas=(0.9, 0.999),
        eps=1e-8,
        fused=True,
    )


def start(model: nn.Module, plan: Plan, recipe: Recipe, swap: str = "") -> Any:
    """Hand model and optimizer to DeepSpeed; `swap` is the folder for what the plan puts on
    disk."""
    if plan.activation_checkpointing:
        # Re-entrant at stage 3 alone: there the other kind finds parameters already given back when
        # it recomputes.
        reentrant = plan.zero_stage == 3
        model.gradient_checkpointing_enable({"use_reentrant": reentrant})  # type: ignore[operator]
        if reentrant:
            model.enable_input_require_grads()  # type: ignore[operator]
    config = deepspeed_config(plan, recipe.gradient_clipping, swap)
    if plan.offload != "none":
        machine.forget_dead_compilations()  # swapping compiles extensions
        _give_back_at_once()
    wrapped, *_ = deepspeed().initialize(
        model=model, optimizer=optimizer(model, recipe), config=config, dist_init_required=False
    )
    _give_back_freed_memory()
    return wrapped


def _give_back_at_once() -> None:
    """Take every large block from the system and return it when it is freed.

    glibc raises the size from which it does so with what is freed, to 32 MB; gathered weights and
    gradients of that size then leave holes of some hundred MB in the heap.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's own
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 1 << 22)


def _give_back_freed_memory() -> None:
    """Return to the system what building left in the allocator: weights that DeepSpeed has copied
    leave holes as large as the model."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
    if trim is not None:
        trim(0)
