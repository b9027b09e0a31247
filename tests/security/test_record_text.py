"""Texts of a record are anybody's: they steer no terminal, no table and no page, and no sheet or
name of theirs is run."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epigpt import cli
from epigpt.config import dataset_row, dataset_table
from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.files import write_tsv
from epigpt.matrices.streams import Budget
from geo_series import Made, Sample, counts_of, table

HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "escape": "\x1b[2J\x1b]0;title\x07red",
    "c1": "a\x9b31mb",
    "direction": "a\u202egnp.exe",
    "separators": "a\u2028b\x0bc\x0cd\x85e",
    "template": "{{ 7*7 }}{% raw %}${HOME}$(touch here)`id`",
    "formula": '=HYPERLINK("http://evil")',
    "null": "a\x00b",
    "quote": "\"a\"'b'",
}
VISIBLE = ("\x1b", "\x9b", "\x07", "\u202e", "\u2028", "\x0b", "\x0c", "\x85", "\x00")


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    samples = [
        Sample(
            f"GSM{n}",
            f"mouse {n} {HOSTILE['escape']}",
            tuple(f"{key} {text}: {text} {'AB'[n % 2]}\tx" for key, text in HOSTILE.items()),
            lines={"description": HOSTILE["markup"], "source_name_ch1": HOSTILE["template"]},
        )
        for n in range(8)
    ]
    made = Made(
        "GSE1",
        samples,
        title="".join(HOSTILE.values()),
        summary=HOSTILE["markup"] + HOSTILE["escape"],
    )
    made.write(
        tmp_path / "mirror",
        {"GSE1_counts.txt.gz": table([one.accession for one in samples], counts_of(8))},
    )
    return tmp_path / "mirror"


def describe(mirror: Path, *arguments: str) -> int:
    return cli.main(["describe", "GSE1", "--base-url", mirror.as_uri(), *arguments])


def test_the_terminal_gets_no_control_characters(mirror, capsys):
    assert describe(mirror) == 0
    out = capsys.readouterr().out
    assert not [character for character in VISIBLE if character in out]
    assert all(character.isprintable() or character in "\n\t" for character in out)


def test_json_and_the_row_read_back(mirror, capsys, tmp_path):
    assert describe(mirror, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert not [
        character for character in VISIBLE if character in json.dumps(told, ensure_ascii=False)
    ]
    for row in told["rows"]:
        (tmp_path / "rows.tsv").write_text(
            "\t".join(dataset_row.COLUMNS) + "\n" + dataset_row.row_to_paste(Row(**row)) + "\n"
        )
        (found,) = dataset_table.read(tmp_path / "rows.tsv")
        assert found == Row(**row)


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_holds_no_element_of_theirs(mirror, tmp_path, capsys):
    assert describe(mirror, "--html", str(tmp_path / "page.html")) == 0
    page = (tmp_path / "page.html").read_text()
    tags = Tags(page).found
    assert {"script", "img", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in tags)
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7*7 }}" in page
    assert "49" not in page
    assert not [character for character in VISIBLE if character in page]
    assert "default-src 'none'" in page


@pytest.mark.slow
def test_tables_keep_their_columns(mirror, tmp_path):
    files = [path for path in sorted(mirror.rglob("GSE1*")) if path.is_file()]
    label = next(name for name in pd.Index(read_names(files)) if name.startswith("markup"))
    samples, adata, _ = read_dataset(Row("a", "GSE1", label=label), files, frozenset(), Budget(1e9))
    write_tsv(tmp_path / "samples.tsv", samples.rename_axis("sample").reset_index())
    written = (tmp_path / "samples.tsv").read_bytes().decode()
    assert {line.count("\t") for line in written.splitlines()} == {len(samples.columns)}
    assert len(written.splitlines()) == 9
    adata.write_h5ad(tmp_path / "counts.h5ad")
    assert np.asarray(adata.X.sum()).item() == counts_of(8).sum()


def read_names(files: list[Path]) -> list[str]:
    from epigpt.geo.records import read_record

    return list(read_record([path for path in files if "family" in path.name]).characteristics)


@pytest.mark.parametrize("expression", ["(a+)+$(b)", "(" * 60 + "a" + ")" * 60, "(?P<x>a)(?P=x)"])
def test_regular_expressions_of_a_row_are_only_that(mirror, expression):
    # A row is the user's own; whatever stands in it ends in values or in a refusal.
    files = [path for path in sorted(mirror.rglob("GSE1*")) if path.is_file()]
    from epigpt.errors import InputError

    with pytest.raises(InputError):
        read_dataset(Row("a", "GSE1", label=f"title~{expression}"), files, frozenset(), Budget(1e9))
