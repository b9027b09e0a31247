"""A description as text for a terminal."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

import pandas as pd

from epigpt.describe.description import Description
from epigpt.geo.record import clean
from epigpt.samples.classes import FEWEST_GROUPS
from epigpt.samples.label_rows import table_to_paste

_MOST_VALUES = 8
_MOST_SAMPLES = 10
_MOST_FILES = 40
_MOST_LABELS = 12


def size(number: int | None) -> str:
    """Write a number of bytes in the largest unit that fits; "?" where it is not known."""
    if number is None:
        return "?"
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if number >= 1000**power:
            return f"{number / 1000**power:.1f} {unit}"
    return f"{number} B"


def text(description: Description, width: int | None = None) -> str:
    """Return the description as plain text for a terminal of `width` columns."""
    columns = width or shutil.get_terminal_size((120, 40)).columns
    if width is None and not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        columns = 160
    return "\n".join(line.rstrip() for line in _lines(description, max(60, columns)))


def _lines(description: Description, width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        f"{description.source}  {clean(description.title)}", width, subsequent_indent="  "
    )
    yield from _table(
        [(f"  {name}", clean(value)) for name, value in description.facts.items()], width
    )
    for problem in description.problems:
        yield ""
        for line in f"NEEDS A DECISION: {problem}".splitlines():
            yield from textwrap.wrap(line, width, subsequent_indent=" " * 10)
    of_all = (
        f" of {len(description.samples)}" if description.kept < len(description.samples) else ""
    )
    yield from ("", f"CHARACTERISTICS of {description.kept}{of_all} samples")
    rows = []
    for name, values in description.characteristics.items():
        counts = list(values["values"].items())
        each = [f"{clean(value)} ({number})" for value, number in counts[:_MOST_VALUES]]
        each += [f"… {len(counts) - _MOST_VALUES} more"] if len(counts) > _MOST_VALUES else []
        each += [f"without a value ({values['missing']})"] if values["missing"] else []
        rows.append((f"  {name}", f"{len(counts)} values", ", ".join(each)))
    yield from _table(
        rows or [("  none: the condition may stand in title, source_name or description alone",)],
        width,
    )
    head = description.samples.head(_MOST_SAMPLES)
    yield from ("", f"SAMPLES (the first {len(head)} of {len(description.samples)})")
    yield from _table(
        [("  " + str(head.columns[0]), *map(str, head.columns[1:])), *_rows(head)], width
    )
    yield from _file_lines(description, width)
    yield from _label_lines(description, width)
    yield from ("", "ROW for datasets.tsv (tab-separated; the first that means what you mean)")
    yield table_to_paste(description.rows)
    for note in description.notes:
        yield from ("", *textwrap.wrap(f"Note: {note}", width))


def _rows(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    return [
        ("  " + str(cells[0]), *(clean(str(cell)) for cell in cells[1:]))
        for cells in frame.itertuples(index=False)
    ]


def _file_lines(description: Description, width: int) -> Iterator[str]:
    if not description.files:
        return
    yield from ("", f"FILES in the archive ({len(description.files)})")
    rows = []
    for file in description.files[:_MOST_FILES]:
        inside = (
            f"; holds {len(file.members)} files, such as {file.members[0]}" if file.members else ""
        )
        rows.append(
            (
                f"  {clean(file.name)}",
                size(file.bytes),
                "to download" if file.fetched else "left out",
                f"{file.reason}{clean(inside)}",
            )
        )
    yield from _table(rows, width)
    if len(description.files) > _MOST_FILES:
        yield f"  … {len(description.files) - _MOST_FILES} more"


def _label_lines(description: Description, width: int) -> Iterator[str]:
    donors = (
        "every sample counts as its own donor"
        if description.group == "sample"
        else f"donors by '{description.group}'"
    )
    heading = (
        f"POSSIBLE LABELS, in the order of `label: auto` ({donors}; * splits all samples into"
        f" classes of at least {FEWEST_GROUPS} donors)"
    )
    yield from ("", *textwrap.wrap(heading, width))
    for one in description.candidates[:_MOST_LABELS]:
        marked = "*" if one.splits else "-"
        yield from textwrap.wrap(
            f"{marked} {clean(one.in_words)}",
            width,
            initial_indent="  ",
            subsequent_indent="      ",
        )
    if not description.candidates:
        yield "  none: no characteristic has two values with two samples each"
    if description.confounding.empty:
        return
    best = description.candidates[0].label
    heading = (
        f"CONFOUNDING: '{best}' against the other characteristics (Cramér's V; the label FOLLOWS"
        " where each value has one class)"
    )
    yield from ("", *textwrap.wrap(heading, width))
    rows = []
    for name, part in description.confounding.groupby("characteristic", sort=False):
        follows = "FOLLOWS" if part["label_follows"].iloc[0] else ""
        each = [
            f"{clean(value) or 'no value'}: {counts}"
            for value, counts in zip(part["value"], part["counts"], strict=True)
        ]
        more = f" … {len(each) - _MOST_VALUES} more" if len(each) > _MOST_VALUES else ""
        rows.append(
            (
                f"  {name}",
                f"{part['cramers_v'].iloc[0]:.2f}",
                follows,
                " | ".join(each[:_MOST_VALUES]) + more,
            )
        )
    yield from _table(rows, width)


def _table(rows: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    """Align columns; the last one is wrapped, others are cut at a third of the width, and columns
    that do not fit are left out."""
    widest = [
        min(max(len(row[place]) for row in rows), width // 3)
        for place in range(max(map(len, rows), default=0))
    ]
    fitting = 1
    while (
        fitting < len(widest)
        and sum(widest[:fitting]) + 2 * fitting + min(widest[fitting], 30) <= width
    ):
        fitting += 1
    for row in rows:
        cells = [
            cell if len(cell) <= room else cell[: room - 1] + "…"
            for cell, room in zip(row[: fitting - 1], widest, strict=False)
        ]
        lead = "".join(f"{cell:<{room}}  " for cell, room in zip(cells, widest, strict=False))
        last = row[fitting - 1] if len(row) >= fitting else ""
        wrapped = textwrap.wrap(last, max(20, width - len(lead)), drop_whitespace=True) or [""]
        # Only the last column of the table itself may take several lines; a column that became last
        # by lack of room is cut.
        visible = wrapped if fitting == len(widest) else wrapped[:1]
        yield lead + (visible[0] if not last.startswith("  ") else last)
        yield from (" " * len(lead) + line for line in visible[1:])
