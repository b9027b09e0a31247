"""Whether a folder of weights suits a preset: kind and shape of the model, shape of every tensor,
tokens. Reads headers only, no torch, and runs none of the folder's code."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epigpt.errors import InputError
from epigpt.models import presets, weight_files
from epigpt.models.presets import ModelPreset
from epigpt.models.shapes import POSITIONS, Shape
from epigpt.models.weight_files import unsuitable

# The workflow's own files import this module wherever Snakemake runs, so what needs more than
# Python is imported when used.
if TYPE_CHECKING:
    from epigpt.encoding.vocabulary import Vocabulary

# What makes a GPT-2 another model with the same shapes.
_COMPUTED_ALIKE: dict[str, tuple[Any, ...]] = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh", "gelu_fast"),
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
}
_MODEL_TYPES = ("gpt2", "epigpt-gene-values")
# Kinds of numbers that become fp32 without loss worth speaking of; others are quantised.
_NUMBERS = ("F64", "F32", "F16", "BF16")
# Of GPT2Config, which a config.json may leave out.
_DEFAULTS = {"n_layer": 12, "n_embd": 768, "n_head": 12, "n_positions": POSITIONS}


@dataclass(frozen=True)
class Published:
    """A folder of weights that suits a preset.

    Attributes
    ----------
    files
        The safetensors files.
    vocabulary
        Genes of the embedding's rows where the weights are a model of ours; None where they have
        read text.
    """

    folder: Path
    files: tuple[Path, ...]
    vocabulary: "Vocabulary | None"


def check(folder: Path, preset: ModelPreset) -> Published:
    """Open a folder of weights for a preset.

    Raises
    ------
    InputError
        No config.json, another kind or size of model, no safetensors, a cut file, a tensor that is
        missing or of another shape or kind of number, another tokenizer.
    """
    from epigpt.encoding import bpe

    files = check_files(folder, preset)
    tokens = weight_files.tensors(files)[weight_files.EMBEDDING][1][0]
    vocabulary = None
    if tokens >= bpe.SIZE:
        _check_tokenizer(folder)
    else:
        vocabulary = _own_vocabulary(folder, tokens)
    return Published(folder, files, vocabulary)


def check_files(folder: Path, preset: ModelPreset) -> tuple[Path, ...]:
    """Do the part of `check` that reads headers alone; give the safetensors files."""
    wanted = _tensors(check_config(folder / "config.json", preset))
    files = weight_files.safetensors(folder)
    found = weight_files.tensors(files)
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        raise unsuitable(
            f"no tensor {missing[0]}"
            + (f" and {len(missing) - 1} others" if len(missing) > 1 else ""),
            folder,
            "the weights are not those of a whole GPT-2",
        )
    for name, size in wanted.items():
        kind, stored = found[name]
        # Of the embedding a row for each token of whatever vocabulary.
        if stored != size and (name != weight_files.EMBEDDING or stored[1:] != size[1:]):
            raise unsuitable(
                f"tensor {name} of shape {stored}", folder, f"config.json makes it {size}"
            )
        if kind not in _NUMBERS:
            raise unsuitable(
                f"tensor {name} of {kind}", folder, f"weights are read as {', '.join(_NUMBERS)}"
            )
    return files


def check_config(path: Path, preset: ModelPreset) -> Shape:
    """Read the config.json of a GPT-2 of the preset's shape; anything else is refused. Give the
    shape that is stored, all of its positions included."""
    stored = _stored_shape(path)
    if presets.fits(preset, stored):
        return stored
    own = preset.shape
    differing = [
        f"{getattr(stored, name)} {name} instead of {getattr(own, name)}"
        for name in ("layers", "width", "heads")
        if getattr(stored, name) != getattr(own, name)
    ]
    raise InputError(
        ", ".join(differing) or f"{stored.positions} positions, fewer than {own.positions}",
        f"{path}, model {preset.name}",
        "weights fit only into a model of the same architecture",
        f"set model: {_name(stored)}",
    )


def model_of(folder: Path) -> str:
    """Name the model that weights in a folder are of: a preset, or a shape such as gpt2-6x768."""
    return _name(_stored_shape(folder / "config.json"))


def _name(stored: Shape) -> str:
    used = Shape(stored.layers, stored.width, stored.heads, min(stored.positions, POSITIONS))
    return presets.of_shape(used)


def _stored_shape(path: Path) -> Shape:
    """Read the config.json of something that computes as GPT-2 does."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise unsuitable(
            "no config.json", path.parent, "a folder of weights says in it what the model is"
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise unsuitable(
            f"a config.json that is not valid JSON ({error})", path.parent, "it cannot be read"
        ) from None
    kind = config.get("model_type", "gpt2") if isinstance(config, dict) else "unknown"
    if kind not in _MODEL_TYPES:
        raise unsuitable(f"model_type {kind!r}", path, "EpiGPT fine-tunes GPT-2")
    if config.get("auto_map"):
        raise unsuitable(
            "auto_map", path, "it names code of the folder's own, which may do anything, to be run"
        )
    sizes = {key: config.get(key, usual) for key, usual in _DEFAULTS.items()}
    for key, value in sizes.items():
        if type(value) is not int or value < 1:
            raise unsuitable(f"{key}: {value!r}", path, "it is a number above 0")
    layers, width, heads, positions = sizes.values()
    if width % heads:
        raise unsuitable(
            f"n_embd: {width} with n_head: {heads}", path, "heads share the width equally"
        )
    for key, alike in {**_COMPUTED_ALIKE, "n_inner": (None, 4 * width)}.items():
        if config.get(key, alike[0]) not in alike:
            raise unsuitable(
                f"{key}: {config[key]}",
                path,
                f"GPT-2 has {alike[0]}, and other models of its shape compute differently",
            )
    return Shape(layers, width, heads, positions)


def _tensors(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Return the tensors of a GPT-2 with their shapes; matrices are stored as (inputs, outputs)."""
    width = shape.width
    norm: dict[str, tuple[int, ...]] = {"weight": (width,), "bias": (width,)}
    block: dict[str, dict[str, tuple[int, ...]]] = {
        "ln_1": norm,
        "attn.c_attn": {"weight": (width, 3 * width), "bias": (3 * width,)},
        "attn.c_proj": {"weight": (width, width), "bias": (width,)},
        "ln_2": norm,
        "mlp.c_fc": {"weight": (width, 4 * width), "bias": (4 * width,)},
        "mlp.c_proj": {"weight": (4 * width, width), "bias": (width,)},
    }
    return {
        weight_files.EMBEDDING: (presets.GPT2_PIECES, width),
        weight_files.POSITIONS: (shape.positions, width),
        **{
            f"h.{number}.{module}.{name}": size
            for number in range(shape.layers)
            for module, parts in block.items()
            for name, size in parts.items()
        },
        "ln_f.weight": (width,),
        "ln_f.bias": (width,),
    }


def _check_tokenizer(folder: Path) -> None:
    from epigpt.encoding import bpe

    known = bpe.tokenizer().get_vocab()
    for name in ("vocab.json", "tokenizer.json"):
        path = folder / name
        if not path.is_file():
            continue
        content = json.loads(path.read_text(encoding="utf-8"))
        stored = content if name == "vocab.json" else content.get("model", {}).get("vocab", {})
        if any(stored.get(token, number) != number for token, number in known.items()) or not len(
            known
        ) - 1 <= len(stored):
            raise unsuitable(
                f"another vocabulary in {name}",
                folder,
                "the embeddings are read by GPT-2's own 50,257 pieces",
            )


def _own_vocabulary(folder: Path, tokens: int) -> "Vocabulary":
    from epigpt.encoding.vocabulary import load_vocabulary

    path = folder / "vocabulary.json"
    if not path.is_file():
        raise unsuitable(
            f"an embedding of {tokens} tokens",
            folder,
            "GPT-2's own has 50,257, a model of EpiGPT's a vocabulary.json",
        )
    vocabulary = load_vocabulary(path)
    if len(vocabulary) != tokens:
        raise unsuitable(
            f"{len(vocabulary)} tokens in vocabulary.json", folder, f"the embedding has {tokens}"
        )
    return vocabulary
