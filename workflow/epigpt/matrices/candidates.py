"""Read every matrix that a file (or a set of per-sample files) holds, and say what each is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from epigpt.errors import InputError, refusing_foreign_errors
from epigpt.genes import transcripts
from epigpt.genes.patterns import some_of
from epigpt.matrices import (
    cell_evidence,
    dee2,
    formats,
    gene_rows,
    lanes,
    orientation,
    per_sample,
    spreadsheets,
    table_layout,
)
from epigpt.matrices.candidate import Candidate, Rejected, Search
from epigpt.matrices.csv_layout import NoTable
from epigpt.matrices.delimited import layout_of
from epigpt.matrices.formats import NamedMatrix, Piece, Table
from epigpt.matrices.per_sample import PerSample
from epigpt.matrices.sample_matching import Match, match
from epigpt.matrices.union import union
from epigpt.matrices.value_kind import kind_of_values
from epigpt.matrices.values import Values

_NO_MATCH = "none of its columns is named like a sample"
_NO_GENES = "neither its rows nor its columns are named like genes"


def look_into(piece: Piece | PerSample, search: Search) -> Iterator[Candidate | Rejected]:
    """Read every matrix of a file or set that fits the samples; what cannot be read is said, not
    raised."""
    try:
        yield from _read(piece, search)
    except InputError as refusal:
        yield Rejected(piece.name, f"{refusal.found}: {refusal.why}", refusal=refusal)


def _read(piece: Piece | PerSample, search: Search) -> Iterator[Candidate | Rejected]:
    with refusing_foreign_errors(piece.name):
        if isinstance(piece, PerSample):
            yield _of_set(piece, search)
            return
        for found in formats.read(piece, search.reading):
            if isinstance(found, Table):
                yield from _of_table(found, search)
            else:
                yield _of_values(found, search)


def _of_set(files: PerSample, search: Search) -> Candidate:
    kept = tuple(pair for pair in files.pieces if not search.wanted or pair[0] in search.wanted)
    files = replace(files, pieces=kept or files.pieces)
    parts = (
        (sample, gene_rows.genes_only(values, search.organism, search.table, name))
        for sample, name, values in per_sample.pieces_of(files, search.reading)
    )
    values, samples = union(parts)
    facts = {
        "orientation": "a file per sample",
        "matched_by": files.rule,
        "caution": files.caution,
        "other_columns": [],
    }
    return _candidate(
        Matched(files.name, "a file per sample", values, samples, facts, files.said, files.lanes),
        search,
        glob=files.glob,
    )


def _of_table(table: Table, search: Search) -> Iterator[Candidate | Rejected]:
    member = table.member
    try:
        layout = layout_of(member, search.budget)
        is_dee2 = bool(dee2.COUNTS.search(member.name))
        ways = (
            dee2.plans(layout, search.runs)
            if is_dee2
            else table_layout.plans(layout, search.samples)
        )
    except NoTable as error:
        yield Rejected(member.name, f"not read: {error}")
        return
    if not ways:
        yield Rejected(member.name, _NO_GENES)
    for way in ways:
        turned = way.orientation == table_layout.SAMPLES_BY_GENES
        observations = list(way.columns.values())
        plan = way
        about = pd.DataFrame() if turned else table_layout.about(member, layout, way, search.budget)
        if not plan.match and not turned:
            plan = replace(way, match=_by_cells(observations, search, about, "row"))
        if plan.match is None and not turned:
            several = (
                ""
                if len(observations) == len(set(observations))
                else "; some of its columns have the same name"
            )
            reason = table_layout.texts_under_samples(layout, search.samples) or _NO_MATCH + several
            yield Rejected(member.name, reason, tuple(observations[:5000]))
            continue
        values = table_layout.read(member, plan, search.budget, _left_out(plan, search))
        if table.spreadsheet:
            spreadsheets.refuse_dates(values.genes, member.name)
        mapped = plan.match
        if turned:
            about = table_layout.about(member, layout, plan, search.budget)
            mapped = match(values.observations, search.samples) or _by_cells(
                values.observations, search, about, "column"
            )
        if mapped is None:
            yield Rejected(member.name, _NO_MATCH, tuple(values.observations[:5000]))
            continue
        name = f"{member.name}/{plan.quantity}" if len(ways) > 1 else member.name
        facts = {
            "orientation": plan.orientation,
            "delimiter": layout.in_words,
            "matched_by": mapped.rule,
            "caution": mapped.caution,
            "other_columns": list(plan.others),
            **({"header": "; ".join(layout.notes)} if layout.notes else {}),
        }
        samples = [mapped.samples.get(one, "") for one in values.observations]
        if not mapped.per_sample:
            _refuse_samples_twice(samples, values.observations, name)
        values = gene_rows.genes_only(values, search.organism, search.table, name)
        if is_dee2:
            values.notes += search.runs.notes
        said, shape = plan.quantity or member.base, f"table, {plan.orientation}"
        yield _candidate(
            Matched(name, shape, values, samples, facts, said, plan.lanes),
            search,
            cells=about if len(about) == len(values.observations) else None,
            rank=plan.rank,
        )


def _of_values(named: NamedMatrix, search: Search) -> Candidate | Rejected:
    """Match a matrix whose axes have names; the axis that is named like genes holds them."""
    values, turned = orientation.oriented(named.values)
    axis = "turned: its rows were named like genes" if turned else "by its format"
    if not orientation.gene_kind(values.genes) and not orientation.other_ids(values.genes):
        return Rejected(named.name, _NO_GENES)
    cells = named.cells
    mapped = match(values.observations, search.samples) or _by_cells(
        values.observations, search, cells, "obs column"
    )
    base = named.name.rsplit("/", 1)[-1]
    if mapped is None and (owner := match([base], search.samples, cells=False)) is not None:
        mapped = Match(
            dict.fromkeys(values.observations, next(iter(owner.samples.values()))),
            "file name",
            per_sample=True,
        )
    if mapped is None:
        return Rejected(named.name, _NO_MATCH, tuple(values.observations[:5000]))
    samples = [mapped.samples.get(observation, "") for observation in values.observations]
    if not mapped.per_sample:
        _refuse_samples_twice(samples, values.observations, named.name)
    facts = {
        "orientation": axis,
        "matched_by": mapped.rule,
        "caution": mapped.caution,
        "other_columns": [],
    }
    values = gene_rows.genes_only(values, search.organism, search.table, named.name)
    return _candidate(
        Matched(named.name, named.shape, values, samples, facts, base), search, cells=cells
    )


def _by_cells(names: Sequence[str], search: Search, about: pd.DataFrame, what: str) -> Match | None:
    """Match by the table of cells beside the matrix, else by what the matrix itself says of its
    observations (`about`, a row for each)."""
    found = None if search.cells is None else search.cells.match(names)
    if found is None and len(about) == len(names) == len(set(names)):
        found = _by_column(names, about, search, what)
    return found


def _by_column(
    names: Sequence[str], cells: pd.DataFrame, search: Search, what: str
) -> Match | None:
    """Match by the column of the observations' own table whose texts are samples."""
    for column in cells:
        owner = match(sorted(set(cells[column])), search.samples, cells=False)
        if owner is not None and len(owner.samples) >= 0.5 * cells[column].nunique():
            owned = {
                name: owner.samples[text]
                for name, text in zip(names, cells[column], strict=True)
                if text in owner.samples
            }
            rule = f"{what} '{column}' ({owner.rule})"
            return Match(owned, rule, per_sample=len(owned) > len(set(owned.values())))
    return None


def _left_out(plan: table_layout.TableLayout, search: Search) -> list[str]:
    """Return the columns of samples that the cell `include` leaves out."""
    if search.wanted is None or plan.match is None:
        return []
    return [name for name, sample in plan.match.samples.items() if sample not in search.wanted]


@dataclass
class Matched:
    """A matrix with its samples, before its numbers are judged; `said` is what its name says of
    them, `lanes` whether its observations are known to be parts of libraries."""

    name: str
    shape: str
    values: Values
    samples: list[str]
    facts: dict[str, Any]
    said: str = ""
    lanes: bool = False


def _candidate(
    matched: Matched,
    search: Search,
    *,
    cells: pd.DataFrame | None = None,
    glob: str = "",
    rank: int = 0,
) -> Candidate:
    """Settle whether observations are cells or samples, and what kind the numbers are."""
    values, samples = matched.values, matched.samples
    kept = samples
    if search.wanted is not None:
        kept = [sample if sample in search.wanted else "" for sample in samples]
    judged = cell_evidence.judge(values.observations, kept, values.matrix, search.record)
    single_cell = judged.single_cell
    if search.assay != "auto":
        single_cell = search.assay == "single_cell"
    elif matched.lanes:
        single_cell = False
    if single_cell is None:
        raise cell_evidence.undecided(matched.name, values.observations, judged)
    about = cells if cells is not None else pd.DataFrame()
    if search.cells is not None and single_cell:
        about = search.cells.about(values.observations)
    if not single_cell and len(set(samples)) < len(samples):
        # Observations without a sample are named in the report, so they stay apart.
        values = lanes.added(values, samples)
        owner = dict(zip(matched.samples, matched.samples, strict=True))
        samples = [owner.get(name, "") for name in values.observations]
        about = pd.DataFrame()
    kind = kind_of_values(
        values.matrix, matched.said.rsplit("/", 1)[-1], single_cell=bool(single_cell)
    )
    what = "cells" if single_cell else "bulk samples"
    facts = {**matched.facts, "assay_evidence": f"{what}: {judged.evidence}"}
    return Candidate(
        matched.name,
        matched.shape,
        values,
        samples,
        kind,
        bool(single_cell),
        facts,
        cells=about if single_cell else pd.DataFrame(),
        glob=glob,
        rank=rank,
        exons=transcripts.like_exons(some_of(values.genes)),
    )


def _refuse_samples_twice(samples: Sequence[str], observations: Sequence[str], where: str) -> None:
    """Refuse a matrix with two columns of one sample: which one is meant, or whether they belong
    together, cannot be told."""
    counted = Counter(sample for sample in samples if sample)
    twice = [sample for sample, number in counted.items() if number > 1]
    if twice:
        named = [
            name for name, sample in zip(observations, samples, strict=True) if sample == twice[0]
        ]
        raise InputError(
            f"sample {twice[0]} {len(named)} times (columns {', '.join(named)})",
            where,
            "each sample may have one column; as two, it would be counted as two samples",
            "rename or remove all but one of the columns, or add them up, and give the table as"
            " source with a sample sheet",
        )
