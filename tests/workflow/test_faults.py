"""Runs that cannot end well: a list and an index of what became of each data set; modules of the
working directory stay unread."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def table(path: Path, last: str) -> None:
    names = [f"S{number}" for number in range(1, 5)]
    rows = [",".join(["gene", *names])]
    rows += [f"ENSG{number:011d}," + ",".join([str(number)] * 4) for number in range(1, 80)]
    path.write_text("\n".join([*rows, last]) + "\n")


def test_two_bad_rows_and_foreign_modules(workflow):
    folder = workflow.folder
    folder.mkdir(parents=True)
    (folder / "epigpt").mkdir()
    for name in ("epigpt/__init__.py", "csv.py", "numpy.py"):
        (folder / name).write_text(f"raise SystemExit('{name} of the working directory was run')")
    table(folder / "short.csv", "ENSG00000000100,1")
    table(folder / "odd.csv", "ENSG00000000100,1,2,3,many")
    (folder / "sheet.csv").write_text("sample,condition\nS1,a\nS2,a\nS3,b\nS4,b\n")
    rows = [
        {"dataset": name, "source": f"{name}.csv", "samples": "sheet.csv", "label": "condition"}
        for name in ("short", "odd")
    ]
    # As users start it; `python -m snakemake` would itself look into the working directory first.
    done = workflow.run(config={}, rows=rows, inside=["env", "PYTHONSAFEPATH=1"])
    told = done.stdout + done.stderr
    assert done.returncode == 1, told
    assert "of the working directory was run" not in told
    assert "Traceback" not in told
    closing = told[told.index("0 of 2 data sets are finished") :]
    assert "short: a line with another number of cells" in closing
    assert "odd: a cell that is not a number" in closing
    assert closing.count("remedy:") == 2
    page = (folder / "results" / "index.html").read_text()
    assert "refused: a line with another number of cells" in page
    assert "refused: a cell that is not a number" in page
