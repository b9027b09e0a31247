"""What counts of a module's text: its syntax tree without comments and docstrings, what it imports,
and of which packages it opens files."""

import ast
import hashlib
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# The function that opens a file of an installed package: such a package counts although nothing
# imports it.
_OPENS_PACKAGE_FILE = "package_file"


@dataclass(frozen=True)
class Code:
    """What counts of a module's text.

    Attributes
    ----------
    digest
        Hash of its syntax tree without docstrings; empty where the module is.
    imports
        Names of modules; `from package import name` may mean a module of that name.
    opened
        Packages whose files are read as data.
    """

    digest: str
    imports: list[str]
    opened: list[str]


class Texts:
    """What is known of texts, by their hash, from one process to the next.

    Every Snakemake process reads all modules of the package, and so does each job that trains: to
    go through their syntax trees takes seconds. As with compiled modules, a folder that cannot be
    written to is done without.
    """

    def __init__(self) -> None:
        # Another version of Python has other trees, another version of this module reads otherwise.
        own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
        name = f"texts.{sys.implementation.cache_tag}.{own}"
        self._path = Path(__file__).parent / "__pycache__" / name
        self._new = False
        try:
            self._known = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def code(self, text: bytes) -> Code:
        """Return what counts of a text."""
        key = hashlib.sha256(text).hexdigest()
        if key not in self._known:
            self._known[key] = _read_code(text)
            self._new = True
        return Code(*self._known[key])

    def save(self) -> None:
        """Keep what this process has read."""
        if not self._new or sys.dont_write_bytecode:
            return
        self._new = False
        # Several processes may write at once, each under its own name; the last one stays.
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)
            temporary.write_text(json.dumps(self._known), encoding="utf-8")
            temporary.replace(self._path)


@dataclass
class _Tree:
    """A module's syntax tree, gone through once.

    Attributes
    ----------
    content
        Types and values of the nodes in order, docstrings left out.
    imports, opened
        As in `Code`.
    """

    content: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            self.imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.module and not node.level:
                self.imports += [
                    node.module,
                    *(f"{node.module}.{alias.name}" for alias in node.names),
                ]
        elif isinstance(node, ast.Call):
            if (
                isinstance(node.func, ast.Name)
                and node.func.id == _OPENS_PACKAGE_FILE
                and node.args
            ):
                self.opened += [
                    part.value
                    for part in node.args[:1]
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                ]
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
        self.content.append(node.__class__.__name__)
        for name in node._fields:
            self._add(getattr(node, name, None))

    def _add(self, value: object) -> None:
        if isinstance(value, ast.AST):
            self.visit(value)
        elif isinstance(value, list):
            self.content.append(f"[{len(value)}")
            for part in value:
                self._add(part)
        else:
            self.content.append(repr(value))


def _drop_docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> None:
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        # A body must not become empty: `pass` stands for a function that only has a docstring.
        node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])


def _read_code(text: bytes) -> tuple[str, list[str], list[str]]:
    tree, read = ast.parse(text), _Tree()
    read.visit(tree)
    content = "\0".join(read.content).encode() if tree.body else b""
    return hashlib.sha256(content).hexdigest() if content else "", read.imports, read.opened
