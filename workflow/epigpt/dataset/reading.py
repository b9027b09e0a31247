"""From the files of a data set to its samples and raw counts: the one place where record, matrix
and labels meet."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata as ad
import pandas as pd

from epigpt.config.dataset_row import Row
from epigpt.dataset import assemble, column_matching, sample_annotation
from epigpt.dataset.h5ad_source import from_h5ad
from epigpt.dataset.sample_annotation import SampleAnnotation
from epigpt.errors import InputError
from epigpt.matrices import choose, dee2, microarray
from epigpt.matrices.candidate import Candidate, Rejected, Search
from epigpt.matrices.cell_evidence import Record
from epigpt.matrices.cell_tables import cell_types
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.value_kind import IN_WORDS
from epigpt.samples import assays, inclusion, labels
from epigpt.samples.donors import donor_word
from epigpt.samples.sample_map import with_map


def read_dataset(
    row: Row,
    files: Sequence[Path],
    allowed: frozenset[str],
    budget: Budget,
    *,
    transcripts: Path | None = None,
    sample_map: Path | None = None,
) -> tuple[pd.DataFrame, ad.AnnData, dict[str, Any]]:
    """Read a data set.

    Parameters
    ----------
    row
        Its row of the data set table.
    files
        What the manifest lists: record and supplementary files of a series; or the matrix, then its
        sample sheet.
    allowed
        Kinds of values accepted beside raw counts.
    budget
        Bound on unpacked bytes.
    transcripts
        The user's table of transcripts and genes, for matrices of transcripts.
    sample_map
        The user's table of which column of the matrix is which sample.

    Returns
    -------
    samples
        Index sample; columns label, group, title, then the characteristics.
    adata
        As `epigpt.dataset.assemble.assemble` makes it.
    reading
        The content of reading.json.

    Raises
    ------
    InputError
        No matrix, several, none that fits the samples, values that are not counts; a label that
        cannot be settled.
    """
    with tempfile.TemporaryDirectory(prefix="epigpt-") as scratch:
        if row.source.lower().endswith(".h5ad"):
            candidate, about = from_h5ad(
                row, Member.of_file(files[0]), allowed, budget, Path(scratch)
            )
            rejected: list[Rejected] = []
        else:
            about, matrices = _described(row, files)
            if sample_map is not None:
                about.names = with_map(about.names, sample_map)
            wanted = inclusion.included(row, about.characteristics, about.attributes)
            if about.microarray:
                # Values of several platforms lie in tables of different probes: that choice comes
                # before any of them is read.
                chosen = labels.resolve(row, about.characteristics, None, about.attributes).samples[
                    "sample"
                ]
                candidate, rejected = _of_arrays(about.records, set(chosen), allowed), []
            else:
                search = Search(
                    about.names,
                    row.matrix,
                    allowed,
                    budget,
                    Path(scratch),
                    row.assay,
                    wanted,
                    organism=_organism(row, about, wanted),
                    record=_cells_in_record(about),
                    transcripts=transcripts,
                    runs=dee2.read_runs(path for path in files if dee2.RUNS.search(path.name)),
                )
                candidate, rejected = choose.find(
                    [Member.of_file(path) for path in matrices], search
                )
    return _finished(row, about, candidate, rejected)


def _organism(row: Row, about: SampleAnnotation, wanted: frozenset[str] | None) -> str | None:
    """Return the species whose genes are wanted, as far as row and record settle it."""
    if row.organism != "auto":
        return row.organism
    samples = about.attributes.index if wanted is None else pd.Index(sorted(wanted))
    recorded = _recorded_organisms(about, samples)
    return assays.ORGANISMS.get(recorded[0]) if len(recorded) == 1 else None


def _cells_in_record(about: SampleAnnotation) -> Record:
    single = assays.of_single_cells(about.attributes)
    text = f"{about.series.get('title', '')} {about.series.get('summary', '')}"
    return Record(
        frozenset(map(str, single.index[single])), frozenset(map(str, single.index)), text
    )


def _described(row: Row, files: Sequence[Path]) -> tuple[SampleAnnotation, list[Path]]:
    """Read what describes the samples, and give the files that may hold their matrix."""
    if not row.is_accession:
        return sample_annotation.of_sheet(files[1]), [files[0]]
    records = [path for path in files if sample_annotation.is_record(path)]
    about = sample_annotation.of_series(row.source, records)
    assays.refuse_other_kinds(about.types, about.attributes, row.source)
    return about, [path for path in files if path not in records]


def _finished(
    row: Row, about: SampleAnnotation, candidate: Candidate, rejected: Sequence[Rejected]
) -> tuple[pd.DataFrame, ad.AnnData, dict[str, Any]]:
    values = candidate.values
    column_matching.check_map(candidate, about)
    wanted = inclusion.included(row, about.characteristics, about.attributes)
    matching = column_matching.summary(candidate, about, wanted)
    warnings = column_matching.warnings(candidate, matching)
    shape = values.matrix.shape
    available = list(dict.fromkeys(sample for sample in candidate.samples if sample))
    resolved = labels.resolve(
        row, about.characteristics, available, about.attributes, _columns(candidate)
    )
    table = resolved.samples.set_index("sample")
    recorded = _recorded_organisms(about, table.index)
    organism = assemble.organism_of(
        row.organism, recorded, values.genes, f"the record of '{row.dataset}'"
    )
    assay = row.assay if row.assay != "auto" else _assay(candidate)
    simulated = about.simulated
    source = row.source if row.is_accession else Path(row.source).name
    origin = assemble.Origin(row.dataset, source, simulated, donor_word(resolved.group))
    notes = [*about.notes, *resolved.notes, *values.notes]
    adata = assemble.assemble(
        values,
        candidate.samples,
        table,
        organism,
        candidate.kind,
        assay,
        origin,
        cell_types(candidate.cells),
    )
    # After the counts are made: a title names a sample for readers and is no characteristic.
    table.insert(2, "title", _titles(about, table.index))
    how = (
        f"{candidate.name}: {shape[0]} {'cells' if candidate.single_cell else 'samples'} ×"
        f" {shape[1]} genes, {IN_WORDS[candidate.kind.type]} ({candidate.kind.evidence});"
        f" {len(table)} samples analysed, {len(resolved.left_out)} left out"
    )
    candidate.facts.pop("other_columns", None)
    candidate.facts.pop("caution", None)
    reading = {
        "matrix": candidate.name,
        "shape": candidate.shape,
        "observations": shape[0],
        **candidate.facts,
        "matching": matching,
        "warnings": [*warnings, *resolved.warnings],
        "values": {
            "type": candidate.kind.type,
            "evidence": candidate.kind.evidence,
            "transformed": adata.uns["values"]["transformed"],
        },
        "genes": adata.uns["genes"],
        "organism": adata.uns["organism"],
        "assay": assay,
        **resolved.reading(),
        "refused": [{"file": found.file, "reason": found.reason} for found in rejected],
        "notes": notes,
        "series": about.series,
        "simulated": simulated,
        "how": how,
    }
    return table, adata, reading


def _titles(about: SampleAnnotation, samples: pd.Index) -> list[str]:
    """Return what the record calls each sample; empty texts for sources without titles."""
    if "title" not in about.attributes:
        return [""] * len(samples)
    titles = about.attributes["title"].reindex(samples).fillna("")
    return [" ".join(str(title).split()) for title in titles]


def _assay(candidate: Candidate) -> str:
    return "single_cell" if candidate.single_cell else "bulk"


def _columns(candidate: Candidate) -> Mapping[str, str] | None:
    """Return the name of each sample's column in the matrix; None for cells, and where the columns
    are named by the sample ids."""
    named = {
        sample: name
        for name, sample in zip(candidate.values.observations, candidate.samples, strict=True)
        if sample
    }
    return (
        None
        if candidate.single_cell or all(sample == name for sample, name in named.items())
        else named
    )


def _of_arrays(records: Sequence[Path], samples: set[str], allowed: frozenset[str]) -> Candidate:
    candidate = microarray.read(records, samples)
    if candidate.kind.type not in allowed:
        raise InputError(
            f"a microarray series: {candidate.kind.evidence}",
            candidate.name,
            "intensities are not counts",
            "accept them by `--config allow_values='[intensity]'`, which the report will then say"
            " everywhere",
        )
    return candidate


def _recorded_organisms(about: SampleAnnotation, samples: pd.Index) -> list[str]:
    if "organism" not in about.attributes:
        return about.organisms
    named = about.attributes.loc[about.attributes.index.isin(samples), "organism"]
    return [name for name in dict.fromkeys(named) if name] or about.organisms
