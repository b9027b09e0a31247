"""Training state of a model parameter by parameter, in fp32 and whole, however ZeRO has divided it.

A checkpoint in these terms depends on neither the ZeRO stage nor the number of processes, so it
resumes under any other plan. DeepSpeed's own checkpoints hold flat partitions of one stage and one
number of processes; its converter changes the number but not the stage.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from epigpt.training.launch import deepspeed
from epigpt.training.single_device import SingleDevice

WEIGHT = "weight"
MOMENTS = ("exp_avg", "exp_avg_sq")
KEYS = (WEIGHT, *MOMENTS)


def read(engine: Any, keys: tuple[str, ...] = KEYS) -> Iterator[tuple[str, str, torch.Tensor]]:
    """Yield every trained parameter's weight and AdamW moments, or some `keys` of them: name, key,
    fp32 tensor on the CPU.

    All processes must take part and go through to the end; each gets every tensor, one at a time.
    """
    names = _names(engine)
    if engine.zero_optimization_stage() == 3:
        yield from _read_divided(engine.optimizer, names, keys)
        return
    _link(engine)
    for parameter, name in names.items():
        for key in keys:
            yield (
                name,
                key,
                _whole(engine, parameter, key).detach().to("cpu", torch.float32, copy=True),
            )


def write(engine: Any, tensor: Callable[[str, str], torch.Tensor], step: int) -> None:
    """Set every trained parameter's weight and moments to `tensor(name, key)`, and AdamW's count of
    steps to `step`."""
    names = _names(engine)
    stage = engine.zero_optimization_stage()
    with torch.no_grad():
        if stage == 3:
            _write_divided(engine.optimizer, names, tensor, step)
            return
        _prepare(engine, step)
        for parameter, name in names.items():
            for key in KEYS:
                _set_whole(engine, parameter, key, tensor(name, key).to(parameter.device))
        if stage > 0:
            engine.optimizer.update_lp_params()
        elif isinstance(engine, SingleDevice):
            engine.round()


def _names(engine: Any) -> dict[Any, str]:
    return {
        parameter: name
        for name, parameter in engine.module.named_parameters()
        if parameter.requires_grad
    }


def _base(optimizer: Any) -> Any:
    """Torch's optimizer inside DeepSpeed's."""
    return getattr(optimizer, "optimizer", optimizer)


def _whole(engine: Any, parameter: Any, key: str) -> torch.Tensor:
    if engine.zero_optimization_stage() == 0:
        stepped = _stepped(engine, parameter)
        found: torch.Tensor = (
            stepped if key == WEIGHT else _base(engine.optimizer).state[stepped][key]
        )
        return found
    full: torch.Tensor = parameter.get_full_hp_param(None if key == WEIGHT else key)
    return full


def _set_whole(engine: Any, parameter: Any, key: str, value: torch.Tensor) -> None:
    if engine.zero_optimization_stage() == 0:
        stepped = _stepped(engine, parameter)
        (stepped if key == WEIGHT else _base(engine.optimizer).state[stepped][key]).copy_(value)
    else:
        parameter.set_full_hp_param(value, None if key == WEIGHT else key)


def _stepped(engine: Any, parameter: Any) -> Any:
    """Return what the optimizer steps on for a model's parameter: its fp32 master, or itself."""
    return engine.whole(parameter) if isinstance(engine, SingleDevice) else parameter


def _prepare(engine: Any, step: int) -> None:
    """Create the moments, which AdamW does not have before its first step."""
    base = _base(engine.optimizer)
    for group in base.param_groups:
        for flat in group["params"]:
            base.state[flat] = _fresh(flat, step)
    _link(engine)


def _link(engine: Any) -> None:
    """Let DeepSpeed find the moments: it looks for those of all groups after the first group's
    first step, when the others have none."""
    if engine.zero_optimization_stage() > 0:
        engine.optimizer._hp_optimizer_states_linked = False
        engine.optimizer._lazy_init_hp_params_optimizer_state()


def _fresh(flat: torch.Tensor, step: int) -> dict[str, torch.Tensor]:
    return {
        "step": torch.tensor(float(step), device=flat.device),
        **{key: torch.zeros_like(flat) for key in MOMENTS},
    }


def _read_divided(
    zero: Any, names: dict[Any, str], keys: tuple[str, ...]
) -> Iterator[tuple[str, str, torch.Tensor]]:
    for number in range(len(zero.fp16_groups)):
        with _present(zero, number, changed=False):
            for parameter, key, part in _parts(zero, number, keys):
                yield (
                    names[parameter],
                    key,
                    zero._fp32_state_allgather(parameter, part)
                    .detach()
                    .to("cpu", torch.float32, copy=True),
                )


def _write_divided(
    zero: Any, names: dict[Any, str], tensor: Callable[[str, str], torch.Tensor], step: int
) -> None:
    zero._partition_all_parameters()
    for number in range(len(zero.fp16_groups)):
        with _present(zero, number, changed=True):
            flat = zero.fp32_partitioned_groups_flat[number]
            zero.optimizer.state[flat] = _fresh(flat, step)
            for parameter, key, part in _parts(zero, number, KEYS):
                value = tensor(names[parameter], key).flatten()
                rank, size = zero._get_param_partition_rank(parameter), part.numel()
                own = value[rank * size : (rank + 1) * size]  # the last part is padded
                part[: own.numel()].copy_(own)
            zero._reassign_or_swap_out_partitioned_parameters(number)
    if zero.persistent_parameters:
        zero.persistent_parameters[0].all_gather(zero.persistent_parameters)


def _parts(
    zero: Any, number: int, keys: tuple[str, ...]
) -> Iterator[tuple[Any, str, torch.Tensor]]:
    flat = zero.fp32_partitioned_groups_flat[number]
    for parameter in zero.fp16_groups[number]:
        _, start, size = zero.grad_position[zero.get_param_id(parameter)]
        for key in keys:
            yield (
                parameter,
                key,
                (flat if key == WEIGHT else zero.optimizer.state[flat][key]).narrow(0, start, size),
            )


@contextmanager
def _present(zero: Any, number: int, changed: bool) -> Iterator[None]:
    """Hold a group in memory that may live on disk."""
    swapped = zero._swappable_optimizer_subgroup(number)
    if swapped:
        zero._optimizer_states_and_gradient_swap_in(number)
    yield
    if swapped and changed:
        zero._optimizer_states_and_gradient_swap_out(number)
    elif swapped:
        zero._release_swap_buffers(number)


def weights(engine: Any, kept: bool = True, copied: bool = False) -> dict[str, torch.Tensor]:
    """Return all weights as the model computes with them: fp32, or bf16 where it was trained in it;
    on the CPU where they were divided, else where they lie.

    Where they lie whole in this process's memory they are the model's own unless they are to be
    `copied`: of a large one there is no room for two. All processes must take part; those that have
    not `kept` them get an empty result, for memory's sake.
    """
    divided = engine.zero_optimization_stage() == 3
    if not divided and not kept:
        return {}
    found: dict[str, torch.Tensor] = {}
    for name, parameter in engine.module.named_parameters():
        if (
            divided
            and parameter.ds_tensor.device.type == "cpu"
            and parameter.ds_tensor.numel() == parameter.ds_numel
        ):
            found[name] = parameter.ds_tensor.detach().view(parameter.ds_shape)
            continue
        if not divided:
            found[name] = parameter.detach().clone() if copied else parameter.detach()
            continue
        with deepspeed().zero.GatheredParameters([parameter]):
            if kept:
                found[name] = parameter.detach().to("cpu", copy=True)
    held = engine.module.state_dict() if kept and not divided else {}
    found.update(
        {
            name: buffer.detach().to("cpu", copy=True)
            for name, buffer in engine.module.named_buffers()
            if name in held
        }
    )
    return found
