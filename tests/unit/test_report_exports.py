"""What a reader takes along from a report must work on its own."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import report_results as make
from epigpt.report import exports, style
from epigpt.report.results import Results


@pytest.fixture(scope="module")
def taken_along(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("exports")
    results = make.write(base / "one")
    (base / "exports").mkdir()
    exports.write(Results(results), base / "exports")
    return base / "exports"


@pytest.mark.slow
def test_the_notebook_runs_as_it_is_wherever_it_lies(
    taken_along: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(taken_along, folder)
    monkeypatch.chdir(folder)
    mpl.use("Agg")
    notebook = json.loads((folder / "figures.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)  # noqa: S102
    for figure in ("pca", "volcano", "heatmap", "gene", "pathways"):
        assert (folder / f"{figure}.pdf").read_bytes().startswith(b"%PDF"), figure


def test_classes_have_the_order_and_colours_of_the_page(taken_along: Path) -> None:
    """The first sample of the table may be of either class; the page's first is the control."""
    results = Results(taken_along.parent / "one")
    classes = json.dumps(results.classes)[1:-1]
    script = (taken_along / "figures.R").read_text(encoding="utf-8")
    notebook = (taken_along / "figures.ipynb").read_text(encoding="utf-8")
    assert f"ordered <- c({classes})" in script
    assert f"ordered = [{classes}]" in json.dumps(json.loads(notebook)).replace('\\"', '"')
    for colour in style.PALETTE:
        assert colour in script
        assert colour in notebook


def test_the_matrix_is_the_one_of_the_expression_file(taken_along: Path) -> None:
    table = pd.read_csv(taken_along / "normalised.tsv.gz", sep="\t", index_col=["gene", "symbol"])
    data = Results(taken_along.parent / "one").expression
    assert data is not None
    assert np.allclose(
        table.T.to_numpy(), data.profiles().loc[table.columns].to_numpy(), rtol=1e-3, atol=1e-3
    )
    gct = pd.read_csv(taken_along / "normalised.gct.gz", sep="\t", skiprows=2)
    assert gct.columns[:3].tolist() == ["NAME", "Description", "Hippocampus, mouse 1"]
    assert gct.shape == (len(table), 2 + table.shape[1])
    samples = pd.read_csv(taken_along / "samples.tsv", sep="\t")
    assert samples["sample"].tolist() == table.columns.tolist()
    assert {"title", "PC1", "PC2"} <= set(samples)


def test_the_r_script_reads_the_files_that_lie_beside_it(taken_along: Path) -> None:
    script = (taken_along / "figures.R").read_text(encoding="utf-8")
    read = re.findall(r'(?:read\.delim|gzfile)\("([^"]+)"', script)
    assert len(read) == 4
    for name in read:
        assert (taken_along / name).is_file(), name
    assert "@" not in script
    for opening, closing in ("()", "{}", "[]"):
        assert script.count(opening) == script.count(closing)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_the_r_script_draws_every_figure(taken_along: Path, tmp_path: Path) -> None:
    """Also where titles have quotes and remarks, and classes are words of R."""
    folder = tmp_path / "moved"
    shutil.copytree(taken_along, folder)
    samples = pd.read_csv(folder / "samples.tsv", sep="\t")
    samples["title"] = [f'it\'s "{at}" #{at}' for at in range(len(samples))]
    samples["label"] = samples["label"].map({"control": "FALSE", "epilepsy": "TRUE"})
    samples.to_csv(folder / "samples.tsv", sep="\t", index=False)
    done = subprocess.run(
        ["Rscript", "--vanilla", "figures.R"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    drawn = (folder / "figures_r.pdf").read_bytes()
    assert drawn.startswith(b"%PDF")
    assert b"/Count 5 " in drawn


def test_multiqc_finds_its_custom_content(taken_along: Path) -> None:
    content = json.loads((taken_along / "samples_mqc.json").read_text(encoding="utf-8"))
    assert content["plot_type"] == "table"
    assert content["data"]["Hippocampus, mouse 1"]["counts"] > 0
    assert content["data"]["GSM9"]["kept"] == "false"


def test_the_same_results_give_the_same_bytes(taken_along: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    exports.write(Results(taken_along.parent / "one"), again)
    for path in sorted(taken_along.iterdir()):
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name
