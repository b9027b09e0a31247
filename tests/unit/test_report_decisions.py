"""What the reading decided stands in the page's first section, with rows that can be copied."""

import html
import re
from types import SimpleNamespace

from epigpt.report.frame import environment
from epigpt.report.sections.decisions import decisions

HEADER = "dataset\tsource\tlabel"
WARNINGS = [
    {"about": "columns", "text": "2 of 10 samples are not in the matrix.", "rows": []},
    {"about": "group", "text": "'animal' names donors.", "rows": []},
    {
        "about": "label",
        "text": "It takes <b>diet</b>.",
        "rows": ["a\tGSE1\tgenotype", "a\tGSE1\ttitle~(</pre><script>|WT)"],
    },
]


def shown(reading: dict) -> str:
    draw = environment().get_template("blocks.html.j2").module.draw
    return "".join(str(draw(block)) for block in decisions(SimpleNamespace(reading=reading)))


def test_the_label_comes_first_and_its_rows_can_be_pasted():
    page = shown({"label": {"header": HEADER}, "warnings": WARNINGS})
    places = [page.index(text) for text in ("It takes", "names donors", "not in the matrix")]
    assert places == sorted(places)
    (copied,) = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert html.unescape(copied).splitlines() == [HEADER, *WARNINGS[2]["rows"]]
    assert "2 rows to paste" in page
    assert "<b>" not in page
    assert "<script>" not in page


def test_nothing_is_said_where_nothing_was_decided():
    for reading in ({}, {"warnings": []}, {"label": None, "warnings": None}):
        assert shown(reading) == ""
