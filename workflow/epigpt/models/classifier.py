"""Build, start, save and reload a GPT-2 classifier of encoded samples."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from transformers.models.gpt2.configuration_gpt2 import GPT2Config
from transformers.models.gpt2.modeling_gpt2 import (
    GPT2ForSequenceClassification,
    GPT2PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from epigpt.encoding import encoders, fitting
from epigpt.encoding.programs import Programs
from epigpt.encoding.vocabulary import SPECIAL
from epigpt.errors import InputError
from epigpt.models.gene_values import GeneValuesConfig, GeneValuesForSequenceClassification
from epigpt.models.presets import ModelPreset

transformers_logging.disable_progress_bar()


def configuration(
    preset: ModelPreset, encoding: str, vocabulary_size: int, width: int, classes: list[str]
) -> GPT2Config:
    """Describe the classifier of a preset for an encoding.

    Parameters
    ----------
    vocabulary_size
        Tokens, special ones included.
    width
        Longest sequence.
    classes
        Names in the order of the outputs.

    Raises
    ------
    InputError
        Sequences longer than the preset has positions.
    """
    if width > preset.positions:
        raise InputError(
            f"sequences of {width} tokens",
            f"model {preset.name}, encoding {encoding}",
            f"the model has {preset.positions} positions",
            f"lower max_genes by {width - preset.positions}",
        )
    encoder = encoders.find(encoding)
    # Without blocks nothing carries the genes to the last position, which the stock class reads;
    # ours takes the mean over all.
    kind = GeneValuesConfig if encoder.has_values or preset.layers == 0 else GPT2Config
    own: dict[str, Any] = {"linear_path": True} if encoding == fitting.PROGRAMS else {}
    return kind(
        **own,
        vocab_size=vocabulary_size,
        n_positions=preset.positions,
        n_embd=preset.width,
        n_layer=preset.layers,
        n_head=preset.heads,
        # GPT-2's own "gelu_new" is this formula in six separate passes over memory.
        activation_function="gelu_pytorch_tanh",
        embd_pdrop=preset.dropout,
        attn_pdrop=preset.dropout,
        resid_pdrop=preset.dropout,
        pad_token_id=encoder.pad,
        eos_token_id=encoder.end,
        bos_token_id=None,
        use_cache=False,
        id2label=dict(enumerate(classes)),
        label2id={name: number for number, name in enumerate(classes)},
    )


def build(config: GPT2Config, seed: int) -> GPT2PreTrainedModel:
    """Build the classifier with random weights that `seed` alone decides."""
    with _seeded(seed):
        return _new(config)


def build_around_blocks(config: GPT2Config, seed: int) -> GPT2PreTrainedModel:
    """Build the classifier for blocks that are read from a file afterwards: theirs are on the meta
    device, without numbers or memory (`epigpt.models.pretrained.start` fills them).

    Drawing GPT-2 XL's takes longer than reading them. Everything else is random as `seed` decides.
    """
    with torch.device("meta"):
        model = _new(config)
    with _seeded(seed):
        for name, module in model.named_modules():
            if not name.startswith("transformer.h."):
                for key, parameter in module.named_parameters(recurse=False):
                    setattr(module, key, nn.Parameter(torch.zeros_like(parameter, device="cpu")))
                model._init_weights(module)
        if isinstance(model, GeneValuesForSequenceClassification):
            model.let_blocks_add_nothing()
    return model


def _new(config: GPT2Config) -> GPT2PreTrainedModel:
    if isinstance(config, GeneValuesConfig):
        return GeneValuesForSequenceClassification(config)
    return GPT2ForSequenceClassification(config)


def start_at_zero(model: GPT2PreTrainedModel, blocks: bool) -> None:
    """Set the head to zero, and with `blocks` the output projections of attention and feed-forward.

    Each block is the identity then. How far a first step moves the logits no longer grows with
    depth and width: from a standard start it does so by layers times width squared.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name == "score.weight" or (blocks and name.endswith(".c_proj.weight")):
                parameter.zero_()


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def start_from_axes(model: GPT2PreTrainedModel, axes: np.ndarray) -> None:
    """Let the gene embeddings begin on the principal axes of the training samples.

    Column i of the embedding becomes axis i, scaled to the embedding's own standard deviation; the
    columns after the last axis keep their random start. Weighted by the deviations, the embeddings
    of a sample then sum to its principal components.

    Parameters
    ----------
    axes
        float32, shape (axes, genes), rows of unit length (`epigpt.encoding.gene_statistics`).
    """
    embedding = model.get_input_embeddings()
    if not isinstance(embedding, nn.Embedding):
        raise TypeError("a GPT-2 has an embedding")
    used = min(len(axes), embedding.weight.shape[1])
    if used == 0:
        return
    scaled = (
        torch.from_numpy(np.ascontiguousarray(axes[:used].T))
        * model.config.initializer_range
        * axes.shape[1] ** 0.5
    )
    with torch.no_grad():
        embedding.weight[len(SPECIAL) :, :used] = scaled.to(embedding.weight.dtype)


def start_from_programs(model: GPT2PreTrainedModel, programs: Programs) -> None:
    """Let the classifier begin as the linear classifier of its programs."""
    if not isinstance(model, GeneValuesForSequenceClassification):
        raise TypeError("programs have values")
    with torch.no_grad():
        rows = slice(len(SPECIAL), len(SPECIAL) + len(programs))
        model.linear.weight[rows] = torch.from_numpy(programs.weights).to(model.linear.weight)
        model.linear_bias.copy_(torch.from_numpy(programs.bias))
    model.config.blocks_share = float(programs.blocks_share)


def save(
    model: GPT2PreTrainedModel, folder: Path, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Write model.safetensors and config.json; `weights` where they were gathered from several
    processes.

    As `save_pretrained` does, which first imports DeepSpeed to see whether the model is wrapped in
    it: longer than a small training takes.
    """
    if not isinstance(model, GPT2ForSequenceClassification | GeneValuesForSequenceClassification):
        # Language models share weights. A copy of the dictionary, which save_pretrained empties.
        model.save_pretrained(folder, state_dict=None if weights is None else dict(weights))
        return
    config, tensors = model.config, model.state_dict() if weights is None else weights
    config.dtype = str(model.dtype).removeprefix("torch.")
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})


def load(folder: Path, device: torch.device | None = None) -> GPT2PreTrainedModel:
    """Load a finished classifier in fp32 for scoring, on the CPU unless a device is named."""
    model = _kind(folder).from_pretrained(folder, dtype=torch.float32)
    return model.eval() if device is None else model.eval().to(device=device)


def assembled(
    config: GPT2Config, weights: dict[str, torch.Tensor], device: torch.device
) -> GPT2PreTrainedModel:
    """Return the classifier that `load` would read, from weights in memory.

    Parameters
    ----------
    weights
        All of the model's, by name. They are taken out one by one as they become fp32: there may be
        no room for a large model twice.
    """
    with torch.device("meta"):
        model = _new(config)
    for name in list(dict(model.named_parameters())):
        module, _, key = name.rpartition(".")
        numbers = weights.pop(name).to(device, torch.float32)
        setattr(model.get_submodule(module), key, nn.Parameter(numbers))
    return model.eval()


def described(folder: Path) -> GPT2Config:
    """Read what config.json says of a classifier."""
    kind = _kind(folder).config_class
    assert kind is not None  # noqa: S101 - each of ours has one
    return cast(GPT2Config, kind.from_pretrained(folder))


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every tensor of the classifier that config.json describes."""
    with torch.device("meta"):
        model = _new(described(folder))
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _kind(folder: Path) -> type[GPT2PreTrainedModel]:
    described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kinds: dict[str, type[GPT2PreTrainedModel]] = {
        GeneValuesConfig.model_type: GeneValuesForSequenceClassification,
        GPT2Config.model_type: GPT2ForSequenceClassification,
    }
    if described.get("model_type") not in kinds:
        raise InputError(
            f"model_type {described.get('model_type')!r}",
            str(folder / "config.json"),
            f"a model of this program is one of {', '.join(kinds)}",
            "copy the model's folder again, or train it again",
        )
    return kinds[described["model_type"]]
