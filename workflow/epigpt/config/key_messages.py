"""What a message says of a key: what it may hold, and what was written instead."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epigpt.config.config_files import folder_file
from epigpt.config.settings import Settings, keys
from epigpt.errors import nearest_name

_LONGEST_SHOWN = 200


def dotted_key(location: tuple[Any, ...]) -> str:
    """Return the key, such as `geo.base_url`, that a problem of pydantic is about."""
    known = keys()
    parts: list[str] = []
    for part in location:
        if ".".join(parts) in known or not isinstance(part, str):
            break
        parts.append(part)
    return ".".join(parts)


def explain(key: str, problem: Any, files: Sequence[Path]) -> tuple[str, str, str, str]:
    """Return the four parts of the message about a key: found, where, why, remedy."""
    origin = folder_file(key.partition(".")[0], files)
    where = f"config key '{key}'" + (
        f" in {origin}" if origin else " (from --config)" if files else ""
    )
    if problem["type"] == "extra_forbidden":
        if isinstance(problem["loc"][-1], str) and "." in problem["loc"][-1] and key in keys():
            section, _, name = key.rpartition(".")
            return (
                f"unknown key '{key}'",
                where,
                f"it is the key '{name}' of the section '{section}'",
                f"write '{section}:' and below it, indented, '{name}: …'",
            )
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
    # The first sentence says what it is; the rest stands in config/README.md.
    meaning = (
        str(field.description).partition(". ")[0] if field is not None else "a section of keys"
    )
    choices = _choices(key)
    close = nearest_name(str(problem["input"]), choices)
    remedy = f"set '{key}' to {allowed(key)}" + (f"; did you mean '{close}'?" if close else "")
    if written := _written_out(problem["input"], whole="whole number" in allowed(key)):
        remedy += f"; in YAML this number is written {written}"
    return found, where, f"{problem['msg'].lower()} ({meaning})", remedy


def _written_out(value: Any, *, whole: bool) -> str:
    """Return how YAML wants a number that it took for a text: `1e-3` lacks the point, and a `whole`
    number has neither point nor exponent."""
    if not isinstance(value, str) or not re.fullmatch(r"[-+]?\d{1,9}[eE][-+]?\d{1,2}", value):
        return ""
    if whole:
        return f"{float(value):.0f}" if float(value).is_integer() else ""
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
    part_schema: dict[str, Any] = schema
    for part in key.split("."):
        part_schema = part_schema.get("properties", {}).get(part, {})
        if "$ref" in part_schema:
            part_schema = schema["$defs"][part_schema["$ref"].rsplit("/", 1)[1]]
    return part_schema


def allowed(key: str) -> str:
    """Return in words what a key may hold."""
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
