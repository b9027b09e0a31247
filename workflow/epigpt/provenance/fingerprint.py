"""Content hash of a stage's code, so that an edit reruns exactly the stages that use the edited
module.

Snakemake sees a rule's shell command, not the modules that the command imports. Each rule therefore
passes the fingerprint of its stage as parameters, the modules of a folder together, so that the
reason Snakemake prints for a rerun shows their hashes before and now. Comments, docstrings and
formatting do not count; nor does the time stamp of a file.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = "epigpt"
FOLDER = Path(__file__).resolve().parents[1]
# Data files that a module reads at run time count as part of it.
RESOURCES = {".tsv", ".gz", ".json", ".txt", ".html", ".css", ".js", ".j2", ".yaml", ".md"}
# Packages whose version cannot change a result: screens, configuration, file formats' plumbing.
_SILENT = {"rich", "pydantic", "yaml", "httpx", "pytest"}
# Packages that decide a result from behind another one, which imports them when it needs them.
_BEHIND = {"scanpy": {"umap", "pynndescent"}, "transformers": {"tokenizers"}}
# The function that opens a file of an installed package: such a package counts although nothing
# imports it.
_OPENS_PACKAGE_FILE = "package_file"
# Import names that differ from the name of the distribution; asking the metadata of all installed
# packages takes half a second.
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "umap": "umap-learn"}


def fingerprint(stage: str, versions: bool = True) -> list[str]:
    """List `module=hash` for a stage's module and all it imports inside the package, and
    `package==version` for what it uses outside.

    Outside it uses what it imports and the packages whose files it reads as data.

    Parameters
    ----------
    stage
        Name of a module in `epigpt.stages`.
    versions
        Include versions of installed packages. Left out where conda provides them: there the
        environment file decides.

    Returns
    -------
    list of str
        Sorted. Empty modules are left out.

    Raises
    ------
    ModuleNotFoundError
        There is no such stage.
    """
    if _file(f"{PACKAGE}.stages.{stage}") is None:
        raise ModuleNotFoundError(f"no stage {stage}")
    modules, packages = _closure(f"{PACKAGE}.stages.{stage}")
    listed = [f"{name}={digest}" for name in sorted(modules) if (digest := _digest(name))]
    if versions:
        packages = packages | {package for name in modules for package in _code(name).opened}
        packages = packages.union(
            *(behind for package, behind in _BEHIND.items() if package in packages)
        )
        listed += sorted(
            version for package in packages - _SILENT if (version := _version(package))
        )
    return listed


def by_folder(stage: str, versions: bool = True) -> list[str]:
    """Return the fingerprint as a string per folder of modules, one for the stage's own module and
    one for the packages.

    Snakemake's reason for a rerun shows the strings that changed, so it names the folder's modules
    with their hashes before and now. A string per module would name that one alone, and make the
    planning of many data sets take a fifth longer.
    """
    own = f"{PACKAGE}.stages.{stage}"
    parts: dict[str, list[str]] = {}
    for part in fingerprint(stage, versions):
        name = part.partition("=")[0]
        folder = "packages" if "==" in part else name.rpartition(".")[0]
        parts.setdefault(own if name == own else folder, []).append(part)
    return [" ".join(listed) for listed in parts.values()]


@cache
def _closure(stage: str) -> tuple[frozenset[str], frozenset[str]]:
    modules: set[str] = set()
    packages: set[str] = set()
    waiting = [stage]
    while waiting:
        name = waiting.pop()
        if name in modules or _file(name) is None:
            continue
        modules.add(name)
        waiting.append(
            name.rpartition(".")[0]
        )  # importing a module runs its packages' __init__ as well
        for imported in _code(name).imports:
            if imported == PACKAGE or imported.startswith(f"{PACKAGE}."):
                waiting.append(imported)
            else:
                packages.add(imported.partition(".")[0])
    return frozenset(modules), frozenset(packages)


@cache
def _file(name: str) -> Path | None:
    if not name.startswith(PACKAGE):
        return None
    base = FOLDER.joinpath(*name.split(".")[1:])
    return next(
        (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None
    )


@dataclass
class _Code:
    """A module's syntax tree, gone through once: every Snakemake process, one in each job too,
    reads all modules of the package.

    Attributes
    ----------
    content
        Types and values of the nodes in order, docstrings left out.
    imports
        Names of modules; `from package import name` may mean a module of that name.
    opened
        Packages whose files are read as data.
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


@cache
def _code(name: str) -> _Code:
    path = _file(name)
    if path is None:
        raise ModuleNotFoundError(name)
    code = _Code()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    code.visit(tree)
    if not tree.body:
        code.content.clear()
    return code


@cache
def _digest(name: str) -> str:
    content = "\0".join(_code(name).content).encode()
    path = _file(name)
    if path is not None and path.name == "__init__.py":
        content += b"".join(_resources(path.parent))
    return hashlib.sha256(content).hexdigest()[:12] if content else ""


def _resources(folder: Path) -> Iterator[bytes]:
    """Yield names and bytes of the data files that belong to a package: those in sub-folders that
    are not packages themselves."""
    for path in sorted(folder.rglob("*")):
        inside = [
            folder.joinpath(*path.relative_to(folder).parts[:depth])
            for depth in range(1, len(path.relative_to(folder).parts))
        ]
        if (
            path.is_file()
            and path.suffix in RESOURCES
            and not any((place / "__init__.py").exists() for place in inside)
        ):
            yield path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes()


@cache
def _version(package: str) -> str | None:
    if package in sys.stdlib_module_names:
        return None
    name = _DISTRIBUTIONS.get(package, package)
    try:
        return f"{name}=={metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return None
