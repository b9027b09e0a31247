"""Read the user's table of which column is which sample (cell `sample_map`)."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from epigpt.errors import InputError, nearest_name
from epigpt.matrices.sample_names import SampleNames
from epigpt.matrices.unmatched import MAP_HEADER
from epigpt.samples.sample_sheet import rows_of

_WHAT_IT_IS = (
    "it says which column of the matrix is which sample: a table with the columns"
    f" {' and '.join(MAP_HEADER)}, where a sample is an accession or a title of the record"
)


def with_map(samples: SampleNames, path: Path) -> SampleNames:
    """Return the samples with what the table says of the matrix's columns.

    Parameters
    ----------
    samples
        What the record or the sample sheet calls them.
    path
        A table with the columns `column` and `sample`, in any order and beside others; separators
        and encodings as for a sample sheet, lines that begin with `#` skipped. A row without a
        sample leaves the column out. A column may be a pattern such as `*-1`; several columns of
        one sample are its cells, or lanes that are added.

    Raises
    ------
    InputError
        Another kind of table, a sample that the record does not have, a column twice, no sample.
    """
    try:
        header, *body = rows_of(path, comments=True)
    except InputError as refusal:
        raise _refused(path, refusal.found, _WHAT_IT_IS) from None
    missing = [name for name in MAP_HEADER if name not in header]
    if missing:
        raise _refused(path, f"no column '{missing[0]}' but {', '.join(header)}", _WHAT_IT_IS)
    at, of = (header.index(name) for name in MAP_HEADER)
    named = [(cells[at], cells[of]) for cells in body]
    repeated = [name for name, number in Counter(name for name, _ in named).items() if number > 1]
    if repeated:
        raise _refused(path, f"the column '{repeated[0]}' twice", "one column is one sample")
    mapped = {name: _sample(path, text, samples) for name, text in named if name and text}
    if not mapped:
        raise _refused(path, f"{len(named)} columns, none with a sample", _WHAT_IT_IS)
    return replace(samples, mapped=mapped, map_name=path.name)


def _sample(path: Path, text: str, samples: SampleNames) -> str:
    if text.upper() in (ids := {name.upper(): name for name in samples.ids}):
        return ids[text.upper()]
    titled = [name for name in samples.ids if samples.title(name) == text]
    if len(titled) == 1:
        return titled[0]
    near = nearest_name(text, [*samples.ids, *filter(None, map(samples.title, samples.ids))])
    raise _refused(
        path,
        f"sample '{text}'",
        f"{len(titled)} samples have this title" if titled else "the record has no such sample",
        f"did you mean '{near}'?" if near and not titled else "",
    )


def _refused(path: Path, found: str, why: str, remedy: str = "") -> InputError:
    return InputError(
        found,
        f"{path} (cell `sample_map` of the data set table)",
        why,
        remedy or "correct the table; the log of a run without it shows one to fill in",
    )
