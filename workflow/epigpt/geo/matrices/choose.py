"""Find the matrix of a data set among its files: look into each, list what it holds, take the one that qualifies or refuse."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from epigpt.geo.matrices import tables
from epigpt.geo.matrices.delimited import Values, layout_of
from epigpt.geo.matrices.layout import NoTable
from epigpt.geo.matrices.names import SampleNames, match
from epigpt.geo.matrices.streams import Budget, Member
from epigpt.geo.matrices.values import COUNTS, IN_WORDS, ValueKind, kind_of_values
from epigpt.refusal import Refusal


@dataclass
class Candidate:
    """A matrix that was read.

    Attributes
    ----------
    name, shape
        File (or group of files) and its kind, as shown to users.
    values
        The numbers; dropped (None) once the matrix cannot be chosen any more.
    samples
        Sample id per observation, "" where it has none.
    kind
        What kind of numbers.
    facts
        Further entries for the report: orientation, delimiter, match, others, …
    """

    name: str
    shape: str
    values: Values
    samples: list[str]
    kind: ValueKind
    single_cell: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def in_words(self) -> str:
        """Say what the file holds, for a list to choose from."""
        rows, genes = self.values.matrix.shape
        matched = len(set(self.samples) - {""})
        what = "cells" if self.single_cell else "samples"
        return f"{self.name}: {self.shape}, {rows} {what} ({matched} of the record's samples) × {genes} genes, {IN_WORDS[self.kind.type]}"


@dataclass(frozen=True)
class Rejected:
    """A file that cannot be used, and why; `names` are the sample-like names it holds."""

    file: str
    reason: str
    names: tuple[str, ...] = ()


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
    """

    samples: SampleNames
    pattern: str
    allowed: frozenset[str]
    budget: Budget
    scratch: Path
    assay: str = "auto"


def find(members: Sequence[Member], search: Search) -> tuple[Candidate, list[Rejected]]:
    """Read the one matrix that qualifies.

    Raises
    ------
    Refusal
        None qualifies, or several do; the message lists what each file holds.
    """
    chosen = [member for member in members if _wanted(member, search.pattern)]
    if not chosen:
        raise _nothing(members, search.pattern)
    candidates: list[Candidate] = []
    rejected: list[Rejected] = []
    for member in sorted(chosen, key=lambda member: member.name):
        for found in look_into(member, search):
            (candidates if isinstance(found, Candidate) else rejected).append(found)  # type: ignore[arg-type]
    return _decide(candidates, rejected, search)


def _wanted(member: Member, pattern: str) -> bool:
    return pattern == "auto" or fnmatchcase(member.name, pattern) or fnmatchcase(member.base, pattern)


def look_into(member: Member, search: Search) -> Iterable[Candidate | Rejected]:
    """Read every matrix of a file that fits the samples."""
    try:
        layout = layout_of(member, search.budget)
        ways = tables.plans(layout, search.samples)
    except NoTable as error:
        return [Rejected(member.name, f"not read: {error}")]
    found: list[Candidate | Rejected] = []
    for plan in ways:
        if plan.match is None:
            shown = tuple(layout.column(plan.names_column)) if plan.orientation == tables.SAMPLES_BY_GENES else tuple(plan.columns.values())
            found.append(Rejected(member.name, "none of its columns is named like a sample", shown))
            continue
        found.append(_candidate(member, plan, layout.in_words, search))
    return found


def _candidate(member: Member, plan: tables.Plan, delimiter: str, search: Search) -> Candidate:
    values = tables.read(member, plan, search.budget)
    assert plan.match is not None  # noqa: S101 - tables without a match were set aside
    mapped = plan.match
    if plan.orientation == tables.SAMPLES_BY_GENES:
        mapped = match(values.observations, search.samples) or mapped
    samples = [mapped.samples.get(name, "") for name in values.observations]
    kind = kind_of_values(values.matrix, plan.quantity or member.base, single_cell=mapped.per_sample)
    facts = {"orientation": plan.orientation, "delimiter": delimiter, "matched_by": mapped.rule, "other_columns": list(plan.others)}
    return Candidate(member.name, f"table, {plan.orientation}", values, samples, kind, mapped.per_sample, facts)


def _decide(candidates: list[Candidate], rejected: list[Rejected], search: Search) -> tuple[Candidate, list[Rejected]]:
    accepted = {"raw_counts", *search.allowed}
    counts = [found for found in candidates if found.kind.type in accepted and found.kind.type in COUNTS]
    qualified = counts or [found for found in candidates if found.kind.type in accepted]
    if len(qualified) > 1:
        raise Refusal(
            f"{len(qualified)} matrices that qualify:\n" + "\n".join(f"    {found.in_words}" for found in qualified),
            "the files of the data set",
            "which one to analyse cannot be told from the data",
            f"name one in the cell `matrix`, such as {qualified[0].name.rsplit('/', 1)[-1]}",
        )
    if qualified:
        others = [Rejected(found.name, _why_not(found)) for found in candidates if found is not qualified[0]]
        return qualified[0], rejected + others
    if candidates:
        raise _no_counts(candidates, search)
    raise _no_match(rejected, search)


def _why_not(found: Candidate) -> str:
    return f"holds {IN_WORDS[found.kind.type]} ({found.kind.evidence})"


def _no_counts(candidates: list[Candidate], search: Search) -> Refusal:
    kinds = sorted({found.kind.type for found in candidates} - {"unknown", "raw_counts"})
    consent = (
        f"name a file with raw counts in the cell `matrix`; or accept what is there by `--config allow_values='[{', '.join(kinds)}]'`, "
        "which the report will then say everywhere"
        if kinds
        else "name a file with raw counts in the cell `matrix`, or give the counts as a table with a sample sheet"
    )
    listed = "\n".join(f"    {found.in_words}\n      {found.kind.evidence}" for found in candidates)
    return Refusal(f"no raw counts, only:\n{listed}", "the files of the data set", "count models need counts", consent)


def _no_match(rejected: list[Rejected], search: Search) -> Refusal:
    named = [found for found in rejected if found.names]
    if not named:
        listed = "\n".join(f"    {found.file}: {found.reason}" for found in rejected)
        return Refusal(
            f"no expression matrix among the files:\n{listed}",
            "the files of the data set",
            "there is nothing to analyse",
            "give the counts as a table with a sample sheet (cells `source` and `samples`)",
        )
    found = named[0]
    shown = ", ".join(found.names[:5]) + (", …" if len(found.names) > 5 else "")
    more = "".join(f"\n    {other.file}: {other.reason}" for other in rejected if other is not found)
    return Refusal(
        f"{found.file}, none of whose columns match a sample: {shown}" + more,
        f"the record names its samples {search.samples.titled()}",
        "without a match no column has a label",
        "name another file in the cell `matrix`, or give the table as source with a sample sheet whose first column holds these names",
    )


def _nothing(members: Sequence[Member], pattern: str) -> Refusal:
    names = ", ".join(member.name for member in members[:20]) or "none"
    if pattern == "auto":
        return Refusal(
            "no file that could hold a matrix",
            "the series' supplementary files",
            "there is nothing to analyse",
            "give the counts as a table with a sample sheet (cells `source` and `samples`)",
        )
    return Refusal(
        f"matrix = '{pattern}'", "the data set table", f"no file has such a name; there are: {names}", "correct the cell `matrix`"
    )
