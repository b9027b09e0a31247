"""Find the matrix of a data set among its files: list what each holds, take the one that qualifies
or refuse."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from epigpt.errors import InputError
from epigpt.matrices import matrix_market, ncbi, per_sample
from epigpt.matrices.archives import expand
from epigpt.matrices.candidates import Candidate, Rejected, Search, barcodes_only, look_into
from epigpt.matrices.per_sample import PerSample, Piece
from epigpt.matrices.streams import Member
from epigpt.matrices.value_kind import COUNTS, IN_WORDS

_NO_MATRIX = re.compile(
    r"(^|/)(filelist\.txt|.*\.annot\.tsv(\.gz)?|listing\.tsv|manifest\.tsv)$", re.IGNORECASE
)
_OWN_TABLE = "give the counts as a table with a sample sheet (cells `source` and `samples`)"


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
    candidates: list[Candidate] = []
    rejected: list[Rejected] = []
    accepted = {"raw_counts", *search.allowed}
    for piece in sources(files, search):
        for found in look_into(piece, search):
            if isinstance(found, Rejected):
                rejected.append(found)
                continue
            candidates.append(found)
            if found.kind.type not in accepted:
                found.release()
    if search.wanted is not None and any(
        search.wanted & set(found.samples) for found in candidates
    ):
        unwanted = [found for found in candidates if not search.wanted & set(found.samples)]
        rejected += [
            Rejected(found.name, "holds none of the samples that `include` keeps")
            for found in unwanted
        ]
        candidates = [found for found in candidates if found not in unwanted]
    chosen, others = _decide(candidates, rejected, search)
    chosen.values = (
        ncbi.add_symbols(chosen.values, files, search.budget)
        if ncbi.COUNTS.search(chosen.name)
        else chosen.values
    )
    return chosen, others


def sources(files: Sequence[Member], search: Search) -> list[Piece | PerSample]:
    """Turn files into what can hold a matrix: files, triplets, sets of per-sample files; archives
    expanded, the cell `matrix` heeded."""
    usable = [file for file in files if not _NO_MATRIX.search(file.name)]
    members = [
        member
        for file in sorted(usable, key=lambda file: file.name)
        for member in expand(file, search.budget, search.scratch)
    ]
    members = [
        member
        for member in members
        if not _NO_MATRIX.search(member.name) and not member.base.startswith("._")
    ]
    triplets, others = matrix_market.triplets(members)
    every: list[Piece] = [*triplets, *others]
    pieces = [piece for piece in every if _wanted(piece, search.pattern)]
    if not pieces:
        raise _nothing(members or list(files), search.pattern)
    sets, rest = per_sample.group(pieces, search.samples)
    return [*sets, *rest]


def _wanted(piece: Piece, pattern: str) -> bool:
    if pattern == "auto":
        return True
    paths = (
        [piece.name]
        if isinstance(piece, Member)
        else [part.name for part in (piece.matrix, piece.barcodes, piece.features) if part]
    )
    return any(
        fnmatchcase(path, pattern) or any(fnmatchcase(part, pattern) for part in path.split("/"))
        for path in paths
    )


def _decide(
    candidates: list[Candidate], rejected: list[Rejected], search: Search
) -> tuple[Candidate, list[Rejected]]:
    accepted = {"raw_counts", *search.allowed}
    qualified = [found for found in candidates if found.kind.type in accepted]
    # Counts come first: consent to FPKM does not make FPKM a rival of counts, nor of NCBI's own.
    for preferred in (COUNTS, None):
        some = [
            found
            for found in qualified
            if (
                ncbi.COUNTS.search(found.name)
                if preferred is None
                else found.kind.type in preferred
            )
        ]
        qualified = some or qualified
    if len(qualified) > 1:
        raise InputError(
            f"{len(qualified)} matrices that qualify:\n"
            + "\n".join(f"    {found.in_words}" for found in qualified),
            "the files of the data set",
            "which one to analyse cannot be told from the data",
            f"name one in the cell `matrix`, such as {qualified[0].name.split(' (')[0]}",
        )
    if qualified:
        others = [
            Rejected(found.name, _why_not(found, qualified[0]))
            for found in candidates
            if found is not qualified[0]
        ]
        return qualified[0], rejected + others
    if candidates:
        raise _no_counts(candidates)
    raise _no_match(rejected, search)


def _why_not(found: Candidate, chosen: Candidate) -> str:
    if ncbi.COUNTS.search(chosen.name) and found.kind.type in COUNTS:
        return "NCBI's own counts are preferred; name this file in the cell `matrix` to use it"
    return f"holds {IN_WORDS[found.kind.type]} ({found.kind.evidence})"


def _no_counts(candidates: list[Candidate]) -> InputError:
    kinds = sorted({found.kind.type for found in candidates} - {"unknown", "raw_counts"})
    consent = "name a file with raw counts in the cell `matrix`, or " + _OWN_TABLE
    if kinds:
        consent += (
            f"; or accept what is there by `--config allow_values='[{', '.join(kinds)}]'`, which"
            " the report will then say everywhere"
        )
    listed = "\n".join(f"    {found.in_words}\n      {found.kind.evidence}" for found in candidates)
    return InputError(
        f"no raw counts, only:\n{listed}",
        "the files of the data set",
        "count models need counts",
        consent,
    )


def _no_match(rejected: list[Rejected], search: Search) -> InputError:
    refusals = [found.refusal for found in rejected if found.refusal is not None]
    named = [found for found in rejected if found.names]
    if refusals and not named:
        return refusals[0]
    if not named:
        listed = "\n".join(f"    {found.file}: {found.reason}" for found in rejected)
        return InputError(
            f"no expression matrix:\n{listed}",
            "the files of the data set",
            "there is nothing to analyse",
            _OWN_TABLE,
        )
    found = named[0]
    shown = ", ".join(found.names[:5]) + (", …" if len(found.names) > 5 else "")
    more = "".join(
        f"\n    {other.file}: {other.reason}" for other in rejected if other is not found
    )
    why = "without a match no column has a label"
    if barcodes_only(found.names):
        why = "bare cell barcodes do not say which sample a cell is of"
    return InputError(
        f"{found.file}, none of whose columns match a sample: {shown}{more}",
        f"the record names its samples {search.samples.titled()}",
        why,
        "name another file in the cell `matrix`, or give the table as source with a sample sheet"
        " whose first column holds these names",
    )


def _nothing(members: Sequence[Member], pattern: str) -> InputError:
    names = ", ".join(member.name for member in members[:20]) or "none"
    if pattern == "auto":
        return InputError(
            "no file that could hold a matrix",
            "the series' supplementary files",
            "there is nothing to analyse",
            _OWN_TABLE,
        )
    return InputError(
        f"matrix = '{pattern}'",
        "the data set table",
        f"no file has such a name; there are: {names}",
        "correct the cell `matrix`",
    )
