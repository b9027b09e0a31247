"""Find the matrix of a data set among its files: list what each holds, take the one that qualifies
or refuse."""

import re
from collections.abc import Sequence
from dataclasses import replace

from epigpt.errors import InputError
from epigpt.matrices import cell_tables, dee2, ncbi, per_sample, spreadsheets, triplet_files
from epigpt.matrices.archives import expand
from epigpt.matrices.candidate import Candidate, Rejected, Search
from epigpt.matrices.candidates import look_into
from epigpt.matrices.decision import OWN_TABLE, decide
from epigpt.matrices.formats import Piece
from epigpt.matrices.naming import may_lead_to, named
from epigpt.matrices.per_sample import PerSample
from epigpt.matrices.sample_matching import closest
from epigpt.matrices.streams import Member
from epigpt.matrices.transcript_tables import TranscriptTable
from epigpt.matrices.unmatched import unmatched_columns

_NO_MATRIX = re.compile(
    r"(^|/)(filelist\.txt|.*\.annot\.tsv(\.gz)?|listing\.tsv|manifest\.tsv|.*_dee2_[a-z]+_runs\.tsv"
    r"|[^/]*(\.summary|\.log(\.(final|progress))?(\.out)?|flagstat|web_summary\.html"
    r"|metrics_summary\.csv|multiqc[^/]*)(\.txt)?(\.gz)?)$",
    re.IGNORECASE,
)


def find(files: Sequence[Member], search: Search) -> tuple[Candidate, list[Rejected]]:
    """Read the one matrix that qualifies.

    Parameters
    ----------
    files
        Supplementary files; archives are looked into.
    search
        The samples, the cell `matrix`, the kinds of values accepted.

    Returns
    -------
    The matrix, and the files that were not used with the reason.

    Raises
    ------
    InputError
        None qualifies, or several do; the message lists what each file holds.
    """
    members = _members(files, search)
    search = replace(search, table=TranscriptTable(members, search.budget, search.transcripts).load)
    pieces = sources(files, members, search)
    candidates, rejected = _look(pieces, search)
    if not candidates and (found := _with_cell_table(members, rejected, search)) is not None:
        candidates, rejected = _look(pieces, found)
    if not candidates and (sets := _sheets_of_samples(members, search)):
        candidates, rejected = _look(sets, search)
    if search.wanted is not None and any(
        search.wanted & set(found.samples) for found in candidates
    ):
        unwanted = [found for found in candidates if not search.wanted & set(found.samples)]
        rejected += [
            Rejected(found.name, "holds none of the samples that `include` keeps")
            for found in unwanted
        ]
        candidates = [found for found in candidates if found not in unwanted]
    if not candidates:
        raise _no_match(rejected, search)
    chosen, others = decide(candidates, search)
    chosen.values = (
        ncbi.add_symbols(chosen.values, files, search.budget)
        if ncbi.COUNTS.search(chosen.name)
        else chosen.values
    )
    return chosen, rejected + others


def _look(
    pieces: Sequence[Piece | PerSample], search: Search
) -> tuple[list[Candidate], list[Rejected]]:
    candidates: list[Candidate] = []
    rejected: list[Rejected] = []
    accepted = {"raw_counts", *search.allowed}
    for piece in pieces:
        for found in look_into(piece, search):
            if isinstance(found, Rejected):
                rejected.append(found)
            elif isinstance(piece, PerSample) or named(found.name, search.pattern):
                candidates.append(found)
                if found.kind.type not in accepted:
                    found.release()
    return candidates, rejected


def _with_cell_table(
    members: Sequence[Member], rejected: Sequence[Rejected], search: Search
) -> Search | None:
    """Look for the table that says which sample each cell is of, where the matrix does not say
    so."""
    unmatched = max(rejected, key=lambda found: len(found.names), default=None)
    if unmatched is None or len(unmatched.names) < 2:
        return None
    others = [member for member in members if member.name != unmatched.file]
    table = cell_tables.find(others, unmatched.names, search.samples, search.budget)
    return None if table is None else replace(search, cells=table)


def _sheets_of_samples(members: Sequence[Member], search: Search) -> list[PerSample]:
    """Find workbooks whose sheets hold a sample each."""
    books = [member for member in members if spreadsheets.NAME.search(member.base)]
    try:
        sheets = [
            sheet
            for book in books
            if _wanted(book, search.pattern)
            for sheet in spreadsheets.sheets(book, search.budget, search.scratch)
        ]
    except InputError:  # said already when it was looked into
        return []
    return per_sample.group(sheets, search.samples)[0]


def _members(files: Sequence[Member], search: Search) -> list[Member]:
    usable = [file for file in files if not _NO_MATRIX.search(file.name)]
    members = [
        member
        for file in sorted(usable, key=lambda file: file.name)
        for member in expand(file, search.budget, search.scratch)
    ]
    return [
        member
        for member in members
        if not _NO_MATRIX.search(member.name)
        and not member.base.startswith("._")
        and not dee2.is_other_part(member.name)
    ]


def sources(
    files: Sequence[Member], members: Sequence[Member], search: Search
) -> list[Piece | PerSample]:
    """Turn files into what can hold a matrix: files, triplets, sets of per-sample files; archives
    expanded, the cell `matrix` heeded."""
    triplets, others = triplet_files.triplets(members)
    every: list[Piece] = [*triplets, *others]
    pieces = [piece for piece in every if _wanted(piece, search.pattern)]
    if not pieces:
        raise _nothing(list(members) or list(files), search.pattern)
    sets, rest = per_sample.group(pieces, search.samples)
    return [*sets, *rest]


def _wanted(piece: Piece, pattern: str) -> bool:
    paths = (
        [piece.name]
        if isinstance(piece, Member)
        else [
            piece.name,
            *(part.name for part in (piece.matrix, piece.barcodes, piece.features) if part),
        ]
    )
    return any(named(path, pattern) or may_lead_to(path, pattern) for path in paths)


def _no_match(rejected: list[Rejected], search: Search) -> InputError:
    refusals = [found.refusal for found in rejected if found.refusal is not None]
    named_files = [found for found in rejected if found.names]
    if refusals and not named_files:
        return refusals[0]
    if not named_files:
        listed = "\n".join(f"    {found.file}: {found.reason}" for found in rejected)
        return InputError(
            f"no expression matrix:\n{listed}",
            "the files of the data set",
            "there is nothing to analyse",
            OWN_TABLE if len(rejected) > 1 else f"repair that file, or {OWN_TABLE}",
        )
    found = max(named_files, key=lambda one: _matched(one, search))
    more = "".join(
        f"\n    {other.file}: {other.reason}" for other in rejected if other is not found
    )
    return unmatched_columns(found.file, found.names, search.samples, more)


def _matched(found: Rejected, search: Search) -> int:
    like = closest(found.names, search.samples)
    return len(like.samples) if like else 0


def _nothing(members: Sequence[Member], pattern: str) -> InputError:
    names = ", ".join(member.name for member in members[:20]) or "none"
    if pattern == "auto":
        return InputError(
            "no file that could hold a matrix",
            "the series' supplementary files",
            "there is nothing to analyse",
            OWN_TABLE,
        )
    return InputError(
        f"matrix = '{pattern}'",
        "the data set table",
        f"no file has such a name; there are: {names}",
        "correct the cell `matrix`",
    )
