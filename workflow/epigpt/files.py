"""Files that appear whole or not at all: written beside their final name, then renamed."""

import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

# Rows of a table that are written out at a time.
ROWS = 10_000


@contextmanager
def path(final: Path) -> Iterator[Path]:
    """Give a temporary path in `final`'s folder; rename it to `final` when the block ends well.

    Works for a file and for a folder (create the folder at the temporary path). After an error
    nothing is left behind.
    """
    final = Path(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept because writers such as numpy and matplotlib choose or append by it.
    temporary = final.parent / f".{final.stem}.{os.getpid()}.part{final.suffix}"
    _remove(temporary)
    try:
        yield temporary
        if temporary.is_dir() and final.is_dir():
            shutil.rmtree(final)
        temporary.replace(final)
    finally:
        _remove(temporary)


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


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
