"""Which axis of a matrix holds the genes: the one decision that every reader of a format uses."""

import re
from collections.abc import Sequence

from epigpt.errors import InputError
from epigpt.genes import id_kinds
from epigpt.genes.patterns import counts_rows, some_of, text_of
from epigpt.genes.transcripts import like_transcripts
from epigpt.matrices.values import Values

ROWS, COLUMNS, NEITHER = "rows", "columns", ""
_OTHER_ID = re.compile(r"(?=.*[A-Za-z])(?=.*\d)[A-Za-z0-9][\w.:|-]{2,39}")
_OBSERVATION = re.compile(
    r"(cell|barcode|well|spot|sample|bc|nuc(leus)?|s|gsm|srr|err|x)?[._ -]?(index|id)?[._ -]?\d+"
    r"|.*[ACGT]{8,}.*|.*_(cell|barcode|well|spot)[._ -]?\d+|\d{1,2}_\d{1,2}_\d{1,2}.*",
    re.IGNORECASE,
)
_FEWEST_OTHER_IDS = 20


def genes_on(rows: Sequence[str], columns: Sequence[str]) -> str:
    """Return which axis is named by genes or transcripts: `ROWS`, `COLUMNS`, or `NEITHER`.

    Kinds of ids that belong to genes alone decide; Entrez ids are numbers and yield to anything
    clearer on the other axis, since numbers may just as well count cells.
    """
    first, second = gene_kind(rows), gene_kind(columns)
    if bool(first) != bool(second):
        return ROWS if first else COLUMNS
    if not first:
        return NEITHER
    if (first == "entrez") != (second == "entrez"):
        return COLUMNS if first == "entrez" else ROWS
    shares = [id_kinds.id_shares(some_of(names)) for names in (rows, columns)]
    return ROWS if shares[0].get(first, 1.0) >= shares[1].get(second, 1.0) else COLUMNS


def gene_kind(names: Sequence[str]) -> str:
    """Name the kind of ids of genes or transcripts that names are; "" where they are none."""
    looked = some_of(names)
    if not looked:
        return ""
    if like_transcripts(looked):
        return "transcript"
    kind = id_kinds.id_type(looked)
    return "" if kind == "unknown" else kind


def other_ids(names: Sequence[str]) -> bool:
    """Return whether names look like ids of a species or kind without tables of ours (FBgn0000003,
    AT1G01010): many, distinct, of letters and digits, and not those of observations."""
    looked = [text_of(name) for name in some_of(names)]
    if len(looked) < _FEWEST_OTHER_IDS or len(set(looked)) < 0.9 * len(looked):
        return False
    if counts_rows(looked) or sum(
        bool(_OBSERVATION.fullmatch(name)) for name in looked
    ) > 0.2 * len(looked):
        return False
    return sum(bool(_OTHER_ID.fullmatch(name)) for name in looked) >= 0.8 * len(looked)


def without_genes(where: str, rows: Sequence[str], columns: Sequence[str]) -> InputError:
    """Make the refusal for a matrix neither of whose axes holds genes."""
    examples = " and ".join(
        f"{', '.join(map(str, names[:3]))}{', …' if len(names) > 3 else ''}"
        for names in (rows, columns)
    )
    return InputError(
        f"a matrix without genes: its axes are named {examples}",
        where,
        "neither its rows nor its columns are named by ids or symbols of genes",
        "name another file in the cell `matrix`; or give the counts as a table whose first column"
        " holds Ensembl ids or symbols (cell `source`) with a sample sheet (cell `samples`)",
    )


def oriented(values: Values) -> tuple[Values, bool]:
    """Turn a matrix whose observations are named like genes and whose genes are not; say whether it
    was turned."""
    if genes_on(values.observations, values.genes) != ROWS:
        return values, False
    return values.turned(), True
