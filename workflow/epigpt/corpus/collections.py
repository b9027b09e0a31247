"""Many series in one HDF5 file: ARCHS4's, and DEE2's dumps of a species with the list of their
runs."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.errors import InputError
from epigpt.genes import id_kinds, identifiers
from epigpt.geo.record import SAMPLE_ID
from epigpt.samples import assays

# ARCHS4: version 2 names its tables meta/samples and meta/genes; version 1 spells them out.
_SYMBOLS = ("meta/genes/symbol", "meta/genes/gene_symbol", "meta/genes")
_SAMPLES = ("meta/samples/geo_accession", "meta/Sample_geo_accession")
_SERIES = ("meta/samples/series_id", "meta/Sample_series_id")
_ORGANISMS = ("meta/samples/organism_ch1", "meta/Sample_organism_ch1")
_COUNTS = "data/expression"
_ACCESSION = re.compile(r"GSE[0-9]+")
# DEE2: a matrix of runs and genes, and the names of either.
_DEE2 = "bigmatrix"
_RUN = re.compile(r"[SED]RR[0-9]+")
_RUN_LIST = ("SRR_accession", "SRX_accession", "SRP_accession")


@dataclass(frozen=True)
class Contents:
    """What a file holds beside its counts.

    Attributes
    ----------
    genes
        Symbols or ids.
    counts
        Path of the matrix; `genes_first`: genes × columns, else columns × genes.
    samples, organisms
        Sample and Latin species name of each column; the latter empty where the file is silent.
        Columns of one sample (runs) are added up.
    series
        Columns of each series by its accession, ascending.
    related
        Accessions that a series' samples name beside it.
    """

    genes: list[str]
    counts: str
    genes_first: bool
    samples: np.ndarray
    organisms: np.ndarray
    series: dict[str, np.ndarray]
    related: dict[str, frozenset[str]]


def contents(file: h5py.File, where: str, runs: Path | None = None) -> Contents:
    """Read names and series.

    Parameters
    ----------
    runs
        DEE2's list of a species' runs (`SPECIES_metadata.tsv`).

    Raises
    ------
    InputError
        A part is missing or has another shape: the file is laid out differently.
    """
    matrix = next((name for name in file if name.casefold() == _DEE2), None)
    return _archs4(file, where) if matrix is None else _dee2(file, matrix, where, runs)


def _archs4(file: h5py.File, where: str) -> Contents:
    symbols, samples, series = (
        _texts(file, places, where) for places in (_SYMBOLS, _SAMPLES, _SERIES)
    )
    counts = file.get(_COUNTS)
    if not isinstance(counts, h5py.Dataset) or counts.shape != (len(symbols), len(samples)):
        raise _laid_out_differently(f"no {_COUNTS} of genes × samples", where)
    if len(series) != len(samples):
        raise _laid_out_differently("lists of samples and series of different length", where)
    organisms = next((_text(file[name]) for name in _ORGANISMS if name in file), None)
    return _grouped(
        (symbols, _COUNTS, True),
        np.array(samples, dtype=str),
        np.array(organisms or [""] * len(samples), dtype=str),
        [_ACCESSION.findall(cell) for cell in series],
    )


def _dee2(file: h5py.File, matrix: str, where: str, runs: Path | None) -> Contents:
    if runs is None:
        raise InputError(
            "counts of DEE2 without the list of its runs",
            where,
            "nothing says which runs make a series",
            "fetch the species' metadata.tsv from DEE2 and name it in the column 'samples'",
        )
    names = [
        _text(stored)
        for stored in file.values()
        if isinstance(stored, h5py.Dataset) and stored.name.strip("/") != matrix
    ]
    columns = next((one for one in names if one and _RUN.fullmatch(one[0])), None)
    genes = next((one for one in names if one and one is not columns), None)
    counts = file[matrix]
    if columns is None or genes is None or not isinstance(counts, h5py.Dataset):
        raise _laid_out_differently(f"{matrix} without the names of runs and genes", where)
    if counts.shape not in ((len(genes), len(columns)), (len(columns), len(genes))):
        raise _laid_out_differently(f"{matrix} of other size than its names", where)
    known = _run_list(runs)
    return _grouped(
        (genes, matrix, counts.shape == (len(genes), len(columns))),
        np.array([known.get(run, (run,))[0] for run in columns], dtype=str),
        np.full(len(columns), ""),
        [list(known.get(run, (run,))[1:]) for run in columns],
    )


def _run_list(path: Path) -> dict[str, tuple[str, ...]]:
    """Return of each run its sample, or experiment where no sample is named, and its series: GEO's,
    the study's."""
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        missing = [name for name in _RUN_LIST if name not in (rows.fieldnames or ())]
        if missing:
            raise InputError(
                f"no column {missing[0]}",
                str(path),
                "DEE2's list of runs says which of them make a series",
                "fetch the species' metadata.tsv from DEE2 anew",
            )
        found = {}
        for row in rows:
            named = SAMPLE_ID.search(" ".join(str(cell) for cell in row.values()))
            series = _ACCESSION.findall(str(row.get("GEO_series", "")))
            sample = named[0] if named else row["SRX_accession"]
            found[row["SRR_accession"]] = (sample, *series, row["SRP_accession"])
    return found


def _grouped(
    matrix: tuple[list[str], str, bool],
    samples: np.ndarray,
    organisms: np.ndarray,
    accessions: Sequence[Sequence[str]],
) -> Contents:
    columns: dict[str, list[int]] = {}
    related: dict[str, set[str]] = {}
    for column, named in enumerate(accessions):
        if named:
            # The first is the sample's own series; the others are SuperSeries and reuses.
            columns.setdefault(named[0], []).append(column)
            related.setdefault(named[0], set()).update(named)
    genes, counts, genes_first = matrix
    return Contents(
        genes=genes,
        counts=counts,
        genes_first=genes_first,
        samples=samples,
        organisms=organisms,
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
        organism = known[0] if known else id_kinds.guess_organism(found.genes) or "unknown"
    stored = file[found.counts]
    dense = np.asarray(stored[:, columns]).T if found.genes_first else np.asarray(stored[columns])
    return of_table(dense, found.genes, found.samples[columns], organism, f"{where}, {name}")


def of_table(
    dense: np.ndarray, genes: list[str], samples: np.ndarray, organism: str, where: str
) -> anndata.AnnData:
    """Make of a table what counts.h5ad holds: genes by canonical id, rows of one sample added up.

    Parameters
    ----------
    dense
        Shape (rows, genes).
    samples
        Of each row.

    Raises
    ------
    InputError
        Values that are no counts.
    """
    if dense.size and (not np.isfinite(dense).all() or dense.min() < 0 or (dense % 1 != 0).any()):
        raise InputError(
            "values that are no counts",
            where,
            "a corpus is made of counts: whole numbers of 0 or more",
            "use a file of gene counts",
        )
    mapped, _ = identifiers.canonical(genes, None if organism == "unknown" else organism)
    kept = mapped[mapped["keep"]]
    names, place = np.unique(kept["gene"].to_numpy(dtype=str), return_inverse=True)
    each, row = np.unique(samples, return_inverse=True)
    symbols = kept.drop_duplicates("gene").set_index("gene")["symbol"].loc[names]
    counts = scipy.sparse.csr_matrix(dense.astype(np.int64))
    sums = _membership(row, np.arange(len(samples)), (len(each), len(samples))) @ counts
    return anndata.AnnData(
        scipy.sparse.csr_matrix(
            sums @ _membership(kept.index.to_numpy(), place, (len(genes), len(names)))
        ),
        obs=pd.DataFrame({"sample": each}, index=pd.Index(each, dtype=object)),
        var=pd.DataFrame({"symbol": symbols.to_numpy()}, index=pd.Index(names, dtype=object)),
        uns={"assay": "bulk", "organism": organism},
    )


def _membership(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> scipy.sparse.csr_matrix:
    return scipy.sparse.csr_matrix((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape)


def _texts(file: h5py.File, places: tuple[str, ...], where: str) -> list[str]:
    for name in places:
        if isinstance(file.get(name), h5py.Dataset) and file[name].ndim == 1:
            return _text(file[name])
    raise _laid_out_differently(f"none of {', '.join(places)}", where)


def _text(stored: h5py.Dataset) -> list[str]:
    return [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for value in np.ravel(stored[:])
    ]


def _laid_out_differently(found: str, where: str) -> InputError:
    return InputError(
        found,
        where,
        "an HDF5 file with many series is read as ARCHS4 or DEE2 lays it out",
        "use a file of their gene counts, or split yours into .h5ad files of a series each and"
        " give their folder",
    )
