"""Files that appear whole or not at all: written beside their final name, then renamed; and the
checksums by which a change afterwards is noticed."""

import errno
import glob
import hashlib
import json
import logging
import math
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

# Name of the file with the checksums of those beside it.
CHECKSUMS = "checksums.json"
_READ = 1 << 22
# What a file of HDF5 takes beside its matrices.
_ROOM = 1 << 20
# What a spreadsheet program takes for a formula; a number below 0 is none, nor a strand's sign.
_FORMULA = re.compile(r"[=+@].|-(?![\d.]+([eE][-+]?\d+)?$).", re.DOTALL)
# Rows of a table that are written out at a time.
ROWS = 10_000


@contextmanager
def path(final: Path, size: int = 0) -> Iterator[Path]:
    """Return a temporary path in `final`'s folder; rename it to `final` when the block ends well.

    Works for a file and for a folder (create the folder at the temporary path). After an error
    nothing is left behind.

    Parameters
    ----------
    size
        Bytes that it will take at least. For HDF5: where the disk fills up while its library closes
        a file, it may end the process without a word.

    Raises
    ------
    OSError
        The disk has no room for `size` bytes.
    """
    final = Path(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    if size and shutil.disk_usage(final.parent).free < size + _ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(final))
    # The suffix is kept because writers such as numpy and matplotlib choose or append by it.
    temporary = final.parent / f".{final.stem}.{os.getpid()}.part{final.suffix}"
    for left in final.parent.glob(f".{glob.escape(final.stem)}.*.part{glob.escape(final.suffix)}"):
        if _is_left_over(left):
            _remove(left)  # by a process that was killed
    try:
        yield temporary
        if temporary.is_dir() and final.is_dir():
            shutil.rmtree(final)
        temporary.replace(final)
        note_written(final)
    finally:
        _remove(temporary)


_WRITTEN: list[Path] = []


def note_written(final: Path) -> None:
    """Remember a file or folder that this process has written under its final name."""
    _WRITTEN.append(final.absolute())


def written() -> list[Path]:
    """List what this process has written, in order."""
    return list(_WRITTEN)


def _is_left_over(temporary: Path) -> bool:
    """Return whether no process writes a temporary file any more: that of its number has ended, or
    is this one. One file has one writer, so a process of another machine has ended too."""
    number = temporary.name.removesuffix(temporary.suffix).removesuffix(".part").rsplit(".", 1)[-1]
    return number == str(os.getpid()) or not Path(f"/proc/{number}").is_dir()


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def beneath(places: Sequence[Path], name: str) -> list[Path]:
    """Return the files of a name: a file stands for itself, a folder for those at any depth below
    it, in natural order (fold2 before fold10)."""
    found: list[Path] = []
    for place in places:
        inside = place.rglob(name) if place.is_dir() else [place]
        found += sorted(inside, key=lambda path: [(len(part), part) for part in path.parts])
    return found


def new_array(path: Path, kind: DTypeLike, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Make a `.npy` file and return its array, to be filled in place.

    Raises
    ------
    OSError
        The disk has no room for it. Without asking, a page that finds none would end the process
        without a word.
    """
    array = np.lib.format.open_memmap(path, "w+", kind, shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def write_text(final: Path, text: str) -> None:
    """Write `text` in UTF-8 with Unix line ends."""
    with path(final) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(final: Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys; NaN and infinities become null."""
    write_text(
        final,
        json.dumps(_finite(content), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        + "\n",
    )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ):
            digest.update(block)
    return digest.hexdigest()


def write_checksums(folder: Path, names: Sequence[str]) -> None:
    """Write checksums.json: size and SHA-256 of some files of a folder."""
    listed = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
        for name in names
    }
    write_json(folder / CHECKSUMS, listed)


def changed(folder: Path) -> list[str]:
    """List the files of a folder that are missing or not as its checksums.json says; none where
    there is no such file."""
    path = folder / CHECKSUMS
    if not path.is_file():
        return []
    listed = json.loads(path.read_text(encoding="utf-8"))
    return [
        name
        for name, file in listed.items()
        if "/" in name
        or not (folder / name).is_file()
        or (folder / name).stat().st_size != file["bytes"]
        or sha256(folder / name) != file["sha256"]
    ]


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if hasattr(content, "item") and getattr(content, "ndim", 1) == 0:  # numpy scalars
        content = content.item()
    if isinstance(content, float) and not math.isfinite(content):
        return None
    if isinstance(content, Path):
        return str(content)
    return content


def _on_one_line(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    line = " ".join(value.split())
    return value if line == value else line  # of a million equal texts a column holds one


def _warn_of_formulas(final: Path, name: str, column: pd.Series) -> None:
    """Return which texts a spreadsheet program would run as formulas; they stay as they are, since
    later stages find samples by them."""
    formulas = [text for text in column if isinstance(text, str) and _FORMULA.match(text)]
    if formulas:
        logging.getLogger("epigpt").warning(
            "%s: %d texts in column '%s' begin like a formula of a spreadsheet, such as %s; import"
            " that column as text before you trust what is shown.",
            final.name,
            len(formulas),
            name,
            repr(formulas[0][:60]),
        )


def write_tsv(final: Path, frame: pd.DataFrame) -> None:
    """Write `frame` tab-separated without its index: six significant digits, missing values empty,
    booleans true/false."""
    shown = frame.copy(deep=False)  # columns are replaced, not changed
    for name, column in frame.items():
        if column.dtype == bool:
            shown[name] = column.map({True: "true", False: "false"})
        elif (
            isinstance(column.dtype, pd.CategoricalDtype)
            or pd.api.types.is_string_dtype(column)
            or column.dtype == object
        ):
            # A tab or line break inside a text would shift the columns of every reader downstream.
            shown[name] = column.map(_on_one_line)
            _warn_of_formulas(final, str(name), shown[name])
    with path(final) as temporary:
        shown.to_csv(
            temporary,
            sep="\t",
            index=False,
            float_format="%.6g",
            lineterminator="\n",
            encoding="utf-8",
            chunksize=ROWS,
        )
