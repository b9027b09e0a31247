"""Read every matrix that a file (or a set of per-sample files) holds, and say what each is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from epigpt.errors import InputError, refusing_foreign_errors
from epigpt.matrices import hdf5, matrix_market, per_sample, r_objects, spreadsheets, table_layout
from epigpt.matrices.csv_dialect import NoTable
from epigpt.matrices.delimited import Values, layout_of
from epigpt.matrices.matrix_market import Triplet
from epigpt.matrices.per_sample import PerSample, Piece
from epigpt.matrices.sample_matching import Match, SampleNames, like_barcodes, match
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.union import union
from epigpt.matrices.value_kind import IN_WORDS, ValueKind, kind_of_values

_NO_MATCH = "none of its columns is named like a sample"


@dataclass
class Candidate:
    """A matrix that was read.

    Attributes
    ----------
    name, shape
        File (or set of files) and its kind, as shown to users.
    values
        The numbers; emptied once the matrix cannot be chosen any more.
    samples
        Sample id per observation, "" where it has none.
    kind
        What kind of numbers.
    single_cell
        Whether observations are cells.
    facts
        Further entries for the report: orientation, delimiter, matched_by, other_columns.
    size
        Observations and genes.
    """

    name: str
    shape: str
    values: Values
    samples: list[str]
    kind: ValueKind
    single_cell: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.size = (int(self.values.matrix.shape[0]), int(self.values.matrix.shape[1]))

    @property
    def in_words(self) -> str:
        """Say what the file holds, for a list to choose from."""
        matched = len(set(self.samples) - {""})
        what = "cells" if self.single_cell else "samples"
        return (
            f"{self.name}: {self.shape}, {self.size[0]} {what} ({matched} of the record's samples)"
            f" × {self.size[1]} genes, {IN_WORDS[self.kind.type]}"
        )

    def release(self) -> None:
        """Forget the numbers."""
        self.values = Values(sparse.csr_array((0, 0)), [], [])


@dataclass(frozen=True)
class Rejected:
    """A file that cannot be used, and why; `names` are the sample-like names it holds."""

    file: str
    reason: str
    names: tuple[str, ...] = ()
    refusal: InputError | None = None


@dataclass(frozen=True)
class Search:
    """What is looked for.

    Attributes
    ----------
    samples
        The samples of the record or sheet.
    pattern
        The cell `matrix`.
    allowed
        Kinds of values accepted beside raw counts.
    budget
        Bound on unpacked bytes.
    scratch
        A folder for unpacked copies, removed by the caller.
    assay
        The cell `assay`.
    wanted
        Samples that the cell `include` keeps: a matrix of none of them is no candidate. None: all.
    """

    samples: SampleNames
    pattern: str
    allowed: frozenset[str]
    budget: Budget
    scratch: Path
    assay: str = "auto"
    wanted: frozenset[str] | None = None


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
        elif isinstance(piece, Triplet):
            yield _of_values(
                piece.name,
                "sparse matrix with barcodes and features",
                matrix_market.read(piece, search.budget),
                search,
            )
        else:
            yield from _of_file(piece, search)


def _of_set(found: PerSample, search: Search) -> Candidate:
    values, samples = union(per_sample.pieces_of(found, search.budget, search.scratch))
    single_cell = (
        len(samples) > 2 * len(set(samples))
        if search.assay == "auto"
        else search.assay == "single_cell"
    )
    named = (
        next(iter(found.pieces.values())).name
        if len({per_sample.hint(piece.name) for piece in found.pieces.values()}) == 1
        else ""
    )
    kind = kind_of_values(values.matrix, named.rsplit("/", 1)[-1], single_cell=single_cell)
    facts = {"orientation": "a file per sample", "matched_by": found.rule, "other_columns": []}
    return Candidate(found.name, "a file per sample", values, samples, kind, single_cell, facts)


def _of_file(member: Member, search: Search) -> Iterator[Candidate | Rejected]:
    if spreadsheets.NAME.search(member.base):
        for sheet in spreadsheets.sheets(member, search.budget, search.scratch):
            yield from _of_table(sheet, search, spreadsheet=True)
    elif spreadsheets.OLD_NAME.search(member.base) and member.magic().startswith(
        b"\xd0\xcf\x11\xe0"
    ):
        yield Rejected(member.name, "not read: an old Excel workbook; save it as .xlsx or .csv")
    elif r_objects.NAME.search(member.base):
        for name, values in r_objects.read(member, search.budget):
            yield _of_values(member.name + (f"/{name}" if name else ""), "R object", values, search)
    elif per_sample.is_hdf5(member, search.budget):
        yield _of_hdf5(member, search)
    else:
        yield from _of_table(member, search)


def _of_table(
    member: Member, search: Search, spreadsheet: bool = False
) -> Iterator[Candidate | Rejected]:
    try:
        layout = layout_of(member, search.budget)
        ways = table_layout.plans(layout, search.samples)
    except NoTable as error:
        yield Rejected(member.name, f"not read: {error}")
        return
    for plan in ways:
        if plan.match is None:
            shown = (
                layout.column(plan.names_column)
                if plan.orientation == table_layout.SAMPLES_BY_GENES
                else list(plan.columns.values())
            )
            several = (
                "" if len(shown) == len(set(shown)) else "; some of its columns have the same name"
            )
            yield Rejected(member.name, _NO_MATCH + several, tuple(shown))
            continue
        values = table_layout.read(member, plan, search.budget)
        if spreadsheet:
            spreadsheets.refuse_dates(values.genes, member.name)
        yield _candidate(member, plan, values, search, layout.in_words)


def _candidate(
    member: Member, plan: table_layout.TableLayout, values: Values, search: Search, delimiter: str
) -> Candidate:
    mapped = plan.match
    if plan.orientation == table_layout.SAMPLES_BY_GENES:
        mapped = match(values.observations, search.samples) or mapped
    assert mapped is not None  # noqa: S101 - tables without a match were set aside
    samples = [mapped.samples.get(name, "") for name in values.observations]
    if not mapped.per_sample:
        _refuse_samples_twice(samples, values.observations, member.name)
    kind = kind_of_values(
        values.matrix, plan.quantity or member.base, single_cell=mapped.per_sample
    )
    facts = {
        "orientation": plan.orientation,
        "delimiter": delimiter,
        "matched_by": mapped.rule,
        "other_columns": list(plan.others),
    }
    return Candidate(
        member.name, f"table, {plan.orientation}", values, samples, kind, mapped.per_sample, facts
    )


def _of_values(
    name: str, shape: str, values: Values, search: Search, orientation: str = "by its format"
) -> Candidate | Rejected:
    """Match a matrix whose axes have names; the one that is named like samples holds the
    observations."""
    found = match(values.observations, search.samples)
    if found is None and (turned := match(values.genes, search.samples)) is not None:
        values = Values(
            sparse.csr_array(values.matrix.T), values.genes, values.observations, None, values.notes
        )
        found = turned
    if (
        found is None
        and (owner := match([name.rsplit("/", 1)[-1]], search.samples, cells=False)) is not None
    ):
        found = Match(
            dict.fromkeys(values.observations, next(iter(owner.samples.values()))),
            "file name",
            per_sample=True,
        )
    if found is None:
        return Rejected(name, _NO_MATCH, tuple(values.observations[:1000]))
    samples = [found.samples.get(observation, "") for observation in values.observations]
    if not found.per_sample:
        _refuse_samples_twice(samples, values.observations, name)
    kind = kind_of_values(values.matrix, name.rsplit("/", 1)[-1], single_cell=found.per_sample)
    facts = {"orientation": orientation, "matched_by": found.rule, "other_columns": []}
    return Candidate(name, shape, values, samples, kind, found.per_sample, facts)


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


def _of_hdf5(member: Member, search: Search) -> Candidate | Rejected:
    with hdf5.opened(member, search.budget, search.scratch) as file:
        if hdf5.kind(file) != "h5ad":
            values, obs = per_sample.read_opened(file, member.name), pd.DataFrame()
        else:
            values, obs, _ = hdf5.read_h5ad(file, member.name)
    shape = f"{hdf5.NAMES.get(member.base.rsplit('.', 1)[-1].lower(), 'HDF5')} file"
    found = _of_values(member.name, shape, values, search)
    if isinstance(found, Candidate):
        return found
    for column in obs:
        owner = match(sorted(set(obs[column])), search.samples, cells=False)
        if owner is not None and len(owner.samples) >= 0.5 * obs[column].nunique():
            samples = [owner.samples.get(name, "") for name in obs[column]]
            single_cell = len(samples) > len(set(samples))
            kind = kind_of_values(values.matrix, member.base, single_cell=single_cell)
            facts = {
                "orientation": "by its format",
                "matched_by": f"obs column '{column}' ({owner.rule})",
                "other_columns": [],
            }
            return Candidate(member.name, shape, values, samples, kind, single_cell, facts)
    return found


def barcodes_only(names: Sequence[str]) -> bool:
    """Whether names are bare cell barcodes, which say nothing of their sample."""
    return like_barcodes(names) and bool(np.mean([len(name) < 24 for name in names[:1000]]) > 0.8)
