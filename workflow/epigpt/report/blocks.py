"""What a section consists of: a small set of blocks, each drawn by one macro of the templates."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from markupsafe import Markup

from epigpt.report import wording


@dataclass(frozen=True)
class Prose:
    """A paragraph; `strong` marks one that must not be overlooked."""

    text: str
    strong: bool = False
    kind: str = "prose"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section, with the sentence that says what to see."""

    text: str
    told: str = ""
    kind: str = "heading"


@dataclass(frozen=True)
class Facts:
    """Terms and what is known of them."""

    items: list[tuple[str, str]]
    kind: str = "facts"


@dataclass(frozen=True)
class Cell:
    """One cell: what is shown, the exact value that sorting and the downloaded table use, where it
    leads, and a smaller second line.

    `packed` is the folder of the link's target inside Snakemake's own report.
    """

    shown: str
    value: str
    tone: str = ""
    link: str = ""
    detail: str = ""
    packed: str = ""


@dataclass(frozen=True)
class Table:
    """A table that can be sorted, searched and downloaded.

    `numeric` names the right-aligned columns; a table of more than `folded` rows shows that many
    until it is unfolded.
    """

    id: str
    caption: str
    columns: list[str]
    rows: list[list[Cell]]
    numeric: list[bool]
    note: str = ""
    folded: int = 25
    search: bool = False
    kind: str = "table"

    @property
    def small(self) -> bool:
        """Return whether the table would only be torn apart by the whole width of the page."""
        return (
            len(self.columns) < 5
            and not self.search
            and max((len(cell.shown) for row in self.rows for cell in row), default=0) < 40
        )


@dataclass(frozen=True)
class ReportFigure:
    """A drawn figure, already saved, to be shown in the page."""

    name: str
    svg: Markup
    alt: str
    caption: str
    wide: bool = True
    print_only: bool = False
    saved: bool = True
    kind: str = "plate"


@dataclass(frozen=True)
class Scatter:
    """Observations in two dimensions that the reader colours; `fallback` is what paper and
    script-less readers see."""

    id: str
    label: str
    content: dict[str, Any]
    fallback: ReportFigure
    caption: str
    kind: str = "scatter"


@dataclass(frozen=True)
class Explorer:
    """Volcano plot and the values of one gene, sample by sample.

    Both are drawn by the page's script, the volcano from the gene table `genes`; `fallback` is what
    paper and script-less readers see.
    """

    id: str
    genes: str
    content: dict[str, Any]
    fallback: list[ReportFigure]
    note: str = ""
    kind: str = "explorer"


@dataclass(frozen=True)
class GeneTable:
    """A long table that the page's script pages through, `size` rows at a time: columns of plain
    values, sent as JSON."""

    id: str
    caption: str
    columns: list[str]
    numeric: list[bool]
    content: dict[str, Any]
    first: list[list[Cell]]
    note: str = ""
    size: int = 20
    kind: str = "genetable"


@dataclass(frozen=True)
class Collapsible:
    """Blocks behind a heading that opens; `printed` opens it on paper."""

    summary: str
    blocks: list[Any]
    printed: bool = False
    kind: str = "fold"


@dataclass(frozen=True)
class Preformatted:
    """Text to copy as it stands, tabs and line ends included."""

    text: str
    kind: str = "preformatted"


@dataclass(frozen=True)
class Pair:
    """Blocks side by side where there is room."""

    blocks: list[Any]
    kind: str = "pair"


@dataclass(frozen=True)
class Section:
    """A part of the page: its heading, the sentence that says what to see, and its blocks or the
    reason why there are none; `folded` puts it behind its heading, in the appendix."""

    id: str
    title: str
    sentence: str
    blocks: list[Any] = field(default_factory=list)
    missing: str = ""
    folded: bool = False


def table(
    frame: pd.DataFrame, name: str, caption: str, digits: int = 3, most: int = 160, **more: Any
) -> Table:
    """Turn a frame into a table block: number columns right-aligned and rounded for the eye, long
    texts cut to `most` characters."""
    numeric = [
        pd.api.types.is_numeric_dtype(frame[column])
        and not pd.api.types.is_bool_dtype(frame[column])
        for column in frame.columns
    ]
    rows = [
        [
            cell(value, digits if is_number else 0, most)
            for value, is_number in zip(row, numeric, strict=True)
        ]
        for row in frame.itertuples(index=False, name=None)
    ]
    return Table(
        id=name,
        caption=caption,
        columns=[str(column) for column in frame.columns],
        rows=rows,
        numeric=numeric,
        **more,
    )


def cell(value: Any, digits: int = 3, most: int = 160, tone: str = "") -> Cell:
    """Make one cell; a value that is a text is shown as it is, cut where it is long."""
    if isinstance(value, Cell):
        return value
    if isinstance(value, str) or value is None:
        text = value or ""
        return Cell(wording.short(text, most), wording.short(text, 2000), tone)
    if pd.isna(value):
        return Cell("–", "", tone)
    if isinstance(value, bool):
        return Cell("yes" if value else "no", "true" if value else "false", tone)
    return Cell(wording.number(float(value), digits or 3), f"{float(value):.6g}", tone)
