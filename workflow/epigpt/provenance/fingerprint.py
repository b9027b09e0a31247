"""Content hash of a stage's code, so that an edit reruns exactly the stages that use the edited
module.

Snakemake sees a rule's shell command, not the modules that the command imports. Each rule therefore
passes the fingerprint of its stage as parameters, the modules of a folder together, so that the
reason Snakemake prints for a rerun shows their hashes before and now. Comments, docstrings and
formatting do not count; nor does the time stamp of a file.
"""

import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from epigpt.provenance import module_code

PACKAGE = "epigpt"
FOLDER = Path(__file__).resolve().parents[1]
# Data files that a module reads at run time count as part of it.
RESOURCES = {".tsv", ".gz", ".json", ".txt", ".html", ".css", ".js", ".j2", ".yaml", ".md"}
# Packages whose version cannot change a result: screens, configuration, file formats' plumbing.
_SILENT = {"rich", "pydantic", "yaml", "httpx", "pytest"}
# Packages that decide a result from behind another one, which imports them when it needs them.
_BEHIND = {"scanpy": {"umap", "pynndescent"}, "transformers": {"tokenizers"}}
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
    _TEXTS.save()
    return frozenset(modules), frozenset(packages)


@cache
def _file(name: str) -> Path | None:
    if not name.startswith(PACKAGE):
        return None
    base = FOLDER.joinpath(*name.split(".")[1:])
    return next(
        (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None
    )


_TEXTS = module_code.Texts()


@cache
def _code(name: str) -> module_code.Code:
    path = _file(name)
    if path is None:
        raise ModuleNotFoundError(name)
    return _TEXTS.code(path.read_bytes())


@cache
def _digest(name: str) -> str:
    content = _code(name).digest.encode()
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
