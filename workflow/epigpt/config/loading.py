"""From config files to `Settings`: where keys come from, what is wrong with them, which paths they
mean."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from epigpt.config.settings import Geo, Settings, keys
from epigpt.errors import InputError, nearest_name

_MOST_SECTIONS = 10_000
_LONGEST_SHOWN = 200
RELATIVE_URL = "file://./"


def load(config: dict[str, Any], files: Sequence[Path], root: Path) -> Settings:
    """Validate a merged configuration and make its paths absolute.

    Parameters
    ----------
    config
        What Snakemake merged from `--configfile` and `--config`.
    files
        The config files behind it, the later ones stronger; they tell where a key comes from.
    root
        The project's root.

    Raises
    ------
    InputError
        Unknown key, wrong type or value, a data set table that is nowhere.
    """
    settings = validated(config, files)
    _refuse_adapted_programs(settings)
    changed: dict[str, Any] = {
        "datasets": str(_table(settings.datasets, _folder_of("datasets", files), root))
    }
    changed["geo"] = with_mirror(settings.geo, _folder_of("geo", files) or Path.cwd())
    changed["gene_sets"] = [_existing(name, "gene_sets", files) for name in settings.gene_sets]
    if settings.transcripts:
        changed["transcripts"] = _existing(settings.transcripts, "transcripts", files)
    local = (_folder_of("weights", files) or Path.cwd()) / settings.weights
    if settings.weights not in ("none", "auto", "preset") and local.is_dir():
        changed["weights"] = str(local.resolve())
    return settings.model_copy(update=changed)


def _refuse_adapted_programs(settings: Settings) -> None:
    if settings.adapt and settings.encoding == "program-tokens":
        raise InputError(
            found=f"adapt: {settings.adapt} with encoding: {settings.encoding}",
            where="config key 'adapt'",
            why="every sample has the same programs in the same order, so that there is no next"
            " token to predict",
            remedy="write adapt: 0, or encoding: gene-values",
        )


def with_mirror(geo: Geo, folder: Path) -> Geo:
    """Give the settings with the address of a mirror beside the config file (`file://./name`) made
    absolute."""
    absolute = {
        key: (folder / url.removeprefix(RELATIVE_URL)).resolve().as_uri()
        for key in ("base_url", "dee2_url")
        if (url := getattr(geo, key)).startswith(RELATIVE_URL)
    }
    return geo.model_copy(update=absolute)


def validated(config: dict[str, Any], files: Sequence[Path] = ()) -> Settings:
    """Check keys and values; the paths stay as they are."""
    _refuse_unnamed(config, files)
    try:
        return Settings.model_validate(config)
    except ValidationError as error:
        # A union reports each of its branches; the first tells enough.
        problems: dict[str, Any] = {}
        for problem in error.errors():
            problems.setdefault(_key(problem["loc"]), problem)
    told = [_tell(key, problem, files) for key, problem in problems.items()]
    if len(told) == 1:
        raise InputError(*told[0])
    raise InputError(
        found=f"{len(told)} problems in the configuration",
        where="; ".join(dict.fromkeys(where for _, where, _, _ in told)),
        why="".join(f"\n    - {found}: {why}" for found, _, why, _ in told),
        remedy="".join(f"\n    - {remedy}" for _, _, _, remedy in told),
    )


def _refuse_unnamed(config: dict[str, Any], files: Sequence[Path]) -> None:
    """Refuse keys that are no text, such as `1: 2`, which no setting has."""
    waiting: list[tuple[str, Any]] = [("", config)]
    looked = 0
    while waiting:
        place, section = waiting.pop()
        looked += 1
        if looked > _MOST_SECTIONS:
            raise InputError(
                f"more than {_MOST_SECTIONS:,} lists and sections",
                ", ".join(map(str, files)) or "--config",
                "no configuration has so many; aliases of YAML may repeat one without end",
                "write the values out",
            )
        if isinstance(section, list):
            waiting += [(place, part) for part in section if isinstance(part, dict | list)]
            continue
        for key, value in section.items():
            if not isinstance(key, str):
                raise InputError(
                    f"key {key!r}, which is a {type(key).__name__}",
                    (f"section '{place}' of " if place else "")
                    + (", ".join(map(str, files)) or "--config"),
                    "names of settings are texts",
                    "remove the line, or write the name of a setting before the colon;"
                    " config/README.md lists all keys",
                )
            if isinstance(value, dict | list):
                waiting.append((f"{place}.{key}".lstrip("."), value))


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


def transfer_pairs(entries: Sequence[str], known: Sequence[str]) -> list[tuple[str, str]]:
    """Read the key transfer: pairs of data sets, trained on and tested on.

    Raises
    ------
    InputError
        A data set that the table does not have, or one tested on itself.
    """
    pairs = [
        (first, second)
        for first, _, second in (entry.partition(" -> ") for entry in dict.fromkeys(entries))
    ]
    for first, second in pairs:
        for name in (first, second):
            if name not in known:
                close = nearest_name(name, list(known))
                raise InputError(
                    f"data set '{name}'",
                    f"config key 'transfer', {first} -> {second}",
                    f"the table of data sets has {', '.join(known)}",
                    f"write '{close}'" if close else "correct the name, or add a row",
                )
        if first == second:
            raise InputError(
                f"{first} -> {second}",
                "config key 'transfer'",
                "a series is tested on itself by the folds",
                "name two data sets, or remove the pair",
            )
    return pairs


def _key(location: tuple[Any, ...]) -> str:
    known = keys()
    parts: list[str] = []
    for part in location:
        if ".".join(parts) in known or not isinstance(part, str):
            break
        parts.append(part)
    return ".".join(parts)


def _tell(key: str, problem: Any, files: Sequence[Path]) -> tuple[str, str, str, str]:
    origin = _folder_file(key.partition(".")[0], files)
    where = f"config key '{key}'" + (
        f" in {origin}" if origin else " (from --config)" if files else ""
    )
    if problem["type"] == "extra_forbidden":
        nearest = nearest_name(key, list(keys()) + list(Settings.model_fields))
        hint = f"did you mean '{nearest}'?" if nearest else "config/README.md lists all keys"
        return (
            f"unknown key '{key}'",
            where,
            "no setting has this name",
            f"correct or remove '{key}'; {hint}",
        )
    shown = repr(problem["input"])
    found = f"{key} = {shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + ' …'}"
    field = keys().get(key)
    meaning = field.description if field is not None else "a section of keys"
    choices = _choices(key)
    close = nearest_name(str(problem["input"]), choices)
    remedy = f"set '{key}' to {allowed(key)}" + (f"; did you mean '{close}'?" if close else "")
    if written := _written_out(problem["input"]):
        remedy += f"; in YAML this number is written {written}"
    return found, where, f"{problem['msg'].lower()} ({meaning})", remedy


def _written_out(value: Any) -> str:
    """Return how YAML wants a number that it took for a text: `1e-3` lacks the point."""
    if not isinstance(value, str) or not re.fullmatch(r"[-+]?\d+[eE][-+]?\d+", value):
        return ""
    mantissa, _, exponent = value.lower().partition("e")
    return f"{mantissa}.0e{exponent if exponent[0] in '+-' else '+' + exponent}"


def _choices(key: str) -> list[str]:
    return [str(part) for part in _enumerated(_schema_of(key))]


def _enumerated(schema: dict[str, Any]) -> list[Any]:
    if "enum" in schema:
        return list(schema["enum"])
    if "const" in schema:
        return [schema["const"]]
    inner = schema.get("anyOf", []) + (
        [schema["items"]] if isinstance(schema.get("items"), dict) else []
    )
    return [choice for part in inner for choice in _enumerated(part)]


def _schema_of(key: str) -> dict[str, Any]:
    schema = Settings.model_json_schema()
    found: dict[str, Any] = schema
    for part in key.split("."):
        found = found.get("properties", {}).get(part, {})
        if "$ref" in found:
            found = schema["$defs"][found["$ref"].rsplit("/", 1)[1]]
    return found


def allowed(key: str) -> str:
    """Say in words what a key may hold."""
    return _words(_schema_of(key))


def _words(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_words(part) for part in schema["anyOf"])
    if choices := ([schema["const"]] if "const" in schema else schema.get("enum")):
        return "one of " + ", ".join(map(str, choices)) if len(choices) > 1 else str(choices[0])
    kind = schema.get("type", "a section of keys")
    if kind == "array":
        return f"a list, each {_words(schema['items'])}"
    word = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "string": "text",
        "object": "a section of keys",
    }[kind]
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = " and ".join(
        f"{sign} {schema[name]:g}" for name, sign in signs.items() if name in schema
    )
    pattern = f"matching {schema['pattern']}" if "pattern" in schema else ""
    return " ".join(part for part in (word, bounds, pattern) if part)


def _folder_file(key: str, files: Sequence[Path]) -> Path | None:
    return next((path for path in reversed(files) if path.is_file() and key in read(path)), None)


def _folder_of(key: str, files: Sequence[Path]) -> Path | None:
    origin = _folder_file(key, files)
    return origin.parent.resolve() if origin else None


def _table(name: str, folder: Path | None, root: Path) -> Path:
    searched = (
        [Path(name)]
        if Path(name).is_absolute()
        else [place / name for place in (folder, Path.cwd(), root) if place]
    )
    for candidate in searched:
        if candidate.is_file():
            return candidate.resolve()
    raise InputError(
        found=f"no file {name}",
        where="config key 'datasets', looked up as " + ", ".join(dict.fromkeys(map(str, searched))),
        why="the workflow needs the table that lists its data sets",
        remedy=(
            "set 'datasets' to the path of a table, or create it; config/README.md describes its"
            " columns"
        ),
    )


def _existing(name: str, key: str, files: Sequence[Path]) -> str:
    path = ((_folder_of(key, files) or Path.cwd()) / name).resolve()
    if not path.is_file():
        raise InputError(
            f"no file {path}",
            f"config key '{key}'",
            "it should name a file",
            f"correct the path in '{key}' or remove it",
        )
    return str(path)
