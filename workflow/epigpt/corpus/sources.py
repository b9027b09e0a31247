"""The series behind a row of the corpus table, each read as a data set is, or the reason why it
cannot be."""

import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anndata
import numpy as np

from epigpt.config.corpus_table import GENE_SUMS, CorpusRow
from epigpt.corpus import collections, recount3
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.expression import quality
from epigpt.matrices import hdf5_safety
from epigpt.matrices.streams import Budget, Member

# A series is measured against the mean of its own samples.
FEWEST_SAMPLES = 3
LONGEST_REASON = 400


@dataclass(frozen=True)
class Series:
    """A series of the corpus.

    Attributes
    ----------
    name
        Its accession, or the name of its file.
    counts
        The samples or cells that pass quality control; None where it cannot be used.
    related
        Accessions of it, of its SuperSeries and of parts.
    left_out
        Samples or cells that failed quality control.
    reason
        Why it cannot be used; empty otherwise.
    """

    name: str
    counts: anndata.AnnData | None = None
    related: frozenset[str] = field(default_factory=frozenset)
    left_out: int = 0
    reason: str = ""


def read(
    row: CorpusRow,
    files: Sequence[Path],
    settings: Mapping[str, Any],
    transcripts: Path | None = None,
) -> Iterator[Series]:
    """Read every series of a row, one after the other; what is wrong with one keeps none of the
    others out.

    Parameters
    ----------
    files
        What the manifest lists.
    settings
        `allow_values`, `geo.max_unpacked_gb`, and the limits of quality control.
    transcripts
        Table of transcripts and genes, for matrices of transcripts.
    """
    if row.is_collection:
        yield from _of_collection(row, files, settings)
        return
    if row.is_folder:
        yield from _of_recount3(row, files, settings)
        files = [path for path in files if path.suffix == ".h5ad"]
    whole = [(_name(row), list(files), row.source)]
    parts = [(path.stem, [path], str(path)) for path in files]
    for name, own, source in parts if row.is_folder else whole:
        try:
            budget = Budget.of_gigabytes(settings["geo.max_unpacked_gb"])
            _, counts, reading = read_dataset(
                row.as_dataset(source),
                own,
                frozenset(settings["allow_values"]),
                budget,
                transcripts=transcripts,
            )
            related = {name, *reading["series"].get("related", ())}
            yield _passing(name, counts, frozenset(related), settings)
        except InputError as refusal:
            yield Series(name, reason=in_one_line(refusal))


def _name(row: CorpusRow) -> str:
    return row.source if row.is_accession else row.series


def _of_recount3(
    row: CorpusRow, files: Sequence[Path], settings: Mapping[str, Any]
) -> Iterator[Series]:
    for path in files:
        if GENE_SUMS in path.name:
            name = recount3.study(path)
            try:
                counts = recount3.series_counts(path, files, row.organism)
                yield _passing(name, counts, frozenset({name}), settings)
            except InputError as refusal:
                yield Series(name, reason=in_one_line(refusal))


def _of_collection(
    row: CorpusRow, files: Sequence[Path], settings: Mapping[str, Any]
) -> Iterator[Series]:
    path, *runs = files
    budget = Budget.of_gigabytes(settings["geo.max_unpacked_gb"])
    with tempfile.TemporaryDirectory(prefix="epigpt-") as scratch:
        try:
            with hdf5_safety.opened(Member.of_file(path), budget, Path(scratch)) as file:
                found = collections.contents(file, path.name, runs[0] if runs else None)
                for name in found.series:
                    try:
                        counts = collections.series_counts(
                            file, found, name, row.organism, path.name
                        )
                        yield _passing(name, counts, found.related[name], settings)
                    except InputError as refusal:
                        yield Series(name, reason=in_one_line(refusal))
        except InputError as refusal:
            yield Series(row.series, reason=in_one_line(refusal))


def _passing(
    name: str, counts: anndata.AnnData, related: frozenset[str], settings: Mapping[str, Any]
) -> Series:
    """Leave out what fails the quality control of data sets."""
    limits = quality.limits(settings, str(counts.uns["assay"]), counts.n_vars)
    judged = quality.judge(quality.measure(counts), limits)
    quality.require_some(judged, limits, f"series '{name}'")
    kept = judged["kept"].to_numpy()
    samples = len(set(counts.obs["sample"].to_numpy(dtype=str)[kept]))
    if int(kept.sum()) < FEWEST_SAMPLES:
        raise InputError(
            f"{samples} samples after quality control",
            f"series '{name}'",
            f"with fewer than {FEWEST_SAMPLES} nothing shows which genes move together",
            "leave it out",
        )
    return Series(name, counts[np.flatnonzero(kept)].copy(), related, int((~kept).sum()))


def in_one_line(refusal: InputError) -> str:
    """Return a refusal as one line of a table, without its remedy."""
    return textwrap.shorten(
        f"{refusal.found} ({refusal.where}): {refusal.why}", LONGEST_REASON, placeholder=" …"
    )
