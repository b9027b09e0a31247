"""Read GEO's series matrices: the samples stand in columns, one file for each platform of the
series."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import pandas as pd

from epigpt.errors import InputError
from epigpt.geo.record import GeoSeries
from epigpt.geo.record_lines import REMEDY, Text, lines_outside_tables, opened
from epigpt.geo.soft import described_series

_BEGIN = b"!series_matrix_table_begin"
_END = b"!series_matrix_table_end"


def read_series_matrix(paths: Path | Iterable[Path]) -> GeoSeries:
    """Read series and samples from the series matrices of one series.

    A row of characteristics holds what each sample has in that place, so one row may mix keys
    ("gender: …" beside "age: …" of a sample that has no gender). They are therefore read by the key
    in each cell, never by row.

    Parameters
    ----------
    paths
        One file, or one for each platform, plain or gzipped; read in the order of their names.

    Raises
    ------
    InputError
        When a file is empty, HTML, cut short or ragged, or the files are of different series.
    """
    files = sorted(
        [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths],
        key=lambda path: path.name,
    )
    text = Text()
    series: dict[str, list[str]] = {}
    attributes: dict[str, dict[str, list[str]]] = {}
    repeated = 0
    for path in files:
        lines, samples = _read_one(path, text)
        if series and lines.get("geo_accession") != series.get("geo_accession"):
            raise InputError(
                f"matrices of {_only(series)} and {_only(lines)}",
                str(path),
                "they describe different series",
                "give the files of one series",
            )
        for key, values in lines.items():
            series[key] = list(dict.fromkeys([*series.get(key, []), *values]))
        repeated += len(attributes.keys() & samples.keys())
        attributes = {**samples, **attributes}
    listed = [sample for cell in series.get("sample_id", []) for sample in cell.split()]
    order = sorted(
        attributes,
        key=lambda sample: (listed.index(sample) if sample in listed else len(listed), sample),
    )
    described = described_series(
        _only(series), series, order, [attributes[sample] for sample in order]
    )
    described.notes = text.notes + described.notes
    if repeated:
        described.notes.append(
            f"{repeated} samples stand in several of the matrices and are counted once."
        )
    if missing := [sample for sample in listed if sample not in attributes]:
        described.notes.append(
            f"{len(missing)} samples are named by the series but not described:"
            f" {', '.join(missing[:5])}."
        )
    return described


def _only(series: dict[str, list[str]]) -> str:
    return next(iter(series.get("geo_accession", [])), "an unnamed series")


def _read_one(
    path: Path, text: Text
) -> tuple[dict[str, list[str]], dict[str, dict[str, list[str]]]]:
    """Return the lines of the series and, for each sample, its lines."""
    series: dict[str, list[str]] = {}
    rows: list[tuple[str, list[str]]] = []
    with opened(path) as handle:
        for line in lines_outside_tables(handle, path):
            key, _, cells = line.partition(b"\t")
            name = key.decode("latin-1").strip().lower()
            if name.startswith("!series_") and cells:
                series.setdefault(name.removeprefix("!series_"), []).append(
                    _unquoted(text.of(cells))
                )
            elif name.startswith("!sample_") and "protocol" not in name and "_contact_" not in name:
                values = [_unquoted(text.of(cell)) for cell in cells.split(b"\t")]
                rows.append((name.removeprefix("!sample_"), values))
    return series, _by_sample(path, rows)


def _unquoted(cell: str) -> str:
    return cell[1:-1].strip() if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _by_sample(
    path: Path, rows: Sequence[tuple[str, list[str]]]
) -> dict[str, dict[str, list[str]]]:
    samples = next((values for key, values in rows if key == "geo_accession"), [])
    if not samples:
        raise InputError(
            "a file without a !Sample_geo_accession line",
            str(path),
            "it is not a series matrix of GEO",
            REMEDY,
        )
    described: dict[str, dict[str, list[str]]] = {sample: {} for sample in samples}
    if len(described) < len(samples):
        raise InputError(
            "a series matrix that names a sample twice",
            str(path),
            "its columns cannot be told apart",
            REMEDY,
        )
    for key, values in rows:
        if len(values) != len(samples):
            raise InputError(
                f"a line !Sample_{key} of {len(values)} cells",
                str(path),
                f"the file has {len(samples)} samples, so it is unclear whose each cell is",
                REMEDY,
            )
        for sample, value in zip(samples, values, strict=True):
            described[sample].setdefault(key, []).append(value)
    return described


def read_values(path: Path) -> pd.DataFrame:
    """Read the table of a series matrix: text cells, index ID_REF, one column per GSM; no rows for
    sequencing series.

    Raises
    ------
    InputError
        When the table is missing or ends early.
    """
    rows: list[bytes] | None = None
    with opened(Path(path)) as handle:
        for line in handle:
            if line.lower().startswith(_BEGIN):
                rows = []
            elif line.lower().startswith(_END) and rows is not None:
                return pd.read_csv(
                    BytesIO(b"".join(rows)), sep="\t", dtype=str, keep_default_na=False, index_col=0
                )
            elif rows is not None:
                rows.append(line)
    raise InputError(
        "a series matrix without a complete table", str(path), "the file is cut short", REMEDY
    )
