"""Which weights of a classifier are trained: all, low-rank adapters beside frozen ones (LoRA, Hu et
al. 2021), or the head alone.

Adapters are merged into the weights when the training ends, so that every finished model loads
alike.
"""

from typing import Any

import torch
from transformers.models.gpt2.modeling_gpt2 import GPT2PreTrainedModel

from epigpt.training.parameter_count import LORA_ALPHA, LORA_RANK

ADAPTED = ("c_attn", "c_proj", "c_fc")
HEAD, EMBEDDING, LINEAR = "score", "wte", "linear"
PREFIX = "base_model.model."


def prepare(model: GPT2PreTrainedModel, tuning: str, new_embedding: bool, seed: int) -> Any:
    """Freeze what is not trained; give the model to train, which for LoRA is peft's wrapper around
    `model`."""
    if hasattr(model, LINEAR) and model.config.n_layer == 0:
        # Without blocks the linear classifier is all that the output depends on.
        model.transformer.requires_grad_(False)
        model.score.requires_grad_(False)
        return model
    if tuning == "frozen":
        model.transformer.requires_grad_(False)
    if tuning != "lora":
        return model
    from peft import LoraConfig, get_peft_model

    kept = [HEAD, *([EMBEDDING] if new_embedding else [])]
    if hasattr(model, LINEAR):
        kept.append(LINEAR)
    if model.config.n_layer == 0:  # nothing to adapt
        model.transformer.requires_grad_(False)
        if new_embedding:
            model.get_input_embeddings().requires_grad_(True)
        return model
    config = LoraConfig(
        r=LORA_RANK,
        lora_alpha=LORA_ALPHA,
        target_modules=list(ADAPTED),
        modules_to_save=kept,
        fan_in_fan_out=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        wrapped = get_peft_model(model, config)
    if hasattr(model, LINEAR):
        # A parameter of its own and no module that peft could keep: the intercept follows the
        # weights beside it.
        model.linear_bias.requires_grad_(True)
    return wrapped


def merged(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Fold adapters into the weights they adapt and give all of them the names of the model without
    adapters.

    The adapted weights change in place. GPT-2 stores its matrices as (inputs, outputs), so the
    product of the adapters is added transposed.
    """
    if not any(name.startswith(PREFIX) for name in weights):
        return weights
    result = {}
    for name, weight in weights.items():
        if ".lora_" in name or ".original_module." in name:
            continue
        if name.endswith(".base_layer.weight"):
            stem = name.removesuffix(".base_layer.weight")
            down, up = (
                weights[f"{stem}.lora_A.default.weight"],
                weights[f"{stem}.lora_B.default.weight"],
            )
            # Inputs first, as the weight lies: adding across would take six times as long.
            change = down.float().T @ up.float().T
            # In place: of a large model there is no room for two.
            weight.copy_(change.mul_(LORA_ALPHA / LORA_RANK).add_(weight))
        result[own_name(name)] = weight
    return result


def own_name(name: str) -> str:
    """Return the name that a parameter has in the model without adapters."""
    bare = name.removeprefix(PREFIX)
    return bare.replace(".base_layer.", ".").replace(".modules_to_save.default.", ".")
