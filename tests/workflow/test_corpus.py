"""A corpus in the workflow: fetched, read, kept apart from what is tested, learnt from; a further
series touches no other."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quick_run import CONFIG, ROW

SERIES = [("one", 21), ("two", 22), ("three", 23)]


def simulated(folder: Path, root: Path, name: str, seed: int) -> dict[str, str]:
    subprocess.run(
        [
            *(sys.executable, "-m", "epigpt.cli", "simulate", "--seed", str(seed)),
            *("--accession", f"GSE90000{seed}", "--genes", "600", "--groups", "4"),
            *("--output-tables", str(folder / name)),
        ],
        env={"PYTHONPATH": str(root / "workflow"), "PATH": ""},
        check=True,
        capture_output=True,
    )
    cells = {"source": f"{name}/counts.tsv.gz", "samples": f"{name}/samples.tsv"}
    return {"series": name, "organism": "mouse", **cells}


def write(folder: Path, rows: list[dict[str, str]]) -> None:
    columns = ["series", "source", "samples", "organism"]
    lines = ["\t".join(row.get(name, "") for name in columns) for row in rows]
    (folder / "corpus.tsv").write_text("\n".join(["\t".join(columns), *lines]) + "\n")


def config(root: Path, **changed: Any) -> dict[str, Any]:
    mirror = (root / "config" / "demo" / "geo-mirror").as_uri()
    return {
        **CONFIG,
        "geo": {"base_url": mirror},
        "corpus": "corpus.tsv",
        "pretraining": {"epochs": 1, "views": 2, "genes": 300, "global_batch_size": 8},
        **changed,
    }


def planned(output: str) -> dict[str, int]:
    return {
        name: int(number)
        for name, number in re.findall(r"^(\w+) +(\d+)$", output.split("Job stats:")[1], re.M)
    }


@pytest.mark.slow
def test_from_the_table_to_pretrained_weights(workflow, root: Path) -> None:
    folder = workflow.folder
    folder.mkdir(parents=True)
    rows = [simulated(folder, root, name, seed) for name, seed in SERIES]
    (folder / "broken.h5ad").write_bytes(b"no HDF5")
    rows += [
        {"series": "tested", "source": "GSE9000001", "organism": "mouse"},
        {"series": "broken", "source": "broken.h5ad"},
        {"series": "absent", "source": "GSE123"},
    ]
    write(folder, rows)
    done = workflow.run("results/corpus/corpus/tiny", config=config(root), rows=[ROW])
    assert done.returncode == 0, done.stderr
    made = folder / "results" / "corpus" / "corpus"
    with (made / "corpus.tsv").open() as lines:
        table = {row["row"]: row for row in csv.DictReader(lines, delimiter="\t")}
    used = {name for name, row in table.items() if row["use"] != "left out"}
    assert used == {name for name, _ in SERIES}
    assert "data set 'epilepsy'" in table["tested"]["reason"]
    assert table["broken"]["reason"]
    assert "GSE123" in table["absent"]["reason"]
    card = json.loads((made / "tiny" / "corpus.json").read_text())
    assert card["series"] == 3
    assert {one["series"] for one in card["left_out"]} == {"GSE9000001", "broken", "GSE123"}
    # A further series: its own job, the table and the training, and no shard is written again.
    before = {path: path.stat().st_mtime_ns for path in (made / "shards").rglob("*.npy")}
    write(folder, [*rows, simulated(folder, root, "four", 24)])
    again = workflow.run("results/corpus/corpus/tiny", "--dry-run", config=config(root))
    assert planned(again.stdout + again.stderr) == {
        "corpus_series": 1,
        "corpus_table": 1,
        "pretrain": 1,
        "total": 3,
    }
    done = workflow.run("results/corpus/corpus/corpus.tsv", config=config(root))
    assert done.returncode == 0, done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in before}
    # How the classifier is trained is no business of the corpus.
    other = workflow.run(
        "results/corpus/corpus/corpus.tsv", "--dry-run", config=config(root, epochs=3)
    )
    assert "Nothing to be done" in other.stdout + other.stderr
    # Tokens are made with the programmes that the series share, unless the start is another.
    tokens = "results/epilepsy/tokens/repeat0/fold0"
    for weights, waits in (("auto", True), ("none", False)):
        shown = workflow.run(tokens, "--dry-run", config=config(root, weights=weights))
        assert ("pretrain" in planned(shown.stdout + shown.stderr)) == waits


@pytest.mark.slow
def test_a_corpus_of_which_nothing_is_left_is_refused(workflow, root: Path) -> None:
    workflow.folder.mkdir(parents=True)
    row = {"series": "tested", "source": "GSE9000001", "organism": "mouse"}
    write(workflow.folder, [row])
    done = workflow.run("results/corpus/corpus/corpus.tsv", config=config(root), rows=[ROW])
    assert done.returncode != 0
    assert "no series that can be used among 1" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert not (workflow.folder / "results/corpus/corpus/corpus.tsv").exists()
