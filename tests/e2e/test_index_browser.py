"""The index of two hundred data sets in a real browser: Debian's Chromium, headless."""

import base64
import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from browser_visit import Visit
from epigpt.report import index


def test_the_index_sorts_and_filters_two_hundred(browser: Any, pages: Path) -> None:
    with Visit(browser, pages / "index.html", viewport={"width": 1400, "height": 900}) as visit:
        rows = visit.page.locator("#table-overview tbody tr:visible")
        assert rows.count() == 203
        visit.page.locator("select[data-filter=overview]").first.select_option("confounded")
        assert rows.count() == 50
        visit.page.locator("#table-overview input[type=search]").fill("set00")
        assert rows.count() == 2
        visit.page.locator("#table-overview input[type=search]").fill("")
        visit.page.locator("select[data-filter=overview]").first.select_option("")
        begun = visit.work()
        assert begun < 2  # seconds of the page's own work until it can be used
        visit.page.locator("#table-overview thead button").first.click()
        assert visit.work() - begun < 1
        names = visit.page.locator("#table-overview tbody tr th > :first-child").all_inner_texts()
        assert names == sorted(names)
        assert visit.page.locator("#table-claims tbody tr").count() == 202
        visit.shoot("index", full=False)
        visit.assert_quiet()


@pytest.mark.parametrize("width", [360, 1280])
def test_no_title_runs_into_the_next_column_of_the_index(
    browser: Any, pages: Path, width: int
) -> None:
    with Visit(browser, pages / "index.html", viewport={"width": width, "height": 900}) as visit:
        visit.page.evaluate(
            """() => document.querySelectorAll("#table-overview tbody th small bdi").forEach((title) => {
            title.textContent = "Human Airway Smooth Muscle Transcriptome Changes in Response to Asthma Medications (reconstructed record)";
        })"""
        )
        beyond = visit.page.evaluate(
            """() => [...document.querySelectorAll("#table-overview tbody small")].filter((small) => {
            const range = document.createRange();
            range.selectNodeContents(small);
            return range.getBoundingClientRect().right > small.parentElement.getBoundingClientRect().right + 1;
        }).length"""
        )
        assert visit.page.locator("#table-overview tbody th small").count() > 3
        assert beyond == 0


def test_links_of_the_index_lead_on_inside_snakemakes_report(
    browser: Any, pages: Path, tmp_path: Path
) -> None:
    path = str(pages / "two" / "report.html")
    own, other = (
        hashlib.sha256(name.encode()).hexdigest()[:16] for name in ("results/index.html", path)
    )
    for folder, name, source in (
        (own, "index.html", "index.html"),
        (other, "report.html", "two/report.html"),
    ):
        place = tmp_path / "data" / "raw" / folder
        place.mkdir(parents=True)
        shutil.copy(pages / source, place / name)
    with Visit(browser, tmp_path / "data" / "raw" / own / "index.html") as visit:
        visit.page.locator("#table-overview tbody a", has_text="two").first.click()
        visit.page.wait_for_url("**/report.html")
        assert visit.page.title() == "two: EpiGPT report"
    shutil.copytree(pages / "two", tmp_path / "alone" / "two")
    index.write(tmp_path / "alone", ["two"], tmp_path / "alone" / "one.html")
    shutil.copy(tmp_path / "alone" / "one.html", tmp_path / "one.html")
    packed = base64.b64encode((tmp_path / "one.html").read_bytes()).decode()
    with Visit(browser, tmp_path / "one.html") as visit:
        assert visit.page.locator("tbody a").count() == 2
        visit.page.goto(f"data:text/html;charset=utf-8;base64,{packed}")
        assert visit.page.locator("tbody a").count() == 0
        assert visit.page.locator("#table-overview tbody th").first.inner_text().startswith("two")
