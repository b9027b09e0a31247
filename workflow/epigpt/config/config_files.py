"""Config files: what is in one, and which of several a key comes from."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from epigpt.errors import InputError


def folder_file(key: str, files: Sequence[Path]) -> Path | None:
    """Return the last of the files that has a key; None where none has."""
    return next((path for path in reversed(files) if path.is_file() and key in read(path)), None)


def read(path: Path) -> dict[str, Any]:
    """Read one YAML config file; an empty one changes nothing.

    Raises
    ------
    InputError
        It is no YAML, has a key twice, or a number that YAML takes for another one: 017 for 15,
        1:30 for 90.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Unambiguous)  # noqa: S506 - a safe one
    except _TwoMeanings as doubt:
        raise InputError(doubt.found, f"{path}, {doubt.line}", doubt.why, doubt.remedy) from None
    except UnicodeDecodeError as error:
        raise InputError(
            str(error), str(path), "a config file is text in UTF-8", "save it in UTF-8"
        ) from None
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


class _TwoMeanings(yaml.YAMLError):
    """What YAML reads without complaint, and a person reads otherwise."""

    def __init__(self, node: yaml.Node, found: str, why: str, remedy: str) -> None:
        super().__init__(found)
        self.line = f"line {node.start_mark.line + 1}"
        self.found, self.why, self.remedy = found, why, remedy


class _Unambiguous(yaml.SafeLoader):
    """Reads plain values alone, each key of a section once."""


def _section(loader: _Unambiguous, node: yaml.MappingNode) -> Any:
    seen = set()
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else None
        if name in seen and key.tag != "tag:yaml.org,2002:merge":
            raise _TwoMeanings(
                key, f"key '{name}' twice", "it is unclear which one counts", "remove one of them"
            )
        seen.add(name)
    return loader.construct_yaml_map(node)


def _whole_number(loader: _Unambiguous, node: yaml.ScalarNode) -> int:
    number = loader.construct_yaml_int(node)
    if re.match(r"[-+]?0\d", node.value) or ":" in node.value:
        raise _TwoMeanings(
            node,
            node.value,
            f"YAML takes it for {number}",
            f"write {number}, or what you mean without 0 at the beginning and without colons",
        )
    return int(number)


_Unambiguous.add_constructor("tag:yaml.org,2002:map", _section)
_Unambiguous.add_constructor("tag:yaml.org,2002:int", _whole_number)


def folder_of(key: str, files: Sequence[Path]) -> Path | None:
    """Return the folder of the file that a key comes from; None where it is in none."""
    origin = folder_file(key, files)
    return origin.parent.resolve() if origin else None
