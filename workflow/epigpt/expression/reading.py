"""From the files of a data set to its samples and raw counts: the one place where record, matrix and labels meet."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anndata as ad
import pandas as pd

from epigpt.datasets import Row
from epigpt.expression import counts, described, labelling
from epigpt.expression.described import Described
from epigpt.geo.matrices import arrays, choose, hdf5
from epigpt.geo.matrices.candidates import Candidate, Rejected, Search
from epigpt.geo.matrices.names import SampleNames, like_barcodes
from epigpt.geo.matrices.streams import Budget, Member
from epigpt.geo.matrices.values import IN_WORDS, kind_of_values
from epigpt.refusal import Refusal

_RECORD = re.compile(r"GSE\d+(-GPL\d+)?_(family\.soft|series_matrix\.txt)(\.gz)?$", re.IGNORECASE)
_EXPRESSION = re.compile(r"expression profiling|^other$|^third-party reanalysis$", re.IGNORECASE)
_RNA = re.compile(r"RNA|OTHER|EST|cDNA|SAGE|CAGE", re.IGNORECASE)
_SAMPLE_COLUMNS = (
    "sample",
    "sample_id",
    "sample_name",
    "samplename",
    "sampleid",
    "gsm",
    "geo_accession",
    "library",
    "library_id",
    "orig.ident",
)


def read_dataset(
    row: Row, files: Sequence[Path], allowed: frozenset[str], budget: Budget
) -> tuple[pd.DataFrame, ad.AnnData, dict[str, Any]]:
    """Read a data set.

    Parameters
    ----------
    row
        Its row of the data set table.
    files
        What the manifest lists: record and supplementary files of a series; or the matrix, then its sample sheet.
    allowed
        Kinds of values accepted beside raw counts.
    budget
        Bound on unpacked bytes.

    Returns
    -------
    samples
        Index sample; columns label, group, then the characteristics.
    adata
        As `epigpt.expression.counts.assemble` makes it.
    reading
        The content of reading.json.

    Raises
    ------
    Refusal
        No matrix, several, none that fits the samples, values that are no counts; a label that cannot be settled.
    """
    with tempfile.TemporaryDirectory(prefix="epigpt-") as scratch:
        if row.source.lower().endswith(".h5ad"):
            candidate, about = _from_h5ad(row, Member.of_file(files[0]), allowed, budget, Path(scratch))
            rejected: list[Rejected] = []
        else:
            records = [path for path in files if _RECORD.search(path.name)]
            if row.is_accession:
                about = described.joined([described.of_record(path) for path in records])
                matrices = [path for path in files if path not in records]
            else:
                about, matrices = described.of_sheet(files[1], budget), [files[0]]
            _refuse_other_assays(about, row)
            search = Search(about.names, row.matrix, allowed, budget, Path(scratch), row.assay)
            if about.microarray and about.record is not None:
                candidate, rejected = _of_arrays(about.record, allowed), []
            else:
                candidate, rejected = choose.find([Member.of_file(path) for path in matrices], search)
    return _finished(row, about, candidate, rejected)


def _finished(
    row: Row, about: Described, candidate: Candidate, rejected: Sequence[Rejected]
) -> tuple[pd.DataFrame, ad.AnnData, dict[str, Any]]:
    values = candidate.values
    shape = values.matrix.shape
    resolved = labelling.resolve(row, about.attributes, about.characteristics, set(candidate.samples) - {""})
    recorded = _recorded_organisms(about, resolved.table.index)
    organism = counts.organism_of(row.organism, recorded, values.genes, f"the record of '{row.dataset}'")
    assay = row.assay if row.assay != "auto" else "single_cell" if candidate.single_cell else "bulk"
    simulated = about.simulated
    origin = counts.Origin(row.dataset, row.source, simulated)
    notes = [*about.notes, *values.notes]
    adata = counts.assemble(values, candidate.samples, resolved.table, organism, candidate.kind, assay, origin)
    unknown = [name for name, sample in zip(values.observations, candidate.samples, strict=True) if not sample]
    others = [*unknown, *candidate.facts.pop("other_columns", [])]
    if others:
        shown = ", ".join(others[:10]) + (" …" if len(others) > 10 else "")
        notes.append(f"{len(others)} columns of the matrix have no sample in the record: {shown}.")
    how = (
        f"{candidate.name}: {shape[0]} {'cells' if candidate.single_cell else 'samples'} × {shape[1]} genes, "
        f"{IN_WORDS[candidate.kind.type]} ({candidate.kind.evidence}); "
        f"{len(resolved.table)} samples analysed, {len(resolved.left_out)} left out"
    )
    reading = {
        "matrix": candidate.name,
        "shape": candidate.shape,
        "observations": shape[0],
        **candidate.facts,
        "values": {"type": candidate.kind.type, "evidence": candidate.kind.evidence, "transformed": adata.uns["values"]["transformed"]},
        "genes": adata.uns["genes"],
        "organism": adata.uns["organism"],
        "assay": assay,
        "label": resolved.label,
        "group": resolved.group,
        "left_out": resolved.left_out,
        "refused": [{"file": found.file, "reason": found.reason} for found in rejected],
        "notes": notes,
        "series": about.series,
        "simulated": simulated,
        "how": how,
    }
    return resolved.table, adata, reading


def _refuse_other_assays(about: Described, row: Row) -> None:
    """Refuse series that measure no expression, by what their record calls them."""
    kinds = [text for text in str(about.series.get("type", "")).split("; ") if text]
    strategies = sorted(set(about.attributes["library_strategy"]) - {""}) if "library_strategy" in about.attributes else []
    no_expression = kinds and not any(_EXPRESSION.search(text) for text in kinds)
    no_rna = strategies and not any(_RNA.search(text) for text in strategies)
    if no_expression or no_rna:
        raise Refusal(
            f"a series of another kind: {'; '.join(kinds if no_expression else strategies)}",
            f"the record of {row.source}",
            "EpiGPT reads gene expression; methylation, accessibility, binding and genotypes are no gene expression",
            "name an expression series in the cell `source`; a SuperSeries lists the series of each kind it is made of",
        )


def _of_arrays(record: Path, allowed: frozenset[str]) -> Candidate:
    candidate = arrays.read(record)
    if candidate.kind.type not in allowed:
        raise Refusal(
            f"a microarray series: {candidate.kind.evidence}",
            record.name,
            "intensities are no counts",
            "accept them by `--config allow_values='[intensity]'`, which the report will then say everywhere",
        )
    return candidate


def _recorded_organisms(about: Described, samples: pd.Index) -> list[str]:
    if "organism" not in about.attributes:
        return about.organisms
    named = about.attributes.loc[about.attributes.index.isin(samples), "organism"]
    return [name for name in dict.fromkeys(named) if name] or about.organisms


def _from_h5ad(row: Row, member: Member, allowed: frozenset[str], budget: Budget, scratch: Path) -> tuple[Candidate, Described]:
    """Read an h5ad file that describes its samples itself."""
    with hdf5.opened(member, budget, scratch) as file:
        values, obs, uns = hdf5.read_h5ad(file, member.name)
    assay = row.assay if row.assay != "auto" else uns.get("assay", "auto")
    if assay == "auto":
        assay = "single_cell" if len(obs) > 2000 or like_barcodes(values.observations) else "bulk"
    samples, table = _samples_of(row, obs) if assay == "single_cell" else (values.observations, obs)
    kind = kind_of_values(values.matrix, single_cell=assay == "single_cell")
    if kind.type not in {"raw_counts", *allowed}:
        raise Refusal(
            f"{IN_WORDS[kind.type]}: {kind.evidence}",
            member.name,
            "count models need counts",
            "store the counts in layers['counts'], or accept these values by `--config allow_values='[" + kind.type + "]'`",
        )
    organisms = {"human": "Homo sapiens", "mouse": "Mus musculus", "rat": "Rattus norvegicus", "zebrafish": "Danio rerio"}
    recorded = [organisms[uns["organism"]]] if uns.get("organism") in organisms else []
    about = Described(table[[]], table, SampleNames.of_sheet(table.index), recorded)
    about.declared_simulated = uns.get("simulated", "") in ("True", "1", "true")
    return Candidate(member.name, "h5ad", values, samples, kind, assay == "single_cell", {"orientation": "cells × genes"}), about


def _samples_of(row: Row, obs: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Find which sample each cell belongs to: a column that says so, else each cell is a sample (its donor the group)."""
    named = {name.lower(): name for name in obs}
    column = next((named[name] for name in _SAMPLE_COLUMNS if name in named and obs[named[name]].nunique() < len(obs)), None)
    label = next((name for name in obs if name.lower() == row.label.lower()), None)
    if column is None or (label is not None and obs.groupby(column)[label].nunique().max() > 1):
        if row.group == "sample":
            raise Refusal(
                "cells whose sample is not told",
                f"obs of {row.source}",
                "cells of one donor are not independent, so each cell cannot count as a sample of its own group",
                "name the obs column that holds the donor in the cell `group`"
                + ("" if column is None else f", since '{label}' differs within '{column}'"),
            )
        return list(obs.index), obs
    constant = [name for name in obs if name != column and obs.groupby(column)[name].nunique().max() <= 1]
    return obs[column].tolist(), obs.drop_duplicates(column).set_index(column)[constant]
