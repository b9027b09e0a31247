"""What the page says of a data set must be true of it: verdict, plan and time, gene sets, markers,
figures without cut words."""

import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import report_results as make
from epigpt.report import page
from epigpt.report.figure_writer import Drawing, FigureWriter
from epigpt.report.figures import comparison, enrichment
from epigpt.report.results import Results
from epigpt.report.sections import verdict


def judged(folder: Path, **changes: Any) -> Results:
    path = folder / "verdict.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8"
    )
    return Results(folder)


def part(text: str, section: str) -> str:
    return re.sub(
        r"<[^>]+>", " ", text[text.index(f'id="{section}"') :].split("</section>", maxsplit=1)[0]
    )


@pytest.mark.slow
def test_what_the_answer_says_stands_on_the_page_word_for_word(tmp_path: Path) -> None:
    folder = make.write(tmp_path / "one")
    results = judged(folder, notes=["a note of the answer"], remedy="do this", tone="warn")
    text = page.render(results, FigureWriter(tmp_path, also=()))
    shown = re.sub(r"<[^>]+>", "", text)
    for key in ("sentence", "meaning", "methods", "badge"):
        assert html.unescape(shown).count(results.verdict[key]) >= 1, key
    assert "A note of the answer." in shown
    assert "What would lead further: Do this." in shown
    assert 'class="badge warn"' in text


@pytest.mark.slow
def test_the_reason_stands_beside_the_verdict_and_once(tmp_path: Path) -> None:
    folder = make.write(tmp_path / "one")
    results = judged(
        folder,
        verdict="confounded",
        reason="the label follows from time",
        sentence="Asked, GPT-2 beat the others.",
    )
    text = page.render(results, FigureWriter(tmp_path, also=()))
    assert text.count("The label follows from time.") == 1
    assert text.index("The label follows from time.") < text.index('<dl class="keys">')
    few = make.write(tmp_path / "few", assessable=False, samples=6)
    assert verdict.because(Results(few)) == ""  # its sentence ends with the reason


@pytest.mark.slow
def test_planned_time_stands_beside_the_time_taken(tmp_path: Path) -> None:
    folder = make.write(tmp_path / "one")
    text = page.render(Results(folder), FigureWriter(tmp_path, also=()))
    row = re.search(
        r"<tr><th[^>]*><bdi>final</bdi></th>.*?</tr>",
        text[text.index('id="table-plan-actual"') :],
        re.DOTALL,
    )
    assert row is not None
    shown = re.findall(r"<bdi>([^<]*)</bdi>", row[0])
    assert shown[-4:] == ["36 s", "36 s", "2,000", "1,000"]  # 0.01 h planned; eight steps of 4.5 s


@pytest.mark.slow
def test_a_log_without_seconds_is_said_to_have_none(tmp_path: Path) -> None:
    folder = make.write(tmp_path / "one")
    for log in folder.glob("models/**/training.jsonl"):
        log.write_text(
            log.read_text(encoding="utf-8").replace(', "seconds": 4.5', ""), encoding="utf-8"
        )
    text = part(page.render(Results(folder), FigureWriter(tmp_path, also=())), "training")
    assert "training.jsonl gives no seconds of its steps" in text
    assert "time taken" not in text
    assert "time planned" in text


@pytest.mark.slow
def test_gene_sets_of_the_user_are_drawn_and_listed(tmp_path: Path) -> None:
    folder = make.write(tmp_path / "one")
    rendered = page.render(Results(folder), FigureWriter(tmp_path, also=()))
    text = part(rendered, "pathways")
    assert "1 set of 1 at a false discovery rate of 5 %" in text
    assert "among those higher in epilepsy" in text
    assert (tmp_path / "gene_sets.svg").is_file()
    assert (tmp_path / "pathways.svg").is_file()
    # On its bar a text takes the colour of the page's ground, as bars are pale on a dark one.
    on_bars = re.findall(r"<text ([^>]*)>FDR ", rendered)
    assert any("var(--page)" in style for style in on_bars)
    assert not any("#ffffff" in style for style in on_bars)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pathways", "reason"),
    [("none", "was switched off (key pathways)"), ("gene_ontology", "no contrast that ranks")],
)
def test_without_gene_sets_the_reason_is_given(tmp_path: Path, pathways: str, reason: str) -> None:
    folder = make.write(tmp_path / "one")
    make.tsv(
        folder / "gene_set_enrichment.tsv",
        pd.read_csv(folder / "gene_set_enrichment.tsv", sep="\t").head(0),
    )
    made = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    made["settings"] |= {"gene_sets": [], "pathways": pathways}
    (folder / "provenance.json").write_text(json.dumps(made), encoding="utf-8")
    assert reason in part(page.render(Results(folder), FigureWriter(tmp_path, also=())), "pathways")


def test_bars_of_gene_sets_are_the_first_by_fdr_ordered_by_score() -> None:
    table = pd.DataFrame(
        {
            "set": [f"s{at:02d}" for at in range(30)],
            "score": np.linspace(-2, 2, 30),
            "p": np.linspace(0, 1, 30),
            "padj": np.linspace(0, 1, 30).round(1),
        }
    )
    drawn = enrichment.bars(table, "epilepsy")
    assert drawn is not None
    assert drawn.source["set"].tolist() == [f"s{at:02d}" for at in range(15, -1, -1)]
    assert "The first 16 of 30 sets" in drawn.caption
    assert enrichment.bars(table.assign(score=np.nan), "epilepsy") is None


@pytest.mark.slow
def test_several_contrasts_say_which_one_markers_are_held_against(tmp_path: Path) -> None:
    folder = make.write(tmp_path / "three", classes=("a", "b", "c"), samples=18)
    assert "Of 3 contrasts, markers are held against the first: a vs the rest." in part(
        page.render(Results(folder), FigureWriter(tmp_path, also=())), "markers"
    )


def test_the_majority_class_is_no_rival_in_the_differences() -> None:
    rows = [("finetuned", "logistic_l2", 0.0), ("finetuned", "majority", 0.5)]
    table = pd.DataFrame(rows, columns=["model", "versus", "estimate"]).assign(
        low=-0.001, high=0.001
    )
    drawn = comparison.differences(table)
    assert drawn is not None
    assert drawn.source["versus"].tolist() == ["logistic_l2"]
    written = {text.get_text() for text in drawn.figure.findobj(Text)}
    assert "0.000 [−0.001, +0.001]" in written


@pytest.mark.slow
def test_a_learning_curve_of_one_point_is_not_drawn(tmp_path: Path) -> None:
    folder = make.write(tmp_path / "one")
    curve = pd.read_csv(folder / "learning_curve.tsv", sep="\t")
    make.tsv(folder / "learning_curve.tsv", curve[curve["share"] == 1])
    text = part(page.render(Results(folder), FigureWriter(tmp_path, also=())), "models")
    assert f"too few {Results(folder).units} to learn from fewer" in text
    assert not (tmp_path / "learning_curve.svg").exists()


@pytest.mark.slow
def test_what_was_not_measured_takes_no_panel(tmp_path: Path) -> None:
    folder = make.write(tmp_path / "one")
    table = pd.read_csv(folder / "quality.tsv", sep="\t", dtype=str).assign(
        mitochondrial_percent=np.nan
    )
    make.tsv(folder / "quality.tsv", table)
    text = part(page.render(Results(folder), FigureWriter(tmp_path, also=())), "quality")
    assert "Not measured: mitochondrial share." in text
    assert "Open signs" in text
    make.tsv(folder / "quality.tsv", table[table["kept"] == "true"])
    assert "Open signs" not in part(
        page.render(Results(folder), FigureWriter(tmp_path, also=())), "quality"
    )


@pytest.mark.slow
def test_scores_across_series_are_named_and_rounded(tmp_path: Path) -> None:
    folder = make.write(tmp_path / "one")
    row = {
        "trained_on": "one",
        "tested_on": "two",
        "shared_genes": 2971,
        "model": "finetuned",
        "preset": "tiny",
        "metric": "auc",
    }
    row |= {
        "estimate": 0.87654,
        "low": 0.7,
        "high": 1.0,
        "null_mean": 0.5,
        "p": 0.05,
        "p_floor": 0.05,
        "n_samples": 12,
        "n_groups": 6,
    }
    untested = {"trained_on": "two", "tested_on": "one", "reason": "too few groups"}
    make.tsv(folder / "transfer.tsv", pd.DataFrame([row, untested]))
    text = part(page.render(Results(folder), FigureWriter(tmp_path, also=())), "transfer")
    assert re.search(
        r"one\s+two\s+GPT-2, fine-tuned\s+0\.88\s+0\.70 to 1\.00\s+0\.0500\s+smallest possible"
        r" 0\.0500\s+12\s+6\s+2,971",
        text,
    )
    assert "two → one was not tested: too few groups." in text


class Measured(FigureWriter):
    """Notes the words of every figure that lie beyond its edges."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seen: list[str] = []
        self.cut: list[tuple[str, str]] = []

    def save(self, drawing: Drawing | None) -> list[Any]:
        if drawing is not None:
            self.seen.append(drawing.name)
            figure = drawing.figure
            FigureCanvasAgg(figure).draw()
            ticks = set()
            for side in [side for axes in figure.axes for side in (axes.xaxis, axes.yaxis)]:
                low, high = sorted(side.get_view_interval())
                # Ticks beyond the limits are not drawn.
                unseen = [
                    tick
                    for tick in side.get_major_ticks() + side.get_minor_ticks()
                    if not low <= tick.get_loc() <= high
                ]
                ticks |= {id(label) for tick in unseen for label in (tick.label1, tick.label2)}
            for text in figure.findobj(Text):
                box = text.get_window_extent()
                inside = (
                    box.x0 > -2
                    and box.y0 > -2
                    and box.x1 < figure.bbox.width + 2
                    and box.y1 < figure.bbox.height + 2
                )
                if text.get_text() and text.get_visible() and id(text) not in ticks and not inside:
                    self.cut.append((drawing.name, text.get_text()))
        return super().save(drawing)


@pytest.mark.slow
@pytest.mark.parametrize(
    "classes",
    [
        ("control", "epilepsy"),
        ("short", "a class of a long name", "another class of a longer name"),
    ],
)
def test_no_word_of_a_figure_is_cut_off(tmp_path: Path, classes: tuple[str, ...]) -> None:
    folder = make.write(tmp_path / "one", attributions=True, classes=classes, samples=24, genes=200)
    attributed = pd.read_csv(folder / "attributions.tsv", sep="\t").assign(
        symbol="", gene=[f"ENSG{at:011d}" for at in range(200)]
    )
    make.tsv(folder / "attributions.tsv", attributed)
    sets = pd.read_csv(folder / "gene_set_enrichment.tsv", sep="\t").assign(
        set="HALLMARK_A_SET_WITH_A_NAME_AS_LONG_AS_THEY_COME"
    )
    make.tsv(folder / "gene_set_enrichment.tsv", sets)
    plates = Measured(tmp_path)
    page.render(Results(folder), plates)
    assert len(plates.seen) > 10
    assert plates.cut == []
