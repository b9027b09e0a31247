"""A conda channel in a folder, made of this interpreter and of the packages installed for it, for
machines that reach no channel.

It shows that the environment files can be solved and that each rule runs inside its own
environment; whether conda-forge and bioconda have the names is a question for a machine that
reaches them.
"""

import hashlib
import io
import json
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pyarrow as pa
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"lib/python{PYTHON}/site-packages"
# Names that conda-forge writes differently from PyPI.
NAMES = {
    "torch": "pytorch",
    "huggingface-hub": "huggingface_hub",
    "typing-extensions": "typing_extensions",
}
# Parts of the standard library that no stage uses.
_LEFT_OUT = {
    "__pycache__",
    "site-packages",
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "ensurepip",
    "turtledemo",
}


def conda_name(name: str) -> str:
    """Give a distribution's name as conda-forge writes it."""
    plain = canonicalize_name(name)
    return NAMES.get(plain, plain)


class Channel:
    """Packages written into `folder/linux-64`, listed in its repodata.json by `finish`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "linux-64").mkdir(parents=True)
        (folder / "noarch").mkdir()
        self._packages: dict[str, dict] = {}

    def add_python(self) -> None:
        """Pack the interpreter that runs this, without what is installed for it."""
        base = Path(sys.base_prefix)
        files = {f"bin/python{PYTHON}": (base / f"bin/python{PYTHON}").resolve()}
        library = base / f"lib/python{PYTHON}"
        for path in library.rglob("*"):
            parts = path.relative_to(library).parts
            if path.is_file() and not any(
                part in _LEFT_OUT or part.startswith("config-") for part in parts
            ):
                files[f"lib/python{PYTHON}/{'/'.join(parts)}"] = path
        files |= {f"lib/{path.name}": path.resolve() for path in base.glob("lib/libpython*.so*")}
        links = {f"bin/{name}": f"python{PYTHON}" for name in ("python", "python3")}
        version = ".".join(map(str, sys.version_info[:3]))
        self._pack("python", version, [], files, links, {"python_site_packages_path": SITE})

    def add_installed(self, names: list[str]) -> None:
        """Pack installed distributions and all that they require."""
        waiting, seen = list(names), set()
        while waiting:
            name = canonicalize_name(waiting.pop())
            if name in seen:
                continue
            seen.add(name)
            distribution = metadata.distribution(name)
            needed = [
                requirement
                for requirement in map(Requirement, distribution.requires or [])
                if _applies(requirement)
            ]
            waiting += [requirement.name for requirement in needed]
            self._pack(
                conda_name(name),
                distribution.version.partition("+")[0],
                [f"python {PYTHON}.*", *sorted({_depends(requirement) for requirement in needed})],
                _installed_files(distribution),
            )

    def add_wheel(self, wheel: Path) -> None:
        """Pack a pure wheel, unpacked beside it."""
        place = wheel.with_suffix("")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(place)  # noqa: S202 - a wheel that was asked for by name and version
        name, version = wheel.name.split("-")[:2]
        files = {
            f"{SITE}/{path.relative_to(place).as_posix()}": path
            for path in place.rglob("*")
            if path.is_file()
        }
        self._pack(conda_name(name), version, [f"python {PYTHON}.*"], files)

    def finish(self) -> None:
        """Write the index of the channel."""
        for subdir, packages in (("linux-64", self._packages), ("noarch", {})):
            index = {
                "info": {"subdir": subdir},
                "packages": {},
                "packages.conda": packages,
                "repodata_version": 1,
            }
            (self.folder / subdir / "repodata.json").write_text(json.dumps(index))

    def _pack(
        self,
        name: str,
        version: str,
        depends: list[str],
        files: dict[str, Path],
        links: dict[str, str] | None = None,
        more: dict | None = None,
    ) -> None:
        index = {
            "name": name,
            "version": version,
            "build": "0",
            "build_number": 0,
            "depends": depends,
            "subdir": "linux-64",
            "arch": "x86_64",
            "platform": "linux",
            **(more or {}),
        }
        stem = f"{name}-{version}-0"
        content, paths = _Tar(), []
        for target, source in sorted(files.items()):
            digest, size = content.add_file(target, source)
            paths.append(
                {"_path": target, "path_type": "hardlink", "sha256": digest, "size_in_bytes": size}
            )
        for target, goal in sorted((links or {}).items()):
            content.add_link(target, goal)
            digest = next(path["sha256"] for path in paths if path["_path"] == f"bin/{goal}")
            paths.append(
                {"_path": target, "path_type": "softlink", "sha256": digest, "size_in_bytes": 0}
            )
        info = _Tar()
        info.add_text("info/index.json", json.dumps(index))
        info.add_text("info/paths.json", json.dumps({"paths": paths, "paths_version": 1}))
        info.add_text("info/files", "".join(f"{path['_path']}\n" for path in paths))
        info.add_text("info/about.json", "{}")
        package = self.folder / "linux-64" / f"{stem}.conda"
        with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
            archive.writestr(f"info-{stem}.tar.zst", info.bytes())
            archive.writestr(f"pkg-{stem}.tar.zst", content.bytes())
        written = package.read_bytes()
        digests = {
            "md5": hashlib.md5(written, usedforsecurity=False).hexdigest(),
            "sha256": hashlib.sha256(written).hexdigest(),
        }
        self._packages[package.name] = {**index, **digests, "size": len(written)}


class _Tar:
    """An archive in memory, compressed at zstandard's fastest level while it is written."""

    def __init__(self) -> None:
        self._buffer = pa.BufferOutputStream()
        self._packed = pa.CompressedOutputStream(self._buffer, "zstd")
        self._tar = tarfile.open(fileobj=self._packed, mode="w|")  # noqa: SIM115 - closed by bytes()

    def add_file(self, target: str, source: Path) -> tuple[str, int]:
        data = source.read_bytes()
        if data.startswith(b"#!") and target.startswith("bin/"):
            data = b"#!/usr/bin/env python" + data[data.index(b"\n") :]
        self._add(target, data, 0o755 if target.startswith("bin/") else 0o644)
        return hashlib.sha256(data).hexdigest(), len(data)

    def add_text(self, target: str, text: str) -> None:
        self._add(target, text.encode(), 0o644)

    def _add(self, target: str, data: bytes, mode: int) -> None:
        entry = tarfile.TarInfo(target)
        entry.size, entry.mode = len(data), mode
        self._tar.addfile(entry, io.BytesIO(data))

    def add_link(self, target: str, goal: str) -> None:
        entry = tarfile.TarInfo(target)
        entry.type, entry.linkname = tarfile.SYMTYPE, goal
        self._tar.addfile(entry)

    def bytes(self) -> bytes:
        self._tar.close()
        self._packed.close()
        return self._buffer.getvalue().to_pybytes()


def _installed_files(distribution: metadata.Distribution) -> dict[str, Path]:
    found = {}
    site = Path(distribution.locate_file("")).resolve()
    for path in distribution.files or []:
        place = Path(path.locate()).resolve()
        if not place.is_file() or "__pycache__" in place.parts:
            continue
        if place.is_relative_to(site):
            found[f"{SITE}/{place.relative_to(site).as_posix()}"] = place
        elif place.parent.name == "bin":
            found[f"bin/{place.name}"] = place
        else:
            found[place.relative_to(Path(sys.prefix).resolve()).as_posix()] = place
    return found


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _depends(requirement: Requirement) -> str:
    """Give a requirement as conda writes it."""
    limits = ",".join(
        sorted(
            f"=={limit.version}" if limit.operator == "===" else str(limit)
            for limit in requirement.specifier
        )
    )
    return f"{conda_name(requirement.name)} {limits}".strip()
