"""How a delimited table is laid out, read from its first rows: delimiter, decimal mark, header,
what each column holds."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from epigpt.matrices import digit_grouping
from epigpt.matrices.csv_layout import ID_COLUMN, MISSING, NUMBER, Layout, NoTable
from epigpt.matrices.header_rows import read_header_rows
from epigpt.matrices.text_streams import wide_encoding

_PACKED = {b"Rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7z", b"\x28\xb5\x2f\xfd": "zstd"}
_DELIMITERS = ("\t", ",", ";", "|", " ")


def decode(head: bytes) -> tuple[str, str]:
    """Return text and codec of a table's first bytes; NoTable when they are not text."""
    if encoding := wide_encoding(head):
        return head.decode(encoding, errors="ignore"), encoding
    if packer := next((name for magic, name in _PACKED.items() if head.startswith(magic)), ""):
        raise NoTable(f"it is a {packer} archive, which is not unpacked here; unpack it yourself")
    if b"\0" in head[:4096]:
        raise NoTable("it is binary, no text")
    try:
        return head.removeprefix(b"\xef\xbb\xbf").decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if (
            error.start > len(head) - 4 and error.end >= len(head) - 1
        ):  # a character cut at the end of the piece
            return head[: error.start].removeprefix(b"\xef\xbb\xbf").decode("utf-8"), "utf-8"
        return head.decode("latin-1"), "latin-1"


def read_layout(head: bytes, complete: bool) -> Layout:
    """Read the layout from the first bytes of a table.

    Parameters
    ----------
    head
        The first bytes, unpacked.
    complete
        Whether they are the whole table; else the last line may be cut and is not looked at.

    Raises
    ------
    NoTable
        The bytes are not a table of at least two columns and one row.
    """
    text, encoding = decode(head)
    lines = text.split("\n")
    if not complete:
        lines = lines[:-1]
    lines = [line.rstrip("\r") for line in lines[:400]]
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise NoTable(
            "it is empty" if complete else "its first line is longer than what is looked at"
        )
    if re.match(r"\s*<(!doctype|html|\?xml)", lines[0], re.IGNORECASE):
        raise NoTable("it is a web page")
    if lines[0].startswith("%%MatrixMarket"):
        raise NoTable("it is a sparse matrix without row and column names beside it")
    delimiter, decimal = _delimiter(lines)
    return _ungrouped(_layout(lines, delimiter, decimal, encoding))


def _ungrouped(layout: Layout) -> Layout:
    """Read numbers with thousands set apart as what they are."""
    mark = digit_grouping.mark_of(layout.rows, MISSING)
    if not mark:
        return layout
    rows = tuple(
        tuple(digit_grouping.without_mark(cell, mark) for cell in row) for row in layout.rows
    )
    note = f"'{mark}' between groups of three digits left out"
    return replace(layout, decimal=".", rows=rows, grouping=mark, notes=(*layout.notes, note))


def split_line(line: str, delimiter: str) -> list[str]:
    """Split one line into cells; quotes protect delimiters."""
    if delimiter == " ":
        line = line.strip()
    elif '"' not in line:
        return line.split(delimiter)
    # The csv module refuses cells of more than 131,072 characters, which the whole line is while
    # another delimiter is tried on it.
    # The limit is the whole process's: other readers rely on it, so it is put back.
    before = csv.field_size_limit(len(line) + 1)
    try:
        return next(
            csv.reader([line], delimiter=delimiter, skipinitialspace=delimiter == " "), [""]
        )
    finally:
        csv.field_size_limit(before)


def _delimiter(lines: Sequence[str]) -> tuple[str, str]:
    """Choose the delimiter under which most lines have the same number of cells and most cells but
    the first are numbers."""
    looked = [line for line in lines if line.strip() and not line.startswith("#")][:60] or lines[
        :60
    ]
    best: tuple[float, int, str, str] | None = None
    by_tabs = all("\t" in line for line in looked)
    for rank, delimiter in enumerate(_DELIMITERS):
        if delimiter == " " and by_tabs:  # 12 345 is one number with its thousands set apart
            continue
        rows = [split_line(line, delimiter) for line in looked]
        (width, frequency), *_ = Counter(len(row) for row in rows).most_common(1)
        if width < 2:
            continue
        body = [row for row in rows if len(row) == width][-40:]
        for decimal in (".", ",") if delimiter != "," else (".",):
            cells = [cell.strip() for row in body for cell in row[1:400]]
            numbers = sum(
                cell in MISSING or bool(NUMBER[decimal].fullmatch(cell)) for cell in cells
            ) / len(cells)
            if delimiter == "," and sum(";" in row[0] for row in body) > 0.9 * len(body):
                numbers = 0.0  # g;1,5 is one number with a decimal comma, not two cells
            score = (round(numbers * frequency / len(rows), 3), -rank, delimiter, decimal)
            if best is None or score[:1] > best[:1]:
                best = score
    if best is None:
        raise NoTable("no delimiter gives it two columns")
    return best[2], best[3]


def _layout(lines: Sequence[str], delimiter: str, decimal: str, encoding: str) -> Layout:
    cells = [split_line(line, delimiter) for line in lines]
    widths = Counter(
        len(row)
        for row, line in zip(cells, lines, strict=True)
        if line.strip() and not line.startswith(("#", "!"))
    )
    if not widths:
        raise NoTable("it holds comments only")
    # Of lines of one cell there is nothing to read, however many there are; they are counted when
    # the table is.
    wide = {count: number for count, number in widths.items() if count > 1} or widths
    width = max(wide, key=lambda count: (wide[count], count))
    # A delimiter behind the last name makes no column.
    cells = [row[:-1] if len(row) == width + 1 and not row[-1].strip() else row for row in cells]
    start = next(
        index
        for index, row in enumerate(cells)
        if len(row) in (width, width - 1) and not _comment(lines, cells, index, width)
    )
    notes = [f"{start} line{'s' if start > 1 else ''} before the header left out"] if start else []
    several = read_header_rows(
        cells[start:],
        width,
        lambda cell: bool(NUMBER[decimal].fullmatch(cell.strip().strip("\"'"))),
    )
    if several is not None:
        first_data = _after_rows(cells, start, width, several.rows)
        rows = [tuple(row) for row in cells[first_data:] if len(row) == width]
        notes.append(several.note)
        return Layout(
            delimiter,
            decimal,
            encoding,
            first_data,
            several.names,
            tuple(rows),
            True,
            tuple(notes),
            above=several.others,
        )
    first = [cell.strip().strip("\"'") for cell in cells[start]]
    data_width = len(cells[start + 1]) if start + 1 < len(cells) else len(first)
    body = [tuple(row) for row in cells[start + 1 :] if len(row) == width]
    if len(first) == width - 1 and data_width == width:
        return Layout(
            delimiter,
            decimal,
            encoding,
            start + 1,
            ("", *first),
            tuple(body),
            True,
            (*notes, "the header lacks a name for the first column"),
        )
    if _is_data(first, body, decimal):
        rows = [tuple(cells[start]), *body]
        return Layout(
            delimiter,
            decimal,
            encoding,
            start,
            ("",) * width,
            tuple(rows),
            False,
            (*notes, "no header"),
        )
    if not body:
        raise NoTable("it has a header and no rows")
    return Layout(
        delimiter, decimal, encoding, start + 1, tuple(first), tuple(body), True, tuple(notes)
    )


def _after_rows(cells: Sequence[Sequence[str]], start: int, width: int, count: int) -> int:
    """Return the position of the line after `count` rows of the table."""
    taken = 0
    for index in range(start, len(cells)):
        if taken == count:
            return index
        taken += len(cells[index]) in (width, width - 1)
    return len(cells)


def _comment(lines: Sequence[str], cells: Sequence[Sequence[str]], index: int, width: int) -> bool:
    """Tell a comment line from a header that begins with #: featureCounts writes the command it was
    run with."""
    if not lines[index].strip() or (
        width > 2 and sum(bool(cell.strip()) for cell in cells[index]) <= 1
    ):
        return True  # spreadsheets fill the line of a title with empty cells
    if not lines[index].startswith(("#", "!")):
        return False
    following = next(
        (position for position in range(index + 1, len(lines)) if lines[position].strip()), None
    )
    if following is None or lines[index].startswith(("# ", "!", "##", "#1.")):
        return True
    return len(cells[index]) != width or lines[following].startswith("#")


def _is_data(first: Sequence[str], body: Sequence[Sequence[str]], decimal: str) -> bool:
    """Return whether the first row is data: its cells but the first are numbers that do not name
    columns 1, 2, 3 …"""
    numbers = [bool(NUMBER[decimal].fullmatch(cell)) for cell in first[1:]]
    if not all(numbers) or not first[0] or ID_COLUMN.fullmatch(first[0]):
        return False
    return not (
        len(first) > 3
        and len(set(first[1:])) == len(first) - 1
        and all(cell.isdigit() for cell in first[1:])
        and not body
    )
