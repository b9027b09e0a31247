"""Pretrained weights: where they come from, what identifies them, what reads by them. Reads headers
only, no torch."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epigpt.errors import InputError
from epigpt.models.presets import ModelPreset

# The workflow's own files import this module wherever Snakemake runs, so what needs more than
# Python is imported when used.
if TYPE_CHECKING:
    from epigpt.encoding.shared_programs import SharedPrograms

NONE, PRESET, CORPUS = "none", "preset", "corpus"
# The environment variable by which a stage learns where the weights lie.
VARIABLE = "EPIGPT_WEIGHTS"
_HUB_ID = re.compile(r"(?P<name>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w./-]+))?")
# What weights that were pretrained on a corpus say of it.
CORPUS_CARD = "corpus.json"
# Encodings whose tokens are GPT-2's own pieces.
TEXT_ENCODINGS = ("gene-sentence",)
# Encodings whose tokens keep place and meaning: a linear classifier goes beside the blocks.
LINEAR_ENCODINGS = ("program-tokens",)


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


def source(
    weights: str, preset: ModelPreset, corpus: str = "", key: str = "weights"
) -> Source | None:
    """Return where the key `weights` points; None for a random start.

    Parameters
    ----------
    corpus
        Name of the run's corpus, which `weights: corpus` means.
    key
        Its name in the configuration.

    Raises
    ------
    InputError
        A path without a folder, a text that is not a hub id, or a preset without published weights.
    """
    named = preset.weights if weights == PRESET else weights
    if named == NONE and weights == PRESET:
        raise InputError(
            "weights: preset",
            f"key {key}, model {preset.name}",
            "this preset has no published weights",
            f"set {key}: {NONE}",
        )
    if named == NONE:
        return None
    if named == CORPUS:
        return Source(corpus=corpus)
    folder = local(named)
    if folder is not None:
        return Source(folder=folder)
    fits = _HUB_ID.fullmatch(named)
    if fits is None or named[0] in "./~":
        raise InputError(
            f"no folder {named}",
            f"key {key}",
            "it is neither a folder nor a hub id such as openai-community/gpt2 or"
            " openai-community/gpt2@main",
            "correct the path (it counts from the config file's folder), or write a hub id,"
            " 'preset' or 'none'",
        )
    return Source(repository=fits["name"], revision=fits["revision"] or "")


def local(weights: str) -> Path | None:
    """Return the folder that the key `weights` names; None where it names something else."""
    folder = Path(weights).expanduser()
    named = weights not in (NONE, PRESET, CORPUS, "auto") and folder.is_dir()
    return folder.resolve() if named else None


def in_use(weights: str) -> Path | None:
    """Return the folder of the weights that a stage's setting `weights` identifies; None for a
    random start."""
    return None if weights == NONE else Path(os.environ.get(VARIABLE, weights))


def programs_of_corpus(known: str) -> "SharedPrograms | None":
    """Read the programmes that a corpus' series share, from beside the weights that a stage uses.

    Parameters
    ----------
    known
        What the setting `shared_programs` identifies; `none`: the tokens are no programs, or the
        weights are not those of a corpus.
    """
    folder = in_use(known)
    if folder is None:
        return None
    from epigpt.encoding import shared_programs

    return shared_programs.load(folder / shared_programs.FILE)


def identity_of_programs(start: Source | None, encoding: str) -> str:
    """Identify the programmes of a corpus that tokens are made with; `none` without."""
    if start is None or encoding not in LINEAR_ENCODINGS:
        return NONE
    from epigpt.encoding.shared_programs import FILE

    beside = start.folder is not None and (start.folder / FILE).is_file()
    return start.identity if start.corpus or beside else NONE


def corpus_card(weights: str) -> dict[str, Any]:
    """Read what the weights that a stage uses learnt from which corpus; empty for other weights."""
    folder = in_use(weights)
    path = None if folder is None else folder / CORPUS_CARD
    if path is None or not path.is_file():
        return {}
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return card


def embeddings_are_published(weights: str, encoding: str) -> bool:
    """Return whether a model reads its tokens by the embeddings of its pretrained weights.

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
