"""Fetch the safetensors of a model hub's repository into a folder: the one place of EpiGPT that
asks a hub."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from epigpt import files
from epigpt.errors import InputError
from epigpt.models import weights_check
from epigpt.models.presets import ModelPreset
from epigpt.models.published import Source

# A tokenizer's files are compared with GPT-2's own, a licence stays beside what it covers.
_BESIDE = (
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
    "README.md",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
)
_INDEX = "model.safetensors.index.json"


def fetch(source: Source, preset: ModelPreset, folder: Path, log: logging.Logger) -> None:
    """Fetch config.json, check it against the preset, then the weights; the folder appears whole or
    not at all.

    An interrupted download goes on where it stopped, from a hidden folder beside.

    Raises
    ------
    InputError
        The hub cannot be reached, the repository does not exist or is closed, or its weights do not
        suit the preset.
    """
    partial = folder.parent / f".{folder.name}.fetching"
    with _told(source):
        found = HfApi().model_info(source.repository, revision=source.revision or None)
        commit, names = str(found.sha), {sibling.rfilename for sibling in found.siblings or []}
        _get(source, commit, "config.json", partial)
        weights_check.check_config(partial / "config.json", preset)
        if _INDEX in names:
            _get(source, commit, _INDEX, partial)
        for name in sorted(
            name
            for name in names
            if "/" not in name and (name in _BESIDE or name.endswith(".safetensors"))
        ):
            log.info("%s: %s", source.repository, name)
            _get(source, commit, name, partial)
        if not any(partial.glob("*.safetensors")):
            pickled = sorted(name for name in names if name.endswith((".bin", ".pt", ".ckpt")))
            raise InputError(
                f"no safetensors in {source.repository}"
                + (f", only {pickled[0]}" if pickled else ""),
                f"{constants.ENDPOINT}, key weights",
                "files of other kinds are Python pickles, which run whatever code they hold when"
                " they are loaded",
                "name a repository with safetensors",
            )
    weights_check.check(partial, preset)
    files.write_json(
        partial / "source.json",
        {"repository": source.repository, "commit": commit, "endpoint": constants.ENDPOINT},
    )
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def _get(source: Source, commit: str, name: str, folder: Path) -> None:
    hf_hub_download(source.repository, name, revision=commit, local_dir=folder)


@contextmanager
def _told(source: Source) -> Iterator[None]:
    """Turn the hub's errors into refusals."""
    where = f"{constants.ENDPOINT}, key weights"
    try:
        yield
    except GatedRepoError:
        raise InputError(
            f"{source.repository} is closed to this account",
            where,
            "its owner gives access on request",
            "log in: hf auth login",
        ) from None
    except RevisionNotFoundError:
        raise InputError(
            f"no revision {source.revision!r} of {source.repository}",
            where,
            "the hub does not know it",
            "correct it",
        ) from None
    except RepositoryNotFoundError:
        raise InputError(
            f"no repository {source.repository}",
            where,
            "the hub does not know it",
            "correct the key weights, or log in: hf auth login",
        ) from None
    except Exception as error:
        # Depending on its version the client's transport is httpx or a successor, each with an
        # error of its own for a broken line.
        from_line = any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
        if not (from_line or isinstance(error, (HfHubHTTPError, LocalEntryNotFoundError, OSError))):
            raise
        raise InputError(
            f"{source.repository} cannot be fetched: {' '.join(str(error).split())[:300]}",
            where,
            "weights with a hub id are fetched before the jobs start, on the machine that runs"
            " snakemake",
            "check the network there, or fetch the folder elsewhere and name it: weights:"
            " path/to/folder",
        ) from None
