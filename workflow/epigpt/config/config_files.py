"""Config files: what is in one, and which of several a key comes from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from epigpt.errors import InputError


def folder_file(key: str, files: Sequence[Path]) -> Path | None:
    """Return the last of the files that has a key; None where none has."""
    return next((path for path in reversed(files) if path.is_file() and key in read(path)), None)


def read(path: Path) -> dict[str, Any]:
    """Read one YAML config file; an empty one changes nothing."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(
            " ".join(str(error).split()),
            str(path),
            "the config file cannot be read as YAML",
            "correct the file",
        ) from None
    if content is not None and not isinstance(content, dict):
        raise InputError(
            f"a {type(content).__name__}",
            str(path),
            "a config file is a list of 'key: value' lines",
            "see config/README.md",
        )
    return content or {}


def folder_of(key: str, files: Sequence[Path]) -> Path | None:
    """Return the folder of the file that a key comes from; None where it is in none."""
    origin = folder_file(key, files)
    return origin.parent.resolve() if origin else None
