"""How a result file is described: its columns, their types, units and meaning."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

Kind = Literal["text", "number", "integer", "boolean"]


@dataclass(frozen=True)
class Column:
    """A column of a result table.

    Attributes
    ----------
    name
        As in the header.
    kind
        text, number, integer or boolean. What is not available is an empty cell.
    meaning
        What it says, with its unit where it has one.
    """

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True)
class ResultFile:
    """A file or folder under results/{dataset}/.

    Attributes
    ----------
    name
        Path within the data set's folder.
    content
        What is in it, in one line.
    rows
        What a row stands for; empty for anything but a table.
    columns
        In the order of the file.
    open_ended
        Further columns may follow, such as the characteristics of samples.tsv.
    """

    name: str
    content: str
    rows: str = ""
    columns: tuple[Column, ...] = ()
    open_ended: bool = False

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    @property
    def numbers(self) -> set[str]:
        """The names of the columns that hold numbers."""
        return {column.name for column in self.columns if column.kind in ("number", "integer")}


def columns(text: str) -> tuple[Column, ...]:
    """Return the columns that a text lists, one a line: name, type, meaning; a line of names alone
    takes those of `COMMON`."""
    read: list[Column] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, *rest = line.split(maxsplit=2)
        if len(rest) == 2 and rest[0] in get_args(Kind):
            read.append(Column(name, cast(Kind, rest[0]), rest[1]))
        else:
            read += [COMMON[common] for common in line.split()]
    return tuple(read)


COMMON: dict[str, Column] = {}
COMMON |= {
    column.name: column
    for column in columns("""
    sample            text     id of the sample
    group             text     donor, litter or other unit of inference
    label             text     class of the sample
    model             text     id as in `baselines` and `comparisons`; `finetuned` is GPT-2
    preset            text     model preset of GPT-2 and its variants
    repeat            integer  drawing of the folds, from 0
    fold              integer  fold, from 0, in which the sample is tested
    gene              text     canonical gene id
    symbol            text     gene symbol
    contrast          text     `case vs control`
    log2_fold_change  number   log2 units; positive: higher in the case
    p                 number   p of the test
    padj              number   p adjusted after Benjamini and Hochberg
    low               number   lower limit of the 95 % interval
    high              number   upper limit of the 95 % interval
    metric            text     auc, average_precision, f1, balanced_accuracy, mcc or brier
    set               text     name of the set
    n_samples         integer  samples
    n_groups          integer  groups
    """)
}
