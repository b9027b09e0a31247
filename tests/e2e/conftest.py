"""A headless browser, Debian's Chromium, and pages to open in it.

Skipped with a reason where playwright or Chromium is missing.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import report_results as make
from epigpt.evaluation.answer import BADGES
from epigpt.report import index, page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    found = (
        os.environ.get("EPIGPT_CHROMIUM")
        or shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if not found:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or set EPIGPT_CHROMIUM")
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("pages")
    make.write(base / "two", attributions=True, genes=900)
    make.write(base / "few", assessable=False, samples=6)
    make.write(
        base / "hostile", hostile=True, characteristics=500, classes=("control", make.HOSTILE)
    )
    for name in ("two", "few", "hostile"):
        page.write(base / name, base / name / "report.html", base / name / "figures")
    for at in range(200):
        folder = base / f"set{at:03d}"
        folder.mkdir()
        for name in ("reading.json", "samples.tsv", "metrics.tsv", "claims.tsv"):
            (folder / name).write_bytes((base / "two" / name).read_bytes())
        verdict = ("works", "no_evidence", "confounded", "not_assessable")[at % 4]
        told = {"verdict": verdict, "badge": BADGES[verdict], "sentence": "."}
        (folder / "verdict.json").write_text(json.dumps(told))
    index.write(
        base, ["two", "few", "hostile", *[f"set{at:03d}" for at in range(200)]], base / "index.html"
    )
    return base
