"""Pretrained weights as files: where they come from, whether they suit a preset, what identifies
them. Reads headers only, no torch."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epigpt.errors import InputError
from epigpt.models import presets
from epigpt.models.presets import ModelPreset
from epigpt.models.weight_files import safetensors, unsuitable

# The workflow's own files import this module wherever Snakemake runs, so what needs more than
# Python is imported when used.
if TYPE_CHECKING:
    from epigpt.encoding.vocabulary import Vocabulary

NONE, PRESET, CORPUS = "none", "preset", "corpus"
# The environment variable by which a stage learns where the weights lie.
VARIABLE = "EPIGPT_WEIGHTS"
_HUB_ID = re.compile(r"(?P<name>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w./-]+))?")
# What weights that were pretrained on a corpus say of it.
CORPUS_CARD = "corpus.json"
# What makes a GPT-2 another model with the same shapes.
_COMPUTED_ALIKE: dict[str, tuple[Any, ...]] = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh", "gelu_fast"),
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "n_inner": (None,),
}
# Encodings whose tokens are GPT-2's own pieces.
TEXT_ENCODINGS = ("gene-sentence",)
# Encodings whose tokens keep place and meaning: a linear classifier goes beside the blocks.
LINEAR_ENCODINGS = ("program-tokens",)
_MODEL_TYPES = ("gpt2", "epigpt-gene-values")


@dataclass(frozen=True)
class Source:
    """Where weights come from: a folder, or a repository on a model hub.

    Attributes
    ----------
    folder
        A local folder, absolute; None for a repository.
    repository, revision
        Hub id such as "openai-community/gpt2", and the branch, tag or commit; empty for a folder.
    corpus
        Name of the corpus whose pretraining is part of the run; empty for other weights.
    """

    folder: Path | None = None
    repository: str = ""
    revision: str = ""
    corpus: str = ""

    @property
    def identity(self) -> str:
        """What decides a result: of a repository its name, of a folder what is in it
        (`identity`)."""
        if self.corpus:
            return f"corpus {self.corpus}"
        return (
            identity(self.folder)
            if self.folder
            else self.repository + (f"@{self.revision}" if self.revision else "")
        )

    @property
    def slug(self) -> str:
        """Name of the folder that a repository is fetched into."""
        return re.sub(
            r"[^\w.-]+", "--", self.repository + (f"@{self.revision}" if self.revision else "")
        )


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


def source(weights: str, preset: ModelPreset, corpus: str = "") -> Source | None:
    """Say where the key `weights` points; None for a random start.

    Parameters
    ----------
    corpus
        Name of the run's corpus, which `weights: corpus` means.

    Raises
    ------
    InputError
        A path without a folder, a text that is no hub id, or a preset without published weights.
    """
    named = preset.weights if weights == PRESET else weights
    if named == NONE and weights == PRESET:
        raise InputError(
            "weights: preset",
            f"key weights, model {preset.name}",
            "this preset has no published weights",
            f"set weights: {NONE}",
        )
    if named == NONE:
        return None
    if named == CORPUS:
        return Source(corpus=corpus)
    folder = Path(named).expanduser()
    if folder.is_dir():
        return Source(folder=folder.resolve())
    fits = _HUB_ID.fullmatch(named)
    if fits is None or named[0] in "./~":
        raise InputError(
            f"no folder {named}",
            "key weights",
            "it is neither a folder nor a hub id such as openai-community/gpt2 or"
            " openai-community/gpt2@main",
            "correct the path (it counts from the config file's folder), or write a hub id,"
            " 'preset' or 'none'",
        )
    return Source(repository=fits["name"], revision=fits["revision"] or "")


def in_use(weights: str) -> Path | None:
    """Give the folder of the weights that a stage's setting `weights` identifies; None for a random
    start."""
    return None if weights == NONE else Path(os.environ.get(VARIABLE, weights))


def corpus_card(weights: str) -> dict[str, Any]:
    """Read what the weights that a stage uses learnt from which corpus; empty for other weights."""
    folder = in_use(weights)
    path = None if folder is None else folder / CORPUS_CARD
    if path is None or not path.is_file():
        return {}
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return card


def embeddings_are_published(weights: str, encoding: str) -> bool:
    """Whether a model reads its tokens by the embeddings of its pretrained weights.

    Text does; genes have embeddings of their own, which must be learnt beside any adapters.
    """
    return weights != NONE and encoding in TEXT_ENCODINGS


def identity(folder: Path) -> str:
    """Identify weights by what they are and not by where they lie: the folder's name and a hash.

    The hash covers config.json, and name, size and header of every safetensors file: reading all of
    GPT-2 XL's 6 GB each time that a workflow is planned would take longer than many of its jobs.
    """
    digest = hashlib.sha256()
    if (folder / "config.json").is_file():
        digest.update((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(1 << 16))
    return f"{folder.name} ({digest.hexdigest()[:12]})"


def check(folder: Path, preset: ModelPreset) -> Published:
    """Open a folder of weights for a preset.

    Raises
    ------
    InputError
        No config.json, another kind or size of model, no safetensors, a cut file, another
        tokenizer.
    """
    from epigpt.encoding import bpe

    config, files = check_files(folder, preset)
    tokens = int(config.get("vocab_size", bpe.SIZE))
    vocabulary = None
    if tokens >= bpe.SIZE:
        _check_tokenizer(folder)
    else:
        vocabulary = _own_vocabulary(folder, tokens)
    return Published(folder, files, vocabulary)


def check_files(folder: Path, preset: ModelPreset) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Do the part of `check` that reads headers alone; give the content of config.json and the
    safetensors files."""
    return check_config(folder / "config.json", preset), safetensors(folder)


def check_config(path: Path, preset: ModelPreset) -> dict[str, Any]:
    """Read the config.json of a GPT-2 of the preset's size; anything else is refused."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise unsuitable(
            "no config.json", path.parent, "a folder of weights says in it what the model is"
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise unsuitable(
            f"a config.json that is no JSON ({error})", path.parent, "it cannot be read"
        ) from None
    kind = config.get("model_type", "gpt2") if isinstance(config, dict) else "unknown"
    if kind not in _MODEL_TYPES:
        raise unsuitable(f"model_type {kind!r}", path, "EpiGPT fine-tunes GPT-2")
    size = _size(config)
    wanted = {"layers": preset.layers, "width": preset.width, "heads": preset.heads}
    differing = [
        f"{name} {size[name]} instead of {value}"
        for name, value in wanted.items()
        if size[name] != value
    ]
    if differing:
        fitting = [
            name
            for name in presets.names("models")
            if all(size[key] == getattr(presets.load(name), key) for key in wanted)
        ]
        remedy = (
            f"set model: {fitting[0]}"
            if fitting
            else f"use weights of {preset.name}, or add a preset of this size"
        )
        raise InputError(
            ", ".join(differing),
            f"{path}, model {preset.name}",
            "weights fit only into a model of the same architecture",
            remedy,
        )
    if size["positions"] < preset.positions:
        raise unsuitable(
            f"{size['positions']} positions",
            path,
            f"the preset {preset.name} has {preset.positions}",
        )
    for key, alike in _COMPUTED_ALIKE.items():
        if config.get(key, alike[0]) not in alike:
            raise unsuitable(
                f"{key}: {config[key]}",
                path,
                f"GPT-2 has {alike[0]}, and other models of its shape compute differently",
            )
    return config


def _size(config: dict[str, Any]) -> dict[str, Any]:
    # GPT2Config's defaults, which a config.json may leave out.
    return {
        "layers": config.get("n_layer", 12),
        "width": config.get("n_embd", 768),
        "heads": config.get("n_head", 12),
        "positions": config.get("n_positions", 1024),
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
