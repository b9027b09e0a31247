"""Tables of values within a SOFT file."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pandas as pd

from epigpt.errors import InputError
from epigpt.geo.record import clean
from epigpt.geo.record_lines import REMEDY, opened


def read_tables(path: Path, kind: str = "sample") -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the data tables of a SOFT file one by one, so that an array series never lies in memory
    as a whole.

    Parameters
    ----------
    path
        SOFT family file, plain or gzipped.
    kind
        "sample" for the measured values (columns ID_REF, VALUE, …), "platform" for the probe
        annotation (ID, Gene Symbol, …).

    Yields
    ------
    Accession and table (text cells, columns as in the file). Entities without a table, as all of
    sequencing, are left out.
    """
    begin = f"!{kind}_table_begin".encode()
    accession = ""
    rows: list[bytes] | None = None
    with opened(Path(path)) as handle:
        for line in handle:
            mark = line[:1]
            if rows is not None:
                if mark == b"!" and line.lower().startswith(b"!" + kind.encode() + b"_table_end"):
                    yield accession, _parsed(rows)
                    rows = None
                else:
                    rows.append(line)
            elif mark == b"^":
                accession = clean(line.partition(b"=")[2].decode("latin-1"))
            elif mark == b"!" and line.lower().startswith(begin):
                rows = []
    if rows is not None:
        raise InputError(
            "a record that ends inside a table", str(path), "the file is cut short", REMEDY
        )


def _parsed(rows: list[bytes]) -> pd.DataFrame:
    content = b"".join(rows)
    if not content.strip():
        return pd.DataFrame()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    return pd.read_csv(StringIO(text), sep="\t", dtype=str, keep_default_na=False, quoting=3)
