"""A fit's weights as what it changed: adapters, embeddings and head, without the pretrained blocks
that all fits of a data set share and none of them changes.

Merged with the blocks they give the classifier that `epigpt.models.classifier.load` would read from
whole weights, bit for bit.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers.models.gpt2.modeling_gpt2 import GPT2PreTrainedModel

from epigpt import files
from epigpt.errors import InputError
from epigpt.models import classifier, published, resident, weight_files
from epigpt.training import tuning

FILE = "changes.safetensors"


def save(folder: Path, weights: Mapping[str, torch.Tensor], blocks: Path, precision: str) -> None:
    """Write what a training changed.

    Parameters
    ----------
    weights
        Of the model with its adapters (`epigpt.training.states.weights`), before they are merged.
    blocks
        Folder of the pretrained weights whose blocks lie frozen beside them.
    precision
        "bf16" or "fp32", in which the blocks were computed with.
    """
    changed = {
        name: weight.contiguous()
        for name, weight in weights.items()
        if ".lora_" in name or not tuning.own_name(name).startswith(resident.BLOCKS)
    }
    start = {
        "folder": str(blocks.resolve()),
        "identity": published.identity(blocks),
        "precision": precision,
    }
    with files.path(folder / FILE) as temporary:
        save_file(changed, temporary, metadata=start)


def load(folder: Path, device: torch.device) -> GPT2PreTrainedModel:
    """Load the classifier of a fit in fp32 for scoring, from whole weights where they are there.

    Raises
    ------
    InputError
        The pretrained weights are no longer those that the fit started from.
    """
    if not (folder / FILE).is_file():
        return classifier.load(folder, device)
    with safe_open(folder / FILE, framework="pt", device=str(device)) as file:
        start = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    blocks, precision = Path(start["folder"]), start["precision"]
    if not blocks.is_dir() or published.identity(blocks) != start["identity"]:
        raise InputError(
            f"no longer the weights {start['identity']}",
            str(blocks),
            f"{folder} holds only what was trained beside them",
            f"put them back, or delete {folder} and run again: the fit is then made again",
        )
    adapted = {name.partition(".lora_")[0] for name in weights if ".lora_" in name}
    shared = resident.find(resident.origin(blocks, precision, device))
    for name, block in (shared or _read(folder, blocks, precision, device)).items():
        module, _, key = name.rpartition(".")
        if key == "weight" and tuning.PREFIX + module in adapted:
            # Adapters are merged in place.
            weights[f"{tuning.PREFIX}{module}.base_layer.weight"] = block.clone()
        else:
            weights[name] = block
    return classifier.assembled(classifier.described(folder), tuning.merged(weights), device)


def _read(
    folder: Path, blocks: Path, precision: str, device: torch.device
) -> dict[str, torch.Tensor]:
    """Read the blocks of pretrained weights that a classifier has, rounded as they were when it was
    trained."""
    wanted = classifier.tensor_shapes(folder)
    rounded = torch.bfloat16 if precision == "bf16" else torch.float32
    found = {}
    for path in weight_files.safetensors(blocks):
        with safe_open(path, framework="pt") as file:
            for stored in file.keys():  # noqa: SIM118 - not a dictionary
                name = f"transformer.{weight_files.gpt2_name(stored)}"
                if name in wanted and name.startswith(resident.BLOCKS):
                    tensor = file.get_tensor(stored).to(torch.float32)
                    found[name] = tensor.to(device, rounded)
    return found
