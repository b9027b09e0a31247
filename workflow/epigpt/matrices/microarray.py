"""Microarray values from the tables of a SOFT record: probes × samples, marked as intensities."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from epigpt.errors import InputError
from epigpt.geo import series_matrix, soft_tables
from epigpt.geo.records import is_series_matrix
from epigpt.matrices.candidate import Candidate
from epigpt.matrices.value_kind import kind_of_values
from epigpt.matrices.values import Values, without_missing

_SYMBOL_COLUMNS = (
    "gene symbol",
    "gene_symbol",
    "symbol",
    "genesymbol",
    "ilmn_gene",
    "gene_name",
    "gene name",
    "orf",
)


def read(records: Sequence[Path], samples: Collection[str]) -> Candidate:
    """Read the VALUE columns of the records' sample tables, or the tables of series matrices.

    Parameters
    ----------
    records
        SOFT family files and series matrices.
    samples
        Accessions of the samples to read, all of one platform.

    Raises
    ------
    InputError
        The records have no tables, which is so for series matrices without values and shortened
        SOFT files.
    """
    columns = {
        sample: values
        for record in records
        for sample, values in _columns(record)
        if sample in samples
    }
    named = ", ".join(record.name for record in records)
    if not columns:
        raise InputError(
            "a microarray series without values",
            named,
            "its samples have no VALUE table",
            "give the values as a table with a sample sheet",
        )
    frame = pd.DataFrame(columns).sort_index()
    symbols = {probe: text for record in records for probe, text in _symbols(record).items()}
    genes = [str(name) for name in frame.index]
    values = Values(
        sparse.csr_array(frame.to_numpy(np.float64).T),
        list(columns),
        genes,
        [symbols.get(name, "") for name in genes] if symbols else None,
        ["The values are microarray intensities from the record's VALUE columns, no counts."],
    )
    values = without_missing(values, named)
    kind = kind_of_values(values.matrix, microarray=True)
    facts = {"orientation": "a table per sample", "matched_by": "accession", "other_columns": []}
    return Candidate(named, "microarray VALUE tables", values, list(columns), kind, False, facts)


def _columns(record: Path) -> Iterator[tuple[str, pd.Series]]:
    """Yield each sample's values by probe; of a probe that stands several times in a table, the
    mean."""
    if is_series_matrix(record):
        table = series_matrix.read_values(record)
        for sample in table:
            yield str(sample).strip('"'), _by_probe(table.index, table[sample])
        return
    for sample, table in soft_tables.read_tables(record, "sample"):
        if {"ID_REF", "VALUE"} <= set(table.columns):
            yield sample, _by_probe(table["ID_REF"], table["VALUE"])


def _by_probe(probes: Iterable[object], values: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy()
    return pd.Series(numbers, index=[str(probe) for probe in probes]).groupby(level=0).mean()


def _symbols(record: Path) -> dict[str, str]:
    """Find the probes' gene symbols in the platform table; probes of several genes are left
    without."""
    symbol_of: dict[str, str] = {}
    for _, table in soft_tables.read_tables(record, "platform"):
        named = {str(name).casefold(): name for name in table.columns}
        column = next((named[name] for name in _SYMBOL_COLUMNS if name in named), None)
        if column is not None and "id" in named:
            pairs = zip(
                table[named["id"]].astype(str), table[column].fillna("").astype(str), strict=True
            )
            symbol_of.update(
                (probe, symbol) for probe, symbol in pairs if symbol and "///" not in symbol
            )
    return symbol_of
