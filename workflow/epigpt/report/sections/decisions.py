"""What the reading of the data decided or doubts, for the page's first lines, with the rows that
decide otherwise."""

from typing import Any

from epigpt.report import blocks, wording
from epigpt.report.results import Results

_ORDER = ("label", "group", "columns")
_LONGEST = 1500


def decisions(results: Results) -> list[Any]:
    """Return a notice for each warning of reading.json: label, group, then columns; below it the
    rows of the data set table to paste, where it has some."""
    label = results.reading.get("label") or {}
    header = str(label.get("header") or "") if isinstance(label, dict) else ""
    warnings = [one for one in results.reading.get("warnings") or [] if isinstance(one, dict)]
    content: list[Any] = []
    for warning in sorted(warnings, key=_place):
        text = wording.short(str(warning.get("text") or ""), _LONGEST)
        content.append(blocks.Prose(text, strong=True))
        rows = [str(row) for row in warning.get("rows") or []]
        if rows:
            content.append(
                blocks.Collapsible(
                    f"{wording.count(len(rows), 'row')} to paste into the table of data sets",
                    [blocks.Preformatted("\n".join(filter(None, [header, *rows])))],
                )
            )
    return content


def _place(warning: dict[str, Any]) -> int:
    about = str(warning.get("about") or "")
    return _ORDER.index(about) if about in _ORDER else len(_ORDER)
