"""Whether the files of a finished model belong together and are whole, looked at before any of its
weights is used."""

import json
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from epigpt import files
from epigpt.encoding import encoders
from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.programs import Programs
from epigpt.encoding.token_dataset import MOST_VIEWS, EncodingConfig
from epigpt.encoding.vocabulary import Vocabulary
from epigpt.errors import InputError
from epigpt.models import classifier

REMEDY = "copy the model's folder again, or train it again"
_FLOATING = frozenset({"F64", "F32", "F16", "BF16"})
_LONGEST_TEXT = 1 << 28
_LONGEST_ARRAYS = 1 << 33


def check_files(folder: Path, names: Sequence[str]) -> None:
    """Compare the files with the checksums that training wrote beside them, where it did.

    Raises
    ------
    InputError
        A file is larger than any of its kind, or is not the one that training wrote.
    """
    for name in names:
        if name.endswith(".json") and (folder / name).stat().st_size > _LONGEST_TEXT:
            raise refused(folder, f"a {name} of more than {_LONGEST_TEXT >> 20} MB")
    if (folder / files.CHECKSUMS).is_file():
        listed = read_json(folder / files.CHECKSUMS)
        if unlisted := [name for name in names if name not in listed]:
            raise refused(folder, f"a {files.CHECKSUMS} without {', '.join(unlisted)}")
    changed = files.changed(folder)
    if changed:
        raise refused(
            folder,
            f"{', '.join(changed)} not as training wrote "
            + ("it" if len(changed) == 1 else "them"),
            f"the checksum in {files.CHECKSUMS} is another one, so the model would score by"
            " something that was not trained",
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read one of the folder's descriptions, which is an object."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise refused(path.parent, f"a {path.name} that is a {type(content).__name__}")
    return content


def check_labels(labels: dict[str, Any], folder: Path) -> None:
    """Refuse classes or an encoding that no training writes."""
    classes = labels.get("classes")
    if (
        not isinstance(classes, list)
        or len(classes) < 2
        or not all(isinstance(name, str) for name in classes)
        or len(set(classes)) < len(classes)
    ):
        raise refused(folder, f"the classes {classes!r} in labels.json")


def check_parts(
    folder: Path,
    recipe: EncodingConfig,
    labels: dict[str, Any],
    vocabulary: Vocabulary,
    reference: GeneStatistics,
) -> None:
    """Refuse vocabulary, statistics, classes and configuration that are not of one model."""
    _check_recipe(folder, recipe)
    genes = len(vocabulary.genes)
    if not all(isinstance(name, str) for name in (*vocabulary.genes, *vocabulary.symbols)):
        raise refused(folder, "genes or symbols in vocabulary.json that are no texts")
    if len(vocabulary.symbols) != genes or list(vocabulary.genes) != sorted(set(vocabulary.genes)):
        raise refused(folder, "genes and symbols in vocabulary.json that are not a sorted list")
    shapes = {
        "centre": (reference.centre, (genes,)),
        "scale": (reference.scale, (genes,)),
        "detected": (reference.detected, (genes,)),
        "axes": (reference.axes, (len(reference.axes), genes)),
    }
    if reference.chosen is not None:
        shapes["chosen"] = (reference.chosen, (genes,))
    if reference.programs is not None:
        shapes |= _program_shapes(reference.programs, genes)
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            raise refused(
                folder,
                f"'{name}' of shape {array.shape} in reference.npz, for {genes:,} genes in"
                " vocabulary.json",
            )
        if array.dtype.kind not in "biuf" or not np.all(np.isfinite(array)):
            raise refused(folder, f"values of '{name}' in reference.npz that are not numbers")
    if np.any(reference.scale <= 0) or not 0 < reference.target < np.inf:
        raise refused(folder, "a scale or total in reference.npz that is not above 0")
    config = read_json(folder / "config.json")
    named = config.get("id2label", {})
    classes = labels["classes"]
    if [named.get(str(number)) for number in range(len(named))] != classes:
        raise refused(
            folder,
            f"the classes {classes} in labels.json, {list(named.values())} in config.json",
            "which output of the model is which class cannot be told",
        )
    expected = {
        "vocab_size": encoders.find(recipe.encoding).size(vocabulary),
        "pad_token_id": encoders.find(recipe.encoding).pad,
        "eos_token_id": encoders.find(recipe.encoding).end,
    }
    for key, value in expected.items():
        if config.get(key) != value:
            raise refused(
                folder,
                f"{key} {config.get(key)!r} in config.json instead of {value}",
                f"the encoding {recipe.encoding} and vocabulary.json ask for it",
            )
    kind = labels.get("model_type", config.get("model_type"))
    by_values = encoders.find(recipe.encoding).has_values
    if config.get("model_type") != kind or (by_values and kind == "gpt2"):
        raise refused(
            folder,
            f"model_type {config.get('model_type')!r} in config.json",
            f"the model was trained as another one, on the encoding {recipe.encoding}",
        )


def _program_shapes(
    programs: Programs, genes: int
) -> dict[str, tuple[np.ndarray, tuple[int, ...]]]:
    count, outputs = len(programs), len(programs.bias)
    return {
        "programs_loadings": (programs.loadings, (count, genes)),
        "programs_offsets": (programs.offsets, (count,)),
        "programs_kinds": (programs.kinds, (count,)),
        "programs_weights": (programs.weights, (count, outputs)),
        "programs_bias": (programs.bias, (outputs,)),
    }


def _check_recipe(folder: Path, recipe: EncodingConfig) -> None:
    sound = (
        isinstance(recipe.encoding, str)
        and all(type(number) is int for number in (recipe.max_genes, recipe.views, recipe.seed))
        and 0 < recipe.max_genes <= 1_000_000
        and 0 < recipe.views <= MOST_VIEWS
        and isinstance(recipe.gene_dropout, int | float)
        and 0 <= recipe.gene_dropout < 1
    )
    if not sound:
        raise refused(folder, f"the encoding {vars(recipe)} in labels.json")


def check_tensors(folder: Path) -> None:
    """Compare the tensors in model.safetensors with those that config.json describes.

    A tensor that is missing would be drawn at random without a word, and the model would score by
    it. Only headers are read, and the model is built without memory for its weights.
    """
    stored = _stored(folder / "model.safetensors")
    config = read_json(folder / "config.json")
    for key in ("n_layer", "n_head", "n_embd", "n_positions", "vocab_size"):
        if key in config and not (type(config[key]) is int and 0 <= config[key] < 10_000_000):
            raise refused(folder, f"{key} {config[key]!r} in config.json")
    if int(config.get("n_layer", 12)) > len(stored):
        raise refused(folder, f"{config.get('n_layer', 12)} layers for {len(stored)} tensors")
    wanted = classifier.tensor_shapes(folder)
    lacking = sorted(set(wanted) - set(stored))
    foreign = sorted(set(stored) - set(wanted))
    other = sorted(name for name in wanted if name in stored and stored[name] != wanted[name])
    for names, what in (
        (lacking, "lacks {names}"),
        (foreign, "has {names}, which its kind of model does not"),
        (other, "has {names} of another shape than config.json says"),
    ):
        if names:
            examples = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
            raise refused(
                folder,
                f"model.safetensors {what.format(names=examples)}",
                "what is missing would be random numbers, and the scores with it",
            )


def _stored(path: Path) -> dict[str, tuple[int, ...]]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > path.stat().st_size:
            raise ValueError("its header is longer than the file")
        header = json.loads(file.read(length))
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    if 8 + length + end != path.stat().st_size:
        raise refused(
            path.parent,
            f"a {path.name} of {path.stat().st_size:,} bytes instead of {8 + length + end:,}",
            "the file is cut short",
        )
    kinds = sorted({str(entry["dtype"]) for entry in entries.values()} - _FLOATING)
    if kinds:
        raise refused(
            path.parent,
            f"weights of type {', '.join(kinds)} in {path.name}",
            "training writes numbers with a point, and others are not what was trained",
        )
    return {name: tuple(entry["shape"]) for name, entry in entries.items()}


def check_arrays(path: Path) -> None:
    """Refuse statistics that unpack to more than any model has."""
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > _LONGEST_ARRAYS:
        raise refused(path.parent, f"a {path.name} that unpacks to {size:,} bytes")


def check_numbers(folder: Path, model: torch.nn.Module) -> None:
    """Refuse weights that are not finite."""
    for name, tensor in model.named_parameters():
        if not bool(torch.isfinite(tensor).all()):
            raise refused(
                folder,
                f"values of {name} that are not finite",
                "its scores would be no probabilities",
            )


def refused(
    folder: Path, found: str, why: str = "the files are not those of one trained model"
) -> InputError:
    """Make the refusal of a model's folder."""
    return InputError(found, str(folder), why, REMEDY)
