"""`epigpt describe`: the record as text, JSON and a web page; what it needs to be told; the row
that it offers."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from described_series import pasted
from epigpt import cli
from epigpt.describe import text_page
from epigpt.describe.series_description import describe_series
from geo_series import Made, Sample, counts_of, table


@pytest.fixture
def series(tmp_path: Path) -> Made:
    """A series of two conditions, two batches that follow them, and a repeated donor."""
    samples = [
        Sample(
            f"GSM{n}",
            f"rat {n // 2} {'left' if n % 2 else 'right'}",
            (
                f"treatment: {'kainate' if n >= 6 else 'saline'}",
                f"batch: {n // 6}",
                f"animal: r{n // 2}",
                f"sex: {'MF'[n % 4 // 2]}",
            ),
            organism="Rattus norvegicus",
        )
        for n in range(12)
    ]
    made = Made(
        "GSE4321", samples, title="Seizures & co", platforms={"GPL1": "high-throughput sequencing"}
    )
    made.write(
        tmp_path / "mirror",
        {"GSE4321_counts.csv.gz": table([one.accession for one in samples], counts_of(12), ",")},
    )
    return made


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are wrapped alike wherever the tests run."""
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], series: Made
) -> Callable[..., tuple[int, str, str]]:
    """Run the command against the mirror and give status, output and errors."""

    def run(*arguments: str, mirror: bool = True) -> tuple[int, str, str]:
        base = ["--base-url", (tmp_path / "mirror").as_uri()] if mirror else []
        status = cli.main(["describe", *arguments, *base])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_text_tells_files_characteristics_labels_confounding_and_a_row(say, tmp_path):
    status, out, err = say("gse4321")
    assert (status, err) == (0, "")
    assert out.startswith("GSE4321  Seizures & co\n")
    assert re.search(r"treatment +2 values +kainate \(6\), saline \(6\)", out)
    assert re.search(r"GSE4321_counts.csv.gz +\S+ kB|B +to download +may hold a matrix", out)
    assert "donors by 'animal'" in out
    assert "* treatment: kainate 6 of 3 donors, saline 6 of 3 donors" in out
    assert "(same split as treatment)" in out
    assert re.search(r"batch +1.00 +FOLLOWS +0: kainate 0, saline 6 \| 1: kainate 6, saline 0", out)
    row = pasted(out, tmp_path)[0]
    assert (row.organism, row.label, row.case, row.control, row.group) == (
        "rat",
        "treatment",
        "kainate",
        "saline",
        "animal",
    )


def test_json_holds_every_sample_and_what_auto_could_take(say):
    status, out, _ = say("GSE4321", "--json", "--group", "sample")
    told = json.loads(out)
    assert status == 0
    assert len(told["samples"]) == told["kept"] == 12
    assert told["samples"][0] == {
        "sample": "GSM0",
        "title": "rat 0 right",
        "animal": "r0",
        "batch": "0",
        "sex": "M",
        "treatment": "saline",
    }
    # What `label: auto` takes comes first; the batch last, though it splits as well.
    assert [(one["column"], one["auto"]) for one in told["candidates"]] == [
        ("treatment", True),
        ("title~(right|left)", False),
        ("sex", False),
        ("batch", False),
        ("animal", False),
    ]
    assert told["confounding"][0]["label_follows"] is True
    assert told["files"][0]["name"] == "GSE4321_counts.csv.gz"


def test_a_filter_and_a_label_are_looked_at(say):
    told = json.loads(
        say(
            "GSE4321",
            "--json",
            "--label",
            "title~(left|right)",
            "--include",
            "sex=F;treatment!=saline",
        )[1]
    )
    assert told["kept"] == 4
    assert told["candidates"][0]["samples"] == {"left": 2, "right": 2}
    assert told["rows"][0]["include"] == "sex=F;treatment!=saline"
    status, out, err = say("GSE4321", "--include", "sex=X")
    assert (status, out) == (1, "")
    assert "'sex' has no value 'X'; it has 'F', 'M'" in err
    assert "Traceback" not in err
    assert "it is not a condition" in say("GSE4321", "--include", "sex")[2]
    assert "did you mean 'treatment'" in say("GSE4321", "--label", "tretment")[2]


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [value for name, value in attrs if name in ("src", "href") and value != "data:,"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_self_contained_and_complete(say, tmp_path):
    status, _, err = say("GSE4321", "--html", str(tmp_path / "out" / "page.html"))
    assert status == 0
    assert "written:" in err
    page = Page((tmp_path / "out" / "page.html").read_text())
    assert "script" not in page.tags
    for part in (
        "Seizures & co",
        "GSM11",
        "kainate",
        "FOLLOWS" if "FOLLOWS" in page.text else "label follows",
        "GSE4321_counts.csv.gz",
    ):
        assert part in page.text
    assert pasted(page.text, tmp_path)[0].label == "treatment"


def test_the_mirror_of_a_config_file_counts_from_its_folder(say, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "datasets: nowhere.tsv\ngeo:\n  base_url: file://./mirror\n"
    )
    status, out, _ = say("GSE4321", "--configfile", str(tmp_path / "mine.yaml"), mirror=False)
    assert status == 0
    assert "GSE4321" in out
    (tmp_path / "mine.yaml").write_text("geo:\n  base: x\n")
    status, _, err = say("GSE4321", "--configfile", str(tmp_path / "mine.yaml"), mirror=False)
    assert status == 1
    assert "geo.base" in err


def test_a_local_sheet(say, tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "id,diet,mouse\n"
        + "".join(f"s{n},{'keto' if n % 2 else 'control'},m{n // 2}\n" for n in range(12))
    )
    status, out, _ = say(str(sheet), mirror=False)
    assert status == 0
    assert "* diet: control 6, keto 6" in out
    assert f"my_data\tCOUNTS_TABLE\t{sheet}\t\tauto\tauto\tauto\tdiet\tketo\tcontrol\tmouse" in out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("GSE999", "no such series on this server: GSE999"),
        ("GSM12", "it names a sample, not a series"),
        ("GSE12345678", "one to seven digits"),
        ("nowhere.tsv", "a series has another form"),
        ("../nowhere/passwd", "a series has another form"),
    ],
)
def test_what_is_not_there_is_one_message(say, given, told):
    status, out, err = say(given)
    assert (status, out) == (1, "")
    assert told in err
    assert err.count("remedy:") == 1
    assert "Traceback" not in err


def test_an_open_choice_is_named_and_the_row_makes_one(say, series, tmp_path):
    human = [
        Sample(
            f"GSM{100 + n}",
            f"patient {n}",
            (f"treatment: {'drug' if n % 2 else 'placebo'}",),
            organism="Homo sapiens",
        )
        for n in range(8)
    ]
    far = [replace(one, accession=f"GSM{200 + n}", platform="GPL2") for n, one in enumerate(human)]
    Made("GSE5", [*series.samples, *human, *far[:3]]).write(tmp_path / "mirror")
    status, out, _ = say("GSE5")
    assert status == 0
    assert (
        "NEEDS A DECISION: samples of 2 organisms: Homo sapiens (11), Rattus norvegicus (12)" in out
    )
    assert "CHARACTERISTICS of 12 of 23 samples" in out
    assert pasted(out, tmp_path)[0].organism == "rat"
    out = say("GSE5", "--include", "organism=Homo sapiens")[1]
    assert "NEEDS A DECISION: samples of 2 platforms: GPL1 (8), GPL2 (3)" in out
    row = pasted(out, tmp_path)[0]
    assert (row.include, row.case, row.control) == (
        "organism=Homo sapiens;platform=GPL1",
        "drug",
        "placebo",
    )


def test_another_kind_of_series_is_said_to_be_one(say, series, tmp_path):
    samples = [
        replace(one, strategy="Bisulfite-Seq", lines={"molecule_ch1": "genomic DNA"})
        for one in series.samples
    ]
    Made("GSE6", samples, "Methylation profiling by high throughput sequencing").write(
        tmp_path / "mirror"
    )
    status, out, _ = say("GSE6")
    assert status == 0
    assert (
        "NEEDS A DECISION: a series of another kind: Methylation profiling by high throughput"
        " sequencing; Bisulfite-Seq" in out
    )


def test_super_series_are_described_together(say, series, tmp_path):
    mirror = tmp_path / "mirror"
    Made("GSE7", series.samples[:8]).write(mirror)
    Made("GSE8", series.samples[4:]).write(mirror, {"GSE8_counts.txt.gz": "x"})
    Made(
        "GSE9", [], lines=["relation = SuperSeries of: GSE7", "relation = SuperSeries of: GSE8"]
    ).write(mirror)
    out = say("GSE9")[1]
    assert re.search(r"parts +GSE7, GSE8", out)
    assert re.search(r"samples +12$", out, re.MULTILINE)
    assert "4 samples belong to several of these series and count once." in out
    assert "GSE8_counts.txt.gz" in out


@pytest.mark.parametrize("width", [60, 100, 200])
def test_lines_keep_to_the_width(say, series, tmp_path, width):
    shown = describe_series("GSE4321", (tmp_path / "mirror").as_uri(), logging.getLogger("test"))
    told = text_page.text(shown, width)
    table_lines = [
        line for line in told.splitlines() if "\t" not in line and not line.startswith("ROW")
    ]
    assert max(map(len, table_lines)) <= width
