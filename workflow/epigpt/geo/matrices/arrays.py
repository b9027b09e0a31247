"""Microarray values from the tables of a SOFT record: probes × samples, marked as intensities."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from epigpt.geo import soft
from epigpt.geo.matrices.candidates import Candidate
from epigpt.geo.matrices.delimited import Values, without_missing
from epigpt.geo.matrices.values import kind_of_values
from epigpt.refusal import Refusal

_SYMBOL_COLUMNS = ("gene symbol", "gene_symbol", "symbol", "genesymbol", "ilmn_gene", "gene_name", "gene name", "orf")


def read(record: Path) -> Candidate:
    """Read the VALUE columns of a record's sample tables.

    Raises
    ------
    Refusal
        The record has no tables, which is so for series matrices without values and shortened SOFT files.
    """
    columns: dict[str, pd.Series] = {}
    for sample, table in soft.read_tables(record, "sample"):
        if {"ID_REF", "VALUE"} <= set(table.columns):
            values = pd.to_numeric(table["VALUE"], errors="coerce")
            columns[sample] = pd.Series(values.to_numpy(), index=table["ID_REF"].astype(str)).groupby(level=0).mean()
    if not columns:
        raise Refusal(
            "a microarray series without values",
            record.name,
            "its samples have no VALUE table",
            "give the values as a table with a sample sheet",
        )
    frame = pd.DataFrame(columns).sort_index()
    symbols = _symbols(record)
    genes = [str(name) for name in frame.index]
    values = Values(
        sparse.csr_array(frame.to_numpy(np.float64).T),
        list(columns),
        genes,
        [symbols.get(name, "") for name in genes] if symbols else None,
        ["The values are microarray intensities from the record's VALUE columns, no counts."],
    )
    values = without_missing(values, record.name)
    kind = kind_of_values(values.matrix, microarray=True)
    facts = {"orientation": "a table per sample", "matched_by": "accession", "other_columns": []}
    return Candidate(record.name, "microarray VALUE tables", values, list(columns), kind, False, facts)


def _symbols(record: Path) -> dict[str, str]:
    """Find the probes' gene symbols in the platform table; probes of several genes are left without."""
    found: dict[str, str] = {}
    for _, table in soft.read_tables(record, "platform"):
        named = {str(name).casefold(): name for name in table.columns}
        column = next((named[name] for name in _SYMBOL_COLUMNS if name in named), None)
        if column is not None and "id" in named:
            pairs = zip(table[named["id"]].astype(str), table[column].fillna("").astype(str), strict=True)
            found.update((probe, symbol) for probe, symbol in pairs if symbol and "///" not in symbol)
    return found
