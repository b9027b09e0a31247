"""What messages tell a user to type is there to be typed: commands, options, keys, cells, files.

Every text of the package is looked at, so that a command that was renamed, or a key that is gone,
is found in the messages that still name it. That following them helps is tested beside what
refuses (`test_*_remedies.py`).
"""

import argparse
import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import anndata
import pytest
import yaml
from snakemake.cli import get_argument_parser

from epigpt import cli
from epigpt.config import dataset_row
from epigpt.config.loading import validated
from epigpt.config.settings import Settings, keys
from epigpt.models import presets

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "workflow" / "epigpt"
# What stands for a value that is known when the message is written.
HOLE = "\x00"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
EMPTY = (ast.Name, ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop, ast.alias)
OF_A_SAMPLE_MAP = ("column", "sample")


def texts(path: Path) -> Iterator[str]:
    """Yield the texts of a module as they are put together, docstrings left out."""
    left: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while left:
        node = left.pop()
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield node.value
            continue
        parts = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else HOLE for part in parts
            )
            parts = [part for part in parts if not isinstance(part, ast.Constant)]
        elif isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            parts.remove(node.body[0])
        # Names and operators, half of all nodes, hold nothing.
        left += [part for part in parts if not isinstance(part, EMPTY)]


MESSAGES = [
    (path.relative_to(PACKAGE).as_posix(), text)
    for path in sorted(PACKAGE.rglob("*.py"))
    for text in texts(path)
    if " " in text
]


def said(pattern: str) -> list[tuple[str, ...]]:
    """Return every match of a pattern in the messages, with the file that says it."""
    return sorted(
        {
            (name, *(match.groups() or (match.group(),)))
            for name, text in MESSAGES
            for match in re.finditer(pattern, text)
        }
    )


def options_of(command: str) -> set[str]:
    parser = argparse.ArgumentParser()
    importlib.import_module(cli.COMMANDS[command][0]).add_arguments(parser)
    return set(parser._option_string_actions)


def test_the_messages_are_read() -> None:
    assert len(MESSAGES) > 1500
    assert any("sample sheet" in text for _, text in MESSAGES)


@pytest.mark.parametrize(("where", "command", "rest"), said(r"`epigpt ([a-z]+)([^`]*)`"))
def test_commands_of_epigpt_are_there(where: str, command: str, rest: str) -> None:
    assert command in cli.COMMANDS
    assert set(re.findall(r"--[a-z-]+", rest)) <= options_of(command)


@pytest.mark.parametrize(
    ("where", "options"),
    said(r"`?snakemake(?: [^`;)]*?)?((?: --[a-z-]+[^`;)]*)+)"),
)
def test_options_of_snakemake_are_there(where: str, options: str) -> None:
    known = set(get_argument_parser()._option_string_actions)
    assert set(re.findall(r"--[a-z-]+", options)) <= known


@pytest.mark.parametrize(
    ("where", "target"),
    said(
        r"\bmake ((?:[a-z]+-)?(?:demo|test|pins|docs|check|lint|slurm|conda|documents|install-profile)\b)"
    ),
)
def test_targets_of_make_are_there(where: str, target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize(("where", "package", "version"), said(r"pip install ([\w-]+)==([\w.]+)"))
def test_what_is_to_be_installed_is_what_is_pinned(where: str, package: str, version: str) -> None:
    assert f'"{package}=={version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(("where", "cell"), said(r"\b[Cc]ells? `([a-z_]+)`"))
def test_cells_are_columns_of_a_table(where: str, cell: str) -> None:
    assert cell in (*dataset_row.COLUMNS, *OF_A_SAMPLE_MAP)


def test_cells_and_keys_are_found() -> None:
    """What collects them could collect nothing."""
    assert len(said(r"\b[Cc]ells? `([a-z_]+)`")) > 20
    assert len(KEYS) > 15
    assert len(said(r"`epigpt ([a-z]+)([^`]*)`")) >= 4
    assert len(FILES) >= 2


# "raise `geo.max_unpacked_gb`", "check geo.base_url", "set global_batch_size to 8".
KEYS = [
    *said(r"\b((?:geo|quality)\.[a-z]+_[a-z_]+)"),
    *said(r"(?:set|raise|lower|under|[Kk]eys?) [`']?([a-z]+(?:_[a-z]+)+)[`']?(?=[:,. )]|$)"),
]


@pytest.mark.parametrize(("where", "key"), KEYS)
def test_keys_are_settings(where: str, key: str) -> None:
    assert key in {*keys(), *Settings.model_fields, *dataset_row.COLUMNS}


VALUES = [
    (where, key, value)
    for where, key, value in said(r"(?:set|write|or) ([a-z_]+): ([a-z0-9-]+)(?=[,;. ]|$)")
    if key in keys()
]


@pytest.mark.parametrize(("where", "key", "value"), VALUES)
def test_values_are_allowed(where: str, key: str, value: str) -> None:
    validated({key: yaml.safe_load(value)})


def test_values_are_found() -> None:
    assert {("adapt", "0"), ("early_stopping", "0"), ("precision", "fp32")} <= {
        found[1:] for found in VALUES
    }


@pytest.mark.parametrize(("where", "key", "value"), said(r"--config ([a-z_]+)=('\[[^']*\]'|\w+)"))
def test_what_is_given_by_config_is_a_key(where: str, key: str, value: str) -> None:
    assert key in {*keys(), "hardware"}
    if key == "hardware":
        assert value == "NAME" or presets.hardware(value)
        return
    if HOLE in value:
        return
    given = yaml.safe_load(value.strip("'"))
    if key == "transcripts":
        assert given == "FILE"
    else:
        validated({key: given})


FILES = said(r"(?:^|[ (`'])((?:config|docs)/[\w/.-]+\.(?:md|yaml|tsv))")


@pytest.mark.parametrize(("where", "file"), FILES)
def test_files_of_the_project_are_there(where: str, file: str) -> None:
    assert (ROOT / file).is_file()


@pytest.mark.parametrize(("where", "name"), said(r"adata\.([a-z_]+)\("))
def test_methods_of_anndata_are_there(where: str, name: str) -> None:
    assert callable(getattr(anndata.AnnData, name))


# Rooms whose messages name options of one command.
OF_A_COMMAND = {"describe": "describe", "prediction": "predict", "simulation": "simulate"}


@pytest.mark.parametrize(
    ("where", "option"),
    [
        found
        for found in said(r"(?<![\w-])(--[a-z][a-z-]+)")
        if found[0].partition("/")[0] in OF_A_COMMAND
    ],
)
def test_options_are_those_of_their_command(where: str, option: str) -> None:
    assert option in options_of(OF_A_COMMAND[where.partition("/")[0]])
