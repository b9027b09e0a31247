"""Many series in one HDF5 file laid out as ARCHS4's: counts of genes × samples, and of each sample
its accession and its series."""

import re
from dataclasses import dataclass

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.errors import InputError
from epigpt.genes import id_kinds, identifiers
from epigpt.samples import assays

# Version 2 names its tables meta/samples and meta/genes; version 1 spells them out.
_SYMBOLS = ("meta/genes/symbol", "meta/genes/gene_symbol", "meta/genes")
_SAMPLES = ("meta/samples/geo_accession", "meta/Sample_geo_accession")
_SERIES = ("meta/samples/series_id", "meta/Sample_series_id")
_ORGANISMS = ("meta/samples/organism_ch1", "meta/Sample_organism_ch1")
_COUNTS = "data/expression"
_ACCESSION = re.compile(r"GSE[0-9]+")


@dataclass(frozen=True)
class Contents:
    """What a file holds beside its counts.

    Attributes
    ----------
    symbols
        Of the rows.
    samples, organisms
        Accession and Latin species name of each column; the latter empty where the file is silent.
    series
        Columns of each series by its accession, ascending.
    related
        Accessions that a series' samples name beside it.
    """

    symbols: list[str]
    samples: np.ndarray
    organisms: np.ndarray
    series: dict[str, np.ndarray]
    related: dict[str, frozenset[str]]


def contents(file: h5py.File, where: str) -> Contents:
    """Read names and series.

    Raises
    ------
    InputError
        A part is missing or has another shape: the file is laid out differently.
    """
    symbols, samples, series = (
        _texts(file, places, where) for places in (_SYMBOLS, _SAMPLES, _SERIES)
    )
    counts = file.get(_COUNTS)
    if not isinstance(counts, h5py.Dataset) or counts.shape != (len(symbols), len(samples)):
        raise _laid_out_differently(f"no {_COUNTS} of genes × samples", where)
    if len(series) != len(samples):
        raise _laid_out_differently("lists of samples and series of different length", where)
    organisms = next((_text(file[name]) for name in _ORGANISMS if name in file), None)
    columns: dict[str, list[int]] = {}
    related: dict[str, set[str]] = {}
    for column, cell in enumerate(series):
        named = _ACCESSION.findall(cell)
        if named:
            # The first is the sample's own series; the others are SuperSeries and reuses.
            columns.setdefault(named[0], []).append(column)
            related.setdefault(named[0], set()).update(named)
    return Contents(
        symbols=symbols,
        samples=np.array(samples, dtype=str),
        organisms=np.array(organisms or [""] * len(samples), dtype=str),
        series={name: np.array(columns[name], dtype=np.int64) for name in sorted(columns)},
        related={name: frozenset(names) for name, names in related.items()},
    )


def series_counts(
    file: h5py.File, found: Contents, name: str, organism: str, where: str
) -> anndata.AnnData:
    """Read one series as counts.h5ad holds it.

    Parameters
    ----------
    organism
        `auto`, or the species.
    """
    columns = found.series[name]
    latin = sorted(set(found.organisms[columns].tolist()) - {""})
    if organism == "auto":
        known = [assays.ORGANISMS[text] for text in latin if text in assays.ORGANISMS]
        if len(latin) > 1 or (latin and not known):
            raise InputError(
                f"samples of {', '.join(latin)}",
                f"{where}, {name}",
                "one of the species with known human orthologs is needed",
                "give the file's species in the column 'organism'",
            )
        organism = known[0] if known else id_kinds.guess_organism(found.symbols) or "unknown"
    dense = np.asarray(file[_COUNTS][:, columns]).T
    if dense.size and (not np.isfinite(dense).all() or dense.min() < 0 or (dense % 1 != 0).any()):
        raise InputError(
            "values that are no counts",
            f"{where}, {name}",
            "a corpus is made of counts: whole numbers of 0 or more",
            "use ARCHS4's file of gene counts",
        )
    mapped, _ = identifiers.canonical(
        found.symbols, None if organism == "unknown" else organism, found.symbols
    )
    kept = mapped[mapped["keep"]]
    genes, place = np.unique(kept["gene"].to_numpy(dtype=str), return_inverse=True)
    sums = scipy.sparse.csr_matrix(
        (np.ones(len(kept), dtype=np.int64), (kept.index.to_numpy(), place)),
        shape=(len(found.symbols), len(genes)),
    )
    symbols = kept.drop_duplicates("gene").set_index("gene")["symbol"].loc[genes]
    samples = found.samples[columns]
    return anndata.AnnData(
        scipy.sparse.csr_matrix(dense.astype(np.int64)) @ sums,
        obs=pd.DataFrame({"sample": samples}, index=pd.Index(samples, dtype=object)),
        var=pd.DataFrame({"symbol": symbols.to_numpy()}, index=pd.Index(genes, dtype=object)),
        uns={"assay": "bulk", "organism": organism},
    )


def _texts(file: h5py.File, places: tuple[str, ...], where: str) -> list[str]:
    for name in places:
        if isinstance(file.get(name), h5py.Dataset) and file[name].ndim == 1:
            return _text(file[name])
    raise _laid_out_differently(f"none of {', '.join(places)}", where)


def _text(stored: h5py.Dataset) -> list[str]:
    return [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for value in stored[:]
    ]


def _laid_out_differently(found: str, where: str) -> InputError:
    return InputError(
        found,
        where,
        "an HDF5 file with many series is read as ARCHS4 lays it out",
        "use a file of ARCHS4's gene counts, or split yours into .h5ad files of a series each and"
        " give their folder",
    )
