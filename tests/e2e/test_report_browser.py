"""The pages in a real browser: Debian's Chromium, headless.

Skipped with a reason where playwright, axe or Chromium is missing.
Screenshots stay in build/screenshots.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import report_results as make
from browser_visit import SHOTS, Visit


@pytest.mark.parametrize("name", ["two", "few", "hostile"])
def test_a_report_opens_quietly_with_its_sections_in_order(
    browser: Any, pages: Path, name: str
) -> None:
    with Visit(
        browser, pages / name / "report.html", viewport={"width": 1280, "height": 900}
    ) as visit:
        assert (
            visit.page.eval_on_selector_all("main > section", "all => all.map(one => one.id)")
            == make.SECTIONS
        )
        sentence = json.loads((pages / name / "verdict.json").read_text(encoding="utf-8"))[
            "sentence"
        ]
        # What turns the direction of text is left out of pages.
        sentence = re.sub("[\u202a-\u202e\u2066-\u2069]", "", sentence)
        assert visit.page.locator("main p").first.inner_text() == sentence
        assert visit.work() < 2  # seconds of the page's own work until it can be used
        visit.shoot(name)
        visit.assert_quiet()
        assert visit.page.title() == f"{name}: EpiGPT report"


def test_tables_sort_search_unfold_and_download(browser: Any, pages: Path) -> None:
    with Visit(browser, pages / "two" / "report.html") as visit:
        genes = visit.page.locator("#table-genes")
        change = genes.locator("thead button", has_text="log2 fold change")
        change.click()
        values = [
            float(text.replace("−", "-"))
            for text in genes.locator("tbody tr td:nth-child(3)").all_inner_texts()
        ]
        assert values == sorted(values)
        change.click()
        values = [
            float(text.replace("−", "-"))
            for text in genes.locator("tbody tr td:nth-child(3)").all_inner_texts()
        ]
        assert values == sorted(values, reverse=True)
        assert genes.locator("th[aria-sort='descending']").count() == 1
        genes.locator("input[type=search]").fill("gria")
        assert set(genes.locator("tbody tr th").all_inner_texts()) == {"Gria1", "Gria2"}
        with visit.page.expect_download() as caught:
            genes.locator("button", has_text="Save as TSV").click()
        lines = Path(caught.value.path()).read_text(encoding="utf-8").splitlines()
        assert lines[0].split("\t")[0] == "gene"
        assert sorted(line.split("\t")[0] for line in lines[1:]) == ["Gria1", "Gria2"]
        genes.locator("input[type=search]").fill("")
        genes.locator("button", has_text="Next").click()
        assert "page 2" in genes.locator(".pages").inner_text()
        assert not visit.page.locator("#figure-forest_auc").is_visible()
        visit.page.locator("#open-all").click()
        markers = visit.page.locator("#table-markers-table")
        markers.locator("input[type=search]").fill("gfap")
        assert markers.locator("tbody tr:visible").count() == 1
        with visit.page.expect_download() as caught:
            visit.page.locator("#figure-forest_auc button").click()
        assert Path(caught.value.path()).read_text(encoding="utf-8").startswith("<svg")
        visit.assert_quiet()


def test_points_take_the_colour_of_another_characteristic(browser: Any, pages: Path) -> None:
    with Visit(
        browser, pages / "two" / "report.html", viewport={"width": 1280, "height": 900}
    ) as visit:
        plot = visit.page.locator("#embedding-plot")
        assert plot.locator("canvas[role=img]").count() == 3
        before = plot.locator("canvas[role=img]").first.evaluate("canvas => canvas.toDataURL()")
        assert plot.locator(".legend li").all_inner_texts() == ["control", "epilepsy"]
        plot.locator("select").select_option(label="sex")
        assert plot.locator(".legend li").all_inner_texts() == ["female", "male"]
        after = plot.locator("canvas[role=img]").first.evaluate("canvas => canvas.toDataURL()")
        assert after != before
        plot.locator(".legend button").first.click()
        assert plot.locator(".legend button").first.get_attribute("aria-pressed") == "true"
        assert (
            plot.locator("canvas[role=img]").first.evaluate("canvas => canvas.toDataURL()") != after
        )
        plot.locator("select").select_option(label="counts")
        assert plot.locator(".legend .ramp").count() == 1
        plot.locator("canvas[role=img]").first.focus()
        visit.page.keyboard.press("ArrowRight")
        assert "GSM1000" in plot.locator(".told").inner_text()
        visit.assert_quiet()


def test_the_appendix_opens_by_heading_and_by_link(browser: Any, pages: Path) -> None:
    with Visit(
        browser, pages / "two" / "report.html", viewport={"width": 1280, "height": 900}
    ) as visit:
        assert [
            one
            for one in make.SECTIONS
            if visit.page.locator(f"#{one} > details:not([open])").count() == 1
        ] == make.APPENDIX
        height = visit.page.evaluate("() => document.documentElement.scrollHeight")
        assert height < 6 * 900
        visit.page.locator("nav a[href='#heatmap']").click()
        assert visit.page.locator("#figure-heatmap").is_visible()
        visit.page.goto(f"{visit.file.as_uri()}#figure-forest_auc")
        assert visit.page.locator("#figure-forest_auc").is_visible()
        visit.page.locator("#quality summary h2").first.click()
        assert visit.page.locator("#figure-abundance").is_visible()
        assert visit.page.locator("#figure-covariates").is_visible()


def test_a_gene_is_found_by_name_click_and_keys(browser: Any, pages: Path) -> None:
    with Visit(
        browser, pages / "two" / "report.html", viewport={"width": 1280, "height": 900}
    ) as visit:
        place = visit.page.locator("#explorer")
        title = place.locator(".values figcaption")
        first = visit.page.locator("#table-genes tbody tr th").first.inner_text()
        assert title.inner_text() == first
        place.locator("input.gene").fill("gad1")
        assert title.inner_text() == "Gad1"
        picture = "canvas => canvas.toDataURL()"
        values = place.locator(".values canvas")
        normalised = values.evaluate(picture)
        place.locator("select.scale").select_option("counts")
        assert values.evaluate(picture) != normalised
        place.locator("input.gene").fill("gri")
        assert place.locator(".found button").all_inner_texts() == ["Gria1", "Gria2"]
        place.locator(".found button").last.click()
        assert title.inner_text() == "Gria2"
        place.locator("input.gene").fill("nothing")
        assert "No gene" in place.locator(".found").inner_text()
        visit.page.locator("#table-genes tbody tr").nth(3).click()
        assert title.inner_text() == visit.page.locator("#table-genes tbody th").nth(3).inner_text()
        assert visit.page.locator("#table-genes tr.picked").count() == 1
        place.locator(".volcano canvas").focus()
        visit.page.keyboard.press("ArrowRight")
        assert title.inner_text() == visit.page.locator("#table-genes tbody th").nth(4).inner_text()
        assert "log2 fold change" in place.locator(".told").inner_text()
        values.focus()
        visit.page.keyboard.press("ArrowRight")
        assert "Hippocampus, mouse 1 (GSM1000)" in place.locator(".told").inner_text()
        visit.page.locator("nav a[href='#heatmap']").click()
        name = visit.page.locator("#figure-heatmap text.pick").first
        wanted = name.evaluate("text => text.textContent.trim()")
        name.dispatch_event("click")
        assert title.inner_text() == wanted
        visit.shoot("explorer", full=False)
        visit.assert_quiet()


def test_a_point_of_the_volcano_plot_is_clicked(browser: Any, pages: Path) -> None:
    with Visit(
        browser, pages / "two" / "report.html", viewport={"width": 1280, "height": 900}
    ) as visit:
        canvas = visit.page.locator("#explorer .volcano canvas")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        told = visit.page.locator("#explorer .told")
        for step in range(1, 40):
            visit.page.mouse.move(box["x"] + box["width"] * step / 40, box["y"] + box["height"] / 2)
            if told.inner_text() and "p " in told.inner_text():
                visit.page.mouse.click(
                    box["x"] + box["width"] * step / 40, box["y"] + box["height"] / 2
                )
        shown = visit.page.locator("#explorer .values figcaption").inner_text()
        assert told.inner_text().startswith(shown)
        visit.assert_quiet()


@pytest.mark.parametrize("name", ["two", "hostile", "index"])
def test_no_horizontal_scroll_at_360_pixels(browser: Any, pages: Path, name: str) -> None:
    file = pages / "index.html" if name == "index" else pages / name / "report.html"
    with Visit(browser, file, viewport={"width": 360, "height": 740}) as visit:
        wide = visit.page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 360
        if (
            name == "two"
        ):  # a figure keeps a size at which it can be read, and is scrolled within its frame
            visit.page.locator("nav a[href='#quality']").click()
            frame = visit.page.locator("#figure-quality .drawing")
            assert frame.locator("svg").bounding_box()["width"] > 500
            assert frame.get_attribute("tabindex") == "0"
            # What goes on beyond the edge says so, until its end is in sight; a table's title stays.
            goes_on = "one => one.classList.contains('more')"
            assert frame.evaluate(goes_on)
            frame.evaluate("one => one.scrollTo(one.scrollWidth, 0)")
            visit.page.wait_for_function(f"one => !({goes_on})(one)", arg=frame.element_handle())
            table = visit.page.locator("#quality .scroll").first
            table.evaluate("one => one.scrollTo(one.scrollWidth, 0)")
            title, shown = table.locator("caption span").bounding_box(), table.bounding_box()
            assert shown["x"] <= title["x"]
            assert title["x"] + title["width"] <= shown["x"] + shown["width"]
        visit.shoot(f"{name}_360", full=False)
        visit.assert_quiet()


def test_dark_by_system_and_by_button(browser: Any, pages: Path) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    with Visit(
        browser,
        pages / "two" / "report.html",
        color_scheme="dark",
        viewport={"width": 1280, "height": 900},
    ) as visit:
        assert visit.page.evaluate(ground) == "rgb(20, 24, 28)"
        visit.shoot("two_dark")
        visit.page.locator("#theme").click()
        assert visit.page.evaluate(ground) == "rgb(255, 255, 255)"
        assert visit.page.locator("#theme").get_attribute("aria-pressed") == "false"
        visit.assert_quiet()


def test_print_to_pdf_cuts_no_figure(browser: Any, pages: Path) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    with Visit(browser, pages / "two" / "report.html") as visit:
        visit.page.emulate_media(media="print")
        visit.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
        rules = visit.page.eval_on_selector_all(
            "figure",
            "all => all.filter(one => one.offsetParent).map(one =>"
            " getComputedStyle(one).breakInside)",
        )
        assert rules
        assert set(rules) == {"avoid"}
        # No heading stands alone at the foot of a page, nor with half of the sentence below it.
        kept = "all => all.map(one => getComputedStyle(one)).map(one => [one.breakInside, one.breakAfter])"
        for heads in ("h2", "h3", ".see", "caption", "summary"):
            found = {tuple(rule) for rule in visit.page.eval_on_selector_all(heads, kept)}
            assert found == {("avoid", "avoid")}
        # A4 without its margins at 96 pixels per inch: what avoids breaks must fit on one page.
        heights = visit.page.eval_on_selector_all(
            "figure", "all => all.map(one => one.getBoundingClientRect().height)"
        )
        assert max(heights) < (297 - 28) / 25.4 * 96
        assert visit.page.locator("#figure-embedding").is_visible()
        assert not visit.page.locator("#embedding-plot").is_visible()
        # Short cells must not be broken up letter by letter.
        broken = (
            "all => all.filter(one => one.offsetParent && one.getClientRects().length > 1).map(one"
            " => one.textContent)"
        )
        assert visit.page.eval_on_selector_all("td.short > bdi, td.number > bdi", broken) == []
        # What a reader cites is on paper although it is folded on screen.
        visit.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
        for text in ("Radford A. et al.", "model", "counts.tsv.gz"):
            assert visit.page.locator("#methods").get_by_text(text).last.is_visible()
        visit.page.evaluate("() => dispatchEvent(new Event('afterprint'))")
        assert visit.page.locator("#methods details[open]").count() == 0
        assert visit.page.locator("details.section[open]").count() == 0
        visit.page.pdf(path=SHOTS / "two.pdf", prefer_css_page_size=True)
        assert (SHOTS / "two.pdf").read_bytes().startswith(b"%PDF")
        visit.assert_quiet()


def test_hostile_records_execute_nothing(browser: Any, pages: Path) -> None:
    with Visit(browser, pages / "hostile" / "report.html") as visit:
        visit.page.locator("#embedding-plot select").select_option(index=1)
        visit.page.locator("#table-sample-table input[type=search]").fill("quoted")
        assert visit.page.title() == "hostile: EpiGPT report"
        assert visit.page.locator("main img").count() == 0
        visit.assert_quiet()
    with Visit(browser, pages / "index.html") as visit:
        assert visit.page.title() == "EpiGPT: all data sets"
        visit.assert_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["two", "few", "index"])
def test_axe_finds_no_violation(browser: Any, pages: Path, name: str, scheme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python", reason="axe is not installed: pip install axe-playwright-python"
    )
    script = Path(axe.__file__).with_name("axe.min.js")
    file = pages / "index.html" if name == "index" else pages / name / "report.html"
    with Visit(
        browser, file, color_scheme=scheme, viewport={"width": 1280, "height": 900}
    ) as visit:
        visit.page.eval_on_selector_all(
            "details", "all => all.forEach(one => { one.open = true; })"
        )
        visit.page.evaluate(script.read_text(encoding="utf-8"))
        found = visit.page.evaluate(
            "async () => (await axe.run()).violations.map(v => [v.id, v.nodes.length,"
            " v.nodes[0].html.slice(0, 200)])"
        )
        assert found == []
