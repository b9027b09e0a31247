"""Content hash of a stage's code, so that an edit reruns exactly the stages that use the edited module.

Snakemake sees a rule's shell command, not the modules that the command imports. Each rule therefore passes the fingerprint of its
stage as parameters: one string per module, so that the reason Snakemake prints for a rerun names the module and nothing else.
Comments, docstrings and formatting do not count; nor does the time stamp of a file.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = "epigpt"
FOLDER = Path(__file__).resolve().parent
# Data files that a module reads at run time count as part of it.
RESOURCES = {".tsv", ".gz", ".json", ".txt", ".html", ".css", ".js", ".j2", ".yaml", ".md"}
# Packages whose version cannot change a result: screens, configuration, file formats' plumbing.
_SILENT = {"rich", "pydantic", "yaml", "httpx", "pytest"}
# Packages that decide a result from behind another one, which imports them when it needs them.
_BEHIND = {"scanpy": {"umap", "pynndescent"}, "transformers": {"tokenizers"}}
# The function that opens a file of an installed package: such a package counts although nothing imports it.
_OPENS_PACKAGE_FILE = "package_file"
# Import names that differ from the name of the distribution; asking the metadata of all installed packages takes half a second.
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "umap": "umap-learn"}


def fingerprint(stage: str, versions: bool = True) -> list[str]:
    """List `module=hash` for a stage's module and all it imports inside the package, and `package==version` for what it uses outside.

    Outside it uses what it imports and the packages whose files it reads as data.

    Parameters
    ----------
    stage
        Name of a module in `epigpt.stages`.
    versions
        Include versions of installed packages. Left out where conda provides them: there the environment file decides.

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
        packages = packages | {package for name in modules for package in _read_as_data(name)}
        packages = packages.union(*(behind for package, behind in _BEHIND.items() if package in packages))
        listed += sorted(version for package in packages - _SILENT if (version := _version(package)))
    return listed


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
        waiting.append(name.rpartition(".")[0])  # importing a module runs its packages' __init__ as well
        for imported in _imports(name):
            if imported == PACKAGE or imported.startswith(f"{PACKAGE}."):
                waiting.append(imported)
            else:
                packages.add(imported.partition(".")[0])
    return frozenset(modules), frozenset(packages)


def _file(name: str) -> Path | None:
    if not name.startswith(PACKAGE):
        return None
    base = FOLDER.joinpath(*name.split(".")[1:])
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


@cache
def _tree(name: str) -> ast.Module:
    path = _file(name)
    if path is None:
        raise ModuleNotFoundError(name)
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _imports(name: str) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import name` may mean a module of that name.
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(found)


@cache
def _read_as_data(name: str) -> tuple[str, ...]:
    calls = (node for node in ast.walk(_tree(name)) if isinstance(node, ast.Call) and node.args)
    opening = (call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == _OPENS_PACKAGE_FILE)
    return tuple(package.value for package in opening if isinstance(package, ast.Constant) and isinstance(package.value, str))


@cache
def _digest(name: str) -> str:
    tree = _without_docstrings(_tree(name))
    content = ast.dump(tree, annotate_fields=False).encode() if tree.body else b""
    path = _file(name)
    if path is not None and path.name == "__init__.py":
        content += b"".join(_resources(path.parent))
    return hashlib.sha256(content).hexdigest()[:12] if content else ""


def _resources(folder: Path) -> Iterator[bytes]:
    """Give names and bytes of the data files that belong to a package: those in sub-folders that are no packages themselves."""
    for path in sorted(folder.rglob("*")):
        inside = [folder.joinpath(*path.relative_to(folder).parts[:depth]) for depth in range(1, len(path.relative_to(folder).parts))]
        if path.is_file() and path.suffix in RESOURCES and not any((place / "__init__.py").exists() for place in inside):
            yield path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                # A body must not become empty: `pass` stands for a function that only has a docstring.
                node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return tree


@cache
def _version(package: str) -> str | None:
    if package in sys.stdlib_module_names:
        return None
    name = _DISTRIBUTIONS.get(package, package)
    try:
        return f"{name}=={metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return None
