"""The layout of a delimited table: which columns it has, and what its first rows say of them."""

import re
from dataclasses import dataclass
from functools import cached_property

_MOST_CELLS = 40_000
NUMBER = {
    ".": re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"),
    ",": re.compile(r"[-+]?(\d+,?\d*|,\d+)([eE][-+]?\d+)?"),
}
MISSING = (
    "",
    "NA",
    "N/A",
    "#N/A",
    "NaN",
    "nan",
    "null",
    "NULL",
    "None",
    "-",
    "--",
    "na",
    "n/a",
    "Inf",
    "-Inf",
    "inf",
    "-inf",
    "<NA>",
    "n.d.",
    "N.D.",
    "nd",
    "ND",
    "n.a.",
    "N.A.",
    ".",
    "?",
    "missing",
    "#VALUE!",
    "#DIV/0!",
    "#REF!",
    "#NAME?",
    "#NUM!",
    "#NULL!",
)
SYMBOL_COLUMN = re.compile(
    r"(external|hgnc|mgi|associated|official)?[ ._-]*(gene)?[ ._-]*(symbols?|names?|short["
    r" ._-]?name)|symbol.*|gene[ ._-]?name.*",
    re.IGNORECASE,
)
ID_COLUMN = re.compile(
    r"(ensembl|entrez|ncbi|refseq|unique)?["
    r" ._-]*(gene|geneid|feature|target|tracking|probe|transcript|row)?[ ._-]*(stable)?[ ._-]*"
    r"(ids?|identifiers?|names?|symbols?|accession)|gene|genes|geneid|ensembl|ensg|rownames?|unnamed.*|feature|probe(set)?|target|",
    re.IGNORECASE,
)
ANNOTATION_COLUMN = re.compile(
    r"chr(om|omosome)?([ ._-]*name)?|seq(name|id|names)|start(s|[ ._-]?position)?|end(s|["
    r" ._-]?position)?|strand|locus|position|band"
    r"|(gene|transcript|exon(ic)?)?[ ._-]*(length|size|width)([ ._-]?kb)?|eff(ective)?["
    r" ._-]?length|gc[ ._-]?(content|percent)?|coverage"
    r"|(gene[ ._-]?)?(bio)?type|(gene["
    r" ._-]?)?description|product|source|class(_code)?|nearest_ref_id|tss_id"
    r"|transcript[ ._-]?(ids?|count|length)?.*|entrez.*|.*gene[ ._-]?id"
    r"|(log2?)?[ ._-]?(fc|fold[ ._-]?change|cpm)|base[ ._-]?mean.*|lfcse|stat|p["
    r" ._-]?val(ue)?|(adj|fdr|padj|q)[ ._-]?.*val.*|padj|fdr",
    re.IGNORECASE,
)


class NoTable(Exception):
    """The content is not a delimited table; the text says why."""


@dataclass(frozen=True)
class Layout:
    """The layout of a delimited table.

    Attributes
    ----------
    delimiter, decimal, encoding
        Single characters; codec name.
    skipped
        Lines before the first data row: comments, preamble and the header.
    header
        One name per column; columns without a name are "".
    rows
        Cells of the first data rows.
    notes
        What was met on the way, in words.
    grouping
        The mark between groups of three digits, left out of `rows`; "" where there is none.
    above
        Rows above the numbers that are not the header: what they say of each column.
    """

    delimiter: str
    decimal: str
    encoding: str
    skipped: int
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    has_header: bool = True
    notes: tuple[str, ...] = ()
    grouping: str = ""
    above: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def numeric(self) -> list[int]:
        """Columns whose cells are numbers (or missing) in every row looked at, and a number in at
        least one."""
        pattern = NUMBER[self.decimal]
        columns = []
        looked_at = self.rows[
            : max(100, _MOST_CELLS // len(self.header))
        ]  # of a table of 500 samples fewer rows tell enough
        for column in range(len(self.header)):
            cells = [row[column].strip() for row in looked_at]
            given = [cell for cell in cells if cell not in MISSING]
            if given and all(pattern.fullmatch(cell) for cell in given):
                columns.append(column)
        return columns

    @cached_property
    def mostly_numeric(self) -> list[int]:
        """Columns of which at least half of the cells looked at are numbers, and some are not: a
        column of counts with a remark in it is still one of counts."""
        pattern = NUMBER[self.decimal]
        looked_at = self.rows[: max(100, _MOST_CELLS // len(self.header))]
        columns = []
        for column in sorted(set(range(len(self.header))) - set(self.numeric)):
            given = [
                cell for row in looked_at if (cell := row[column].strip()) and cell not in MISSING
            ]
            if given and 2 * sum(bool(pattern.fullmatch(cell)) for cell in given) >= len(given):
                columns.append(column)
        return columns

    @cached_property
    def empty(self) -> list[int]:
        """Columns with a name and without any value in the rows looked at."""
        return [
            column
            for column, name in enumerate(self.header)
            if name and all(row[column].strip() in MISSING for row in self.rows)
        ]

    def column(self, index: int) -> list[str]:
        """Return the cells of a column in the rows looked at."""
        return [row[index] for row in self.rows]

    @property
    def in_words(self) -> str:
        """Describe delimiter and decimal mark."""
        name = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "vertical bar", " ": "space"}[
            self.delimiter
        ]
        return name + ("" if self.decimal == "." else ", decimal comma")
