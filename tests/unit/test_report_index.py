"""The page over all data sets."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest

import report_results as make
from epigpt.report import index


def test_data_sets_stand_in_the_order_of_the_table(tmp_path: Path) -> None:
    make.write(tmp_path / "zeta")
    make.write(tmp_path / "alpha", assessable=False, samples=6)
    (tmp_path / "zeta" / "report.html").write_text("x")
    index.write(tmp_path, ["zeta", "alpha", "missing"], tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert [text.index(f"<bdi>{name}</bdi>") for name in ("zeta", "alpha", "missing")] == sorted(
        text.index(f"<bdi>{name}</bdi>") for name in ("zeta", "alpha", "missing")
    )
    assert 'href="zeta/report.html"' in text
    assert 'href="alpha/report.html"' not in text
    assert "1 works, 1 not assessable and 1 no verdict yet" in text
    assert "GRIA1 up" in text


def test_too_few_litters_and_too_few_mice_are_one_verdict(tmp_path: Path) -> None:
    for name in ("litters", "mice"):
        folder = make.write(tmp_path / name)
        told = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
        told |= {"verdict": "too_few_donors", "badge": f"too few {name}", "unit": name}
        (folder / "verdict.json").write_text(json.dumps(told), encoding="utf-8")
    index.write(tmp_path, ["litters", "mice"], tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Verdicts: 2 too few donors." in text
    assert text.count("<option>too few") == 1


def test_the_best_rival_stands_with_the_interval_of_the_difference(tmp_path: Path) -> None:
    make.write(tmp_path / "one")
    index.write(tmp_path, ["one"], tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    row = text[text.index("<bdi>one</bdi>") :]
    shown = re.findall(r"<bdi>([^<]*)</bdi>", row)
    at = shown.index("0.90")
    assert shown[at + 1] == "0.82"
    assert shown[at + 3 : at + 5] == ["+0.08", "+0.01 to +0.15"]


@pytest.mark.slow
def test_status_says_how_far_a_data_set_has_come(tmp_path: Path) -> None:
    make.write(tmp_path / "full")
    make.write(tmp_path / "few", assessable=False, samples=6)
    make.write(tmp_path / "waiting")
    for name in ("full", "few"):
        (tmp_path / name / "report.html").touch()
    rows = {name: cells_of(tmp_path, name) for name in ("full", "few", "waiting", "absent")}
    assert [row[2] for row in rows.values()] == [
        "complete",
        "described only",
        "no report yet",
        "not read yet",
    ]


def cells_of(folder: Path, name: str) -> list[str]:
    index.write(folder, [name], folder / "index.html")
    text = (folder / "index.html").read_text(encoding="utf-8")
    return [
        name,
        *re.findall(r"<bdi>([^<]*)</bdi>", text[text.index("<tbody>") :])[
            1 if name != "absent" else 0 :
        ],
    ]


def test_claims_about_epilepsy_stand_only_where_the_record_speaks_of_it(tmp_path: Path) -> None:
    make.write(tmp_path / "one")
    make.write(tmp_path / "other", classes=("astrocytes", "neurons"))
    reading = json.loads((tmp_path / "other" / "reading.json").read_text(encoding="utf-8"))
    reading["series"]["title"] = reading["series"]["summary"] = "Cells of the cortex"
    (tmp_path / "other" / "reading.json").write_text(json.dumps(reading), encoding="utf-8")
    index.write(tmp_path, ["one", "other"], tmp_path / "index.html")
    claims = (tmp_path / "index.html").read_text(encoding="utf-8").split('id="claims"')[1]
    assert 'class="short good"' in claims
    assert "epilepsy against control" in claims
    assert "neurons against astrocytes" not in claims
    shutil.rmtree(tmp_path / "one")
    index.write(tmp_path, ["other"], tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "GRIA1" not in text
    assert 'id="claims"' not in text


def test_what_another_table_left_on_disk_stays_in_the_index(tmp_path: Path) -> None:
    for name in ("mine", "earlier"):
        make.write(tmp_path / name)
        (tmp_path / name / "report.html").touch()
    logs = tmp_path / "failed" / "logs"
    logs.mkdir(parents=True)
    (tmp_path / "failed" / "geo").mkdir()
    parts = json.dumps(["no counts in 3 files", "GSE1", "why", "remedy"])
    (logs / "counts.log").write_text(f"2026-01-01 DEBUG refused: {parts}\n", encoding="utf-8")
    (tmp_path / "logs").mkdir()
    index.write(tmp_path, ["mine"], tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    rows = re.findall(r"<bdi>([^<]*)</bdi>", text[text.index("<tbody>") :])
    assert [rows.index(name) for name in ("mine", "earlier", "failed")] == sorted(
        rows.index(name) for name in ("mine", "earlier", "failed")
    )
    assert "complete (another table)" in rows
    assert "refused: no counts in 3 files (GSE1)" in rows
    assert "3 data sets" in text
    assert 'id="figure-all_data_sets"' in text


def test_hostile_titles_stay_text(tmp_path: Path) -> None:
    make.write(tmp_path / "bad", hostile=True)
    index.write(tmp_path, ["bad"], tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert text.count("<script") == 1
    assert "<img" not in text


@pytest.mark.slow
def test_two_hundred_data_sets(tmp_path: Path) -> None:
    make.write(tmp_path / "first")
    for at in range(200):
        folder = tmp_path / f"set{at:03d}"
        folder.mkdir()
        for name in ("reading.json", "samples.tsv", "metrics.tsv", "claims.tsv"):
            (folder / name).write_bytes((tmp_path / "first" / name).read_bytes())
        verdict = ("works", "no_evidence", "confounded")[at % 3]
        (folder / "verdict.json").write_text(json.dumps({"verdict": verdict, "sentence": "."}))
    began = time.process_time()
    index.write(tmp_path, [f"set{at:03d}" for at in range(200)], tmp_path / "index.html")
    assert time.process_time() - began < 20
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert len(text) < 2_000_000
    assert text.count("<bdi>set") == 400  # a row in the overview, a row among the claims
