"""Which of several matrices to analyse: one that holds counts, parts of one series joined, the same
numbers taken once; else a message that lists them with what to write."""

import re
from collections.abc import Sequence

import numpy as np

from epigpt.errors import InputError
from epigpt.genes import id_kinds
from epigpt.matrices import dee2, ncbi
from epigpt.matrices.candidate import Candidate, Rejected, Search
from epigpt.matrices.joining import joined, same_numbers
from epigpt.matrices.value_kind import COUNTS, IN_WORDS

_RAW_OR_FILTERED = re.compile(r"(?<![a-z])(raw|filtered)(?![a-z])", re.IGNORECASE)
OWN_TABLE = "give the counts as a table with a sample sheet (cells `source` and `samples`)"


def decide(candidates: list[Candidate], search: Search) -> tuple[Candidate, list[Rejected]]:
    """Choose among the matrices that were read.

    Returns
    -------
    The matrix, and the others with the reason.

    Raises
    ------
    InputError
        None holds values that are accepted, or several do.
    """
    accepted = {"raw_counts", *search.allowed}
    qualified = [found for found in candidates if found.kind.type in accepted]
    if not qualified:
        raise _no_counts(candidates)
    rejected: list[Rejected] = []
    for prefer in (_counts, _ncbi, _dee2, _genes, _raw_over_estimated):
        qualified = prefer(qualified) or qualified
    for narrow in (_best_block, _called_cells, _once):
        qualified, left = narrow(qualified)
        rejected += left
    if len(qualified) > 1 and (whole := joined(qualified)) is not None:
        parts = {found.name for found in qualified}
        rejected += _others(candidates, whole, rejected, parts)
        return whole, rejected
    if len(qualified) > 1:
        raise _several(qualified)
    return qualified[0], rejected + _others(candidates, qualified[0], rejected, set())


def _others(
    candidates: Sequence[Candidate],
    chosen: Candidate,
    rejected: Sequence[Rejected],
    parts: set[str],
) -> list[Rejected]:
    files_named = {found.file for found in rejected} | parts | {chosen.name}
    return [
        Rejected(found.name, _why_not(found, chosen))
        for found in candidates
        if found.name not in files_named
    ]


def _counts(candidates: list[Candidate]) -> list[Candidate]:
    """Put counts first: consent to FPKM does not make FPKM a rival of counts."""
    return [one for one in candidates if one.kind.type in COUNTS]


def _ncbi(candidates: list[Candidate]) -> list[Candidate]:
    return [one for one in candidates if ncbi.COUNTS.search(one.name)]


def _dee2(candidates: list[Candidate]) -> list[Candidate]:
    """DEE2's counts are there because they were asked for; NCBI's come before them."""
    if any(ncbi.COUNTS.search(one.name) for one in candidates):
        return []
    return [one for one in candidates if dee2.COUNTS.search(one.name)]


def _genes(candidates: list[Candidate]) -> list[Candidate]:
    return [one for one in candidates if not one.exons]


def _raw_over_estimated(candidates: list[Candidate]) -> list[Candidate]:
    """Whole counts of the same samples come before estimated ones."""
    raw = [one for one in candidates if one.kind.type == "raw_counts"]
    covered = {sample for one in raw for sample in one.samples}
    return raw if all(set(one.samples) <= covered for one in candidates) else []


def _best_block(candidates: list[Candidate]) -> tuple[list[Candidate], list[Rejected]]:
    """Of the blocks of columns of one table, keep the one whose name fits counts best."""
    kept: list[Candidate] = []
    left: list[Rejected] = []
    for one in candidates:
        rivals = [
            other
            for other in candidates
            if other is not one
            and other.name.rpartition("/")[0] == one.name.rpartition("/")[0] != ""
            and other.shape == one.shape
            and set(other.samples) == set(one.samples)
        ]
        best = min([one, *rivals], key=lambda other: other.rank)
        if best.rank < one.rank:
            left.append(Rejected(one.name, f"{best.name.rpartition('/')[2]} is preferred"))
        else:
            kept.append(one)
    return kept, left


def _called_cells(candidates: list[Candidate]) -> tuple[list[Candidate], list[Rejected]]:
    """Of all droplets (`raw`) and the called cells (`filtered`) that Cell Ranger writes beside each
    other, keep the cells."""
    cells = {
        _RAW_OR_FILTERED.sub("", one.name): one
        for one in candidates
        if one.single_cell and "filtered" in map(str.lower, _RAW_OR_FILTERED.findall(one.name))
    }
    kept: list[Candidate] = []
    left: list[Rejected] = []
    for one in candidates:
        called = cells.get(_RAW_OR_FILTERED.sub("", one.name))
        if called is None or called is one or set(called.samples) != set(one.samples):
            kept.append(one)
        else:
            left.append(Rejected(one.name, f"all droplets; {called.name} holds the called cells"))
    return kept, left


def _once(candidates: list[Candidate]) -> tuple[list[Candidate], list[Rejected]]:
    """Take numbers that stand in several files, whole or in part, once: from the largest."""
    kept: list[Candidate] = []
    left: list[Rejected] = []
    for one in sorted(candidates, key=lambda other: (-int(np.prod(other.size)), len(other.name))):
        twin = next((other for other in kept if same_numbers(one, other)), None)
        if twin is None:
            kept.append(one)
        else:
            left.append(Rejected(one.name, f"holds numbers of {twin.name} again"))
    return sorted(kept, key=lambda other: other.name), left


def _several(qualified: Sequence[Candidate]) -> InputError:
    species = [id_kinds.guess_organism(found.values.genes) for found in qualified]
    if len(known := sorted({name for name in species if name})) > 1:
        listed = "\n".join(
            f"    {found.in_words} of {name or 'an unknown species'}"
            for found, name in zip(qualified, species, strict=True)
        )
        return InputError(
            f"matrices of {len(known)} species:\n{listed}",
            "the files of the data set",
            "genes of different species cannot be compared as they are",
            f"set the cell `organism` to {' or '.join(known)}",
        )
    ways = " or ".join(dict.fromkeys(f"`{found.glob}`" for found in qualified[:4]))
    return InputError(
        f"{len(qualified)} matrices that qualify:\n"
        + "\n".join(f"    {found.in_words}" for found in qualified),
        "the files of the data set",
        "the data do not say which one to analyse",
        f"write one of these into the cell `matrix`: {ways}",
    )


def _why_not(rejected: Candidate, chosen: Candidate) -> str:
    if ncbi.COUNTS.search(chosen.name) and rejected.kind.type in COUNTS:
        return "NCBI's own counts are preferred; name this file in the cell `matrix` to use it"
    if dee2.COUNTS.search(chosen.name) and rejected.kind.type in COUNTS:
        return "DEE2's counts were asked for (geo.dee2); name this file in `matrix` to use it"
    if rejected.exons and not chosen.exons:
        return f"counts of exons; name it in the cell `matrix` ({rejected.glob}) to use it"
    return f"holds {IN_WORDS[rejected.kind.type]} ({rejected.kind.evidence})"


def _no_counts(candidates: Sequence[Candidate]) -> InputError:
    kinds = sorted({found.kind.type for found in candidates} - {"raw_counts"})
    consent = "name a file with raw counts in the cell `matrix`, or " + OWN_TABLE
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
