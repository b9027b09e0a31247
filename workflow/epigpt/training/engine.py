"""What takes the steps: the recipe's optimizer and schedule, and an engine around a model:
DeepSpeed's where something is divided or lives elsewhere, else one without its hooks."""

import ctypes
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from epigpt.models.recipes import LearningRates
from epigpt.training import machine
from epigpt.training.deepspeed_config import deepspeed_config
from epigpt.training.launch import deepspeed, join_alone
from epigpt.training.plan import Plan
from epigpt.training.single_device import SingleDevice

# M_MMAP_THRESHOLD of glibc's malloc.h.
_MMAP_THRESHOLD = -3
# Learning rate of a linear path that begins fitted, as a share of the head's: training samples have
# nothing left to tell it, and a full rate would blur it (workflow/RECIPE.md).
LINEAR_SHARE = 0.1


@dataclass(frozen=True)
class Recipe:
    """How a model is trained, devices aside.

    Attributes
    ----------
    rates
        Peaks of the schedule, by kind of parameter.
    seed
        Decides the order of the examples.
    warmup, least_warmup
        Share of the steps in which the rates rise, and the least number of them; never more than
        half of a training.
    weight_decay
        Of matrices; biases and layer norms are left alone.
    gradient_clipping
        Largest norm of a step's gradient; 0: not clipped.
    label_smoothing
        Share of the target spread over all classes.
    """

    rates: LearningRates
    seed: int
    warmup: float = 0.1
    least_warmup: int = 10
    weight_decay: float = 0.01
    gradient_clipping: float = 1.0
    label_smoothing: float = 0.05


def share_of_peak(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of a step, counted from 0, as a share of its peak: a linear rise,
    then half a cosine down to a tenth."""
    wanted = max(recipe.least_warmup, round(recipe.warmup * steps))
    rising = max(1, min(wanted, steps // 2))
    if step < rising:
        return (step + 1) / rising
    progress = (step - rising) / max(1, steps - rising)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * progress))


def set_rates(optimizer: Any, recipe: Recipe, step: int, steps: int) -> float:
    """Set the learning rate of every parameter group for a step; return the largest share's, that
    of the first group."""
    share = share_of_peak(recipe, step, steps)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share
    return float(optimizer.param_groups[0]["lr"])


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Sort the trained parameters by their learning rate and weight decay.

    Every optimizer of the project takes its groups from here. Decay on matrices only; the first
    group's rate is the one that training.jsonl names.
    """
    rates = recipe.rates
    kinds: dict[str, tuple[float, float]] = {
        "matrices": (rates.matrices, recipe.weight_decay),
        "embeddings": (rates.embeddings, recipe.weight_decay),
        "norms and biases": (rates.embeddings, 0.0),
        "head": (rates.head, recipe.weight_decay),
        "linear start": (rates.head * LINEAR_SHARE, 0.0),
    }
    members: dict[str, list[nn.Parameter]] = {kind: [] for kind in kinds}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            members[_kind(name, parameter)].append(parameter)
    return [
        {"params": members[kind], "lr": peak, "peak": peak, "weight_decay": decay, "kind": kind}
        for kind, (peak, decay) in kinds.items()
        if members[kind]
    ]


def _kind(name: str, parameter: nn.Parameter) -> str:
    parts = name.split(".")
    if {"linear", "linear_bias"} & set(parts):
        return "linear start"
    if "score" in parts:
        return "head"
    if "wte" in parts or "wpe" in parts:
        return "embeddings"
    return "matrices" if parameter.ndim >= 2 else "norms and biases"


def optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return torch's AdamW, fused into one pass; DeepSpeed would compile its own."""
    return torch.optim.AdamW(
        parameter_groups(model, recipe), betas=(0.9, 0.999), eps=1e-8, fused=True
    )


def start(
    model: nn.Module, plan: Plan, recipe: Recipe, device: torch.device, swap: str = ""
) -> Any:
    """Hand model and optimizer to the engine that the plan needs; `swap` is the folder for what it
    puts on disk."""
    if plan.activation_checkpointing:
        # Re-entrant at stage 3 alone: there the other kind finds parameters already given back when
        # it recomputes.
        reentrant = plan.zero_stage == 3
        model.gradient_checkpointing_enable({"use_reentrant": reentrant})  # type: ignore[operator]
        if reentrant:
            model.enable_input_require_grads()  # type: ignore[operator]
    if not plan.needs_deepspeed:
        stepping = optimizer(model, recipe)
        return SingleDevice(model, stepping, plan, recipe.gradient_clipping, device)
    if plan.world_size == 1:
        join_alone()
    config = deepspeed_config(plan, recipe.gradient_clipping, swap, overlaps=device.type == "cuda")
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
