"""The page as text: sections, escaping, determinism, size."""

import html
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import report_results as make
from epigpt.interpretation.domain import about_epilepsy
from epigpt.report import gene_values, page, wording
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.results import Results
from epigpt.report.sections import design, markers
from epigpt.samples.donors import donor_word


class Outline(HTMLParser):
    """Collects what a test asks of a page: ids, tags, attributes, section order, texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside.append(tag)

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside[-1] not in ("script", "style"):
            self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def build(folder: Path, **how: object) -> str:
    make.write(folder, **how)
    return text_of(folder)


def text_of(folder: Path) -> str:
    """The page of a folder; of its figures only what the page holds, which takes half the time."""
    return page.render(Results(folder), FigureWriter(folder / "figures", also=()))


def only(monkeypatch: pytest.MonkeyPatch, section: ModuleType) -> None:
    """Have pages show one section alone; the verdict stands in their head all the same."""
    monkeypatch.setattr(
        page,
        "_sections",
        lambda results, plates, *_: [
            section.section(*(results, plates)[: section.section.__code__.co_argcount])
        ],
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "two"
    make.write(folder, attributions=True)
    (folder / "report.html").write_text(text_of(folder), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with every file of its figures."""
    folder = tmp_path_factory.mktemp("report") / "two"
    make.write(folder, attributions=True)
    page.write(folder, folder / "report.html", folder / "figures")
    return folder


def test_the_first_sentence_is_the_verdict(two: Path) -> None:
    text = (two / "report.html").read_text(encoding="utf-8")
    main = text[text.index("<main") :]
    first = re.search(r"<p[^>]*>([^<]+)</p>", main)
    assert first is not None
    sentence = json.loads((two / "verdict.json").read_text(encoding="utf-8"))["sentence"]
    assert html.unescape(first[1]) == sentence


def test_what_attributions_leave_unaccounted_for_is_said(two: Path) -> None:
    assert "44 % of what a sample" in (two / "report.html").read_text(encoding="utf-8")


def test_sections_stand_in_their_order_each_with_a_sentence(two: Path) -> None:
    text = (two / "report.html").read_text(encoding="utf-8")
    assert [tag["id"] for tag in Outline(text).named("section")] == make.SECTIONS
    for part in text.split("<section ")[1:]:
        see = re.search(r'<(?:p|span) class="see"[^>]*>([^<]+)</', part)
        assert see is not None
        assert see[1].strip()
    assert "Nothing to show" not in text


@pytest.mark.slow
def test_every_figure_lies_beside_the_page_four_times(whole: Path) -> None:
    shown = set(
        re.findall(r'id="figure-([a-z_0-9]+)"', (whole / "report.html").read_text(encoding="utf-8"))
    )
    assert {
        "quality",
        "embedding",
        "heatmap",
        "contrast_1",
        "forest_auc",
        "curves",
        "training",
        "markers",
        "attributions",
    } <= shown
    for name in shown:
        for suffix in ("svg", "png", "pdf", "tsv"):
            assert (whole / "figures" / f"{name}.{suffix}").stat().st_size > 50, name


def test_the_page_names_nothing_outside_itself(two: Path) -> None:
    outline = Outline((two / "report.html").read_text(encoding="utf-8"))
    for _, attributes in outline.tags:
        for key in ("src", "href", "xlink:href", "action", "srcset", "data"):
            value = attributes.get(key)
            assert value is None or value.startswith(("#", "data:")), value
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    page.write(whole, tmp_path / "again.html", tmp_path / "figures")
    assert (tmp_path / "again.html").read_bytes() == (whole / "report.html").read_bytes()
    for figure in sorted((whole / "figures").iterdir()):
        assert (tmp_path / "figures" / figure.name).read_bytes() == figure.read_bytes(), figure.name


@pytest.mark.slow
def test_time_and_machine_change_one_line_only(whole: Path, tmp_path: Path) -> None:
    provenance = json.loads((whole / "provenance.json").read_text(encoding="utf-8"))
    before = (whole / "report.html").read_text(encoding="utf-8").splitlines()
    try:
        other = {
            **provenance,
            "created": "2031-05-06T07:08:09+00:00",
            "machine": {"system": "another", "cores": 64},
        }
        (whole / "provenance.json").write_text(json.dumps(other), encoding="utf-8")
        page.write(whole, tmp_path / "other.html", tmp_path / "figures")
    finally:
        (whole / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    after = (tmp_path / "other.html").read_text(encoding="utf-8").splitlines()
    changed = [
        at for at, (left, right) in enumerate(zip(before, after, strict=True)) if left != right
    ]
    assert len(changed) == 1
    assert "2031-05-06" in after[changed[0]]


@pytest.mark.slow
def test_a_series_that_is_not_assessable_is_described_in_full(tmp_path: Path) -> None:
    text = build(tmp_path / "few", assessable=False, samples=6)
    assert [tag["id"] for tag in Outline(text).named("section")] == make.SECTIONS
    first = html.unescape(text[text.index("<main") : text.index('id="data"')])
    assert "class 'epilepsy' has 2 groups" in first
    for name in (
        "quality",
        "embedding",
        "heatmap",
        "contrast_1",
        "top_genes",
        "pathways",
        "markers",
    ):
        assert f'id="figure-{name}"' in text
    for name in ("models", "attributions", "training"):
        part = text[text.index(f'<section id="{name}"') :]
        assert "Nothing to show" in part[: part.index("</section>")]


@pytest.mark.slow
def test_three_classes(tmp_path: Path) -> None:
    text = build(tmp_path / "three", classes=("a", "b", "c"), samples=18)
    assert 'id="figure-contrast_3"' in text
    assert "Several classes" in text


def test_an_empty_folder_still_gives_every_section(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    text = text_of(tmp_path / "nothing")
    assert [tag["id"] for tag in Outline(text).named("section")] == make.SECTIONS
    assert text.count("Nothing to show") >= len(make.SECTIONS) - 2


@pytest.mark.slow
def test_simulated_data_are_called_so_at_the_top(tmp_path: Path) -> None:
    make.write(tmp_path / "made")
    reading = json.loads((tmp_path / "made" / "reading.json").read_text(encoding="utf-8"))
    (tmp_path / "made" / "reading.json").write_text(
        json.dumps({**reading, "simulated": True}), encoding="utf-8"
    )
    text = text_of(tmp_path / "made")
    top = text[text.index("<main") : text.index('id="samples"')]
    assert "simulated data" in top
    assert "This series is simulated" in top


@pytest.mark.slow
def test_hostile_records_are_shown_as_text(tmp_path: Path) -> None:
    text = build(
        tmp_path / "hostile", hostile=True, characteristics=500, classes=("control", make.HOSTILE)
    )
    outline = Outline(text)
    kinds = {attributes.get("type") for attributes in outline.named("script")}
    assert kinds == {"application/json", None}
    assert [attributes for attributes in outline.named("script") if "type" not in attributes] == [
        {}
    ]
    assert not outline.named("img")
    assert not [
        name for _, attributes in outline.tags for name in attributes if name.startswith("on")
    ]
    assert "49" not in [part.strip() for part in outline.texts if part.strip() == "49"]
    assert "\u202e" not in text
    assert "x" * 3000 not in text
    assert len(text) < 5_000_000
    for figure in sorted((tmp_path / "hostile" / "figures").glob("*.svg")):
        drawn = figure.read_text(encoding="utf-8")
        assert "<script" not in drawn, figure.name
        assert "onerror=" not in re.sub(r">[^<]*<", "><", drawn), figure.name


@pytest.mark.slow
def test_a_hundred_samples_fit_into_a_mail(tmp_path: Path) -> None:
    began = time.process_time()
    text = build(tmp_path / "hundred", samples=100, genes=4000)
    assert len(text.encode()) < 5_000_000
    assert time.process_time() - began < 40


@pytest.mark.slow
def test_cells_are_shown_as_cells(tmp_path: Path) -> None:
    text = build(tmp_path / "cells", samples=10, cells=100, genes=120)
    assert "Cells in two dimensions" in text
    assert "In bulk tissue" not in text


def test_the_comparison_shows_differences_null_and_learning_curve(two: Path) -> None:
    text = (two / "report.html").read_text(encoding="utf-8")
    for name in ("differences", "null_scores", "learning_curve", "attribution_agreement"):
        assert f'id="figure-{name}"' in text
    assert "refitted" in text
    assert "Whole sets, tested over samples" in text
    for name, table in (("own set", "gene-sets"), ("gliogenesis", "pathways-table")):
        assert re.search(
            rf"{name}.*?>1\.80<.*?Gfap Vim", text[text.index(f'id="table-{table}"') :], re.DOTALL
        )
    assert "rank correlation 0.04" in text
    assert "ρ = 0.35" in text


def test_what_evaluation_judged_a_confounder_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, design)
    folder = make.write(tmp_path / "one")
    judged = pd.read_csv(folder / "confounding.tsv", sep="\t")
    make.tsv(folder / "confounding.tsv", judged.assign(kind=["states the label", "label follows"]))
    assert "Beware: sex goes with the class." in text_of(folder)
    make.tsv(folder / "confounding.tsv", judged)
    assert "Beware" not in text_of(folder)


@pytest.mark.slow
def test_samples_that_quality_left_out_are_not_counted_as_compared(tmp_path: Path) -> None:
    folder = make.write(tmp_path / "one")
    folds = pd.read_csv(folder / "folds.tsv", sep="\t", dtype=str)
    make.tsv(folder / "folds.tsv", folds[folds["sample"] != "GSM1000"])
    text = text_of(folder)
    assert "11 samples were split twice into 3 folds" in text
    assert "1 left out by the quality limits" in text


def test_epilepsy_is_a_matter_of_the_record_or_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make.write(tmp_path / "cells", classes=("astrocytes", "neurons"))
    only(monkeypatch, markers)

    def told(domain: str) -> str:
        provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        provenance["settings"]["domain"] = domain
        (folder / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
        text = text_of(folder)
        return text[text.index('<section id="markers"') :].split("</section>")[0]

    assert "GRIA1 up" in told("auto")  # the record's title speaks of epileptic mice
    assert "the key domain is none" in told("none")
    reading = json.loads((folder / "reading.json").read_text(encoding="utf-8"))
    reading["series"]["title"] = reading["series"]["summary"] = "Cells of the cortex"
    (folder / "reading.json").write_text(json.dumps(reading), encoding="utf-8")
    closed = told("auto")
    assert "the record does not speak of epilepsy" in closed
    assert "GRIA1" not in closed
    assert "<details" not in closed
    assert "GRIA1 up" in told("epilepsy")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Hippocampi after kainate", True),
        ("a ketogenic diet", True),
        ("Interictal spikes", True),
        ("Dravet syndrome", True),
        ("airway muscle and dexamethasone", False),
        ("a dictionary of cell types", False),
    ],
)
def test_words_that_speak_of_epilepsy(text: str, meant: bool) -> None:
    assert about_epilepsy({"series": {"title": text}}, ["a", "b"]) is meant


def test_samples_are_named_by_their_titles(two: Path) -> None:
    text = (two / "report.html").read_text(encoding="utf-8")
    table = text[text.index('id="table-sample-table"') :].split("</table>")[0]
    assert "<bdi>Hippocampus, mouse 1</bdi><small><bdi>GSM1000</bdi></small>" in table
    shown = text[text.index('<section id="embedding"') :].split("</section>")[0]
    assert '"Hippocampus, mouse 1 (GSM1000)"' in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("litter", "litter"),
        ("Subject ID", "subject"),
        ("x", "donor"),
        ("cell line", "cell line"),
        ("mouse", "mouse"),
        ("fish id", "fish"),
        ("larva", "larva"),
        ("clutch", "clutch"),
    ],
)
def test_groups_are_called_what_the_record_calls_them(
    tmp_path: Path, column: str, unit: str
) -> None:
    folder = make.write(tmp_path / "one")
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    units = donor_word(column)
    (folder / "verdict.json").write_text(json.dumps({**verdict, "unit": units}), encoding="utf-8")
    assert Results(folder).unit == unit
    assert Results(folder).called("1 donor of 2 donors") == f"1 {unit} of 2 {units}"
    assert wording.plural(unit) == units


def test_values_of_genes_survive_the_page() -> None:
    rng = np.random.default_rng(0)
    counts = np.floor(rng.lognormal(3, 3, (7, 40)))
    content = gene_values.packed(counts)
    assert len(content["text"]) == 2 * counts.size
    back = gene_values.unpacked(content, 40)
    assert np.allclose(back, counts, rtol=0.006, atol=0.5)
    assert gene_values.unpacked(gene_values.packed(np.zeros((2, 3))), 3).max() == 0
    assert gene_values.how_many(100) == 4000
    assert gene_values.how_many(5000) == 200
