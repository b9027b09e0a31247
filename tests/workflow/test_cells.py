"""A series of single cells from its file to its report: the models see the sums of deep samples, as
`epigpt predict` does of new ones."""

import os
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

DONORS, CELLS, GENES = 8, 12, 1500
ROW = {
    "dataset": "cells",
    "source": "cells.h5ad",
    "label": "condition",
    "case": "case",
    "control": "control",
    "group": "donor",
    "organism": "human",
    "assay": "single_cell",
}


def write(path):
    """Write cells whose donors have six million counts each."""
    random = np.random.default_rng(0)
    share = np.exp(random.normal(0, 1.5, GENES)) * random.uniform(0.7, 1.4, (DONORS, GENES))
    share[1::2, :60] *= 2
    share = np.repeat(share / share.sum(axis=1, keepdims=True), CELLS, axis=0)
    donor = np.repeat(np.arange(DONORS), CELLS)
    obs = pd.DataFrame(
        {
            "donor": [f"D{number}" for number in donor],
            "condition": np.where(donor % 2, "case", "control"),
        },
        index=[f"cell{number:03d}" for number in range(len(donor))],
    )
    genes = [f"ENSG{number:011d}" for number in range(1, GENES + 1)]
    counts = random.poisson(share * 6e6 / CELLS).astype(np.int32)
    anndata.AnnData(
        scipy.sparse.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=genes)
    ).write_h5ad(path)


@pytest.mark.slow
def test_cells_of_deep_samples_from_file_to_report_and_prediction(workflow, root):
    workflow.folder.mkdir(parents=True)
    write(workflow.folder / "cells.h5ad")
    config = {"model": "tiny", "folds": 3, "repeats": 1, "permutations": 0}
    config["baselines"] = ["majority"]
    report = "results/cells/report.html"
    done = workflow.run(report, "results/cells/models/tiny/final", config=config, rows=[ROW])
    assert done.returncode == 0, done.stdout + done.stderr
    text = (workflow.folder / report).read_text(encoding="utf-8")
    assert f"models see the sums of {DONORS * CELLS} cells over their {DONORS} samples" in text
    folder = workflow.folder / "results" / "cells"
    tokens = pd.read_csv(folder / "tokens" / "final" / "index.tsv", sep="\t")
    assert sorted(tokens["sample"]) == sorted(set(tokens["sample"]))
    assert len(tokens) == DONORS
    command = [Path(sys.executable).with_name("epigpt"), "predict", folder / "models/tiny/final"]
    scored = subprocess.run(
        [*command, folder / "expression.h5ad"],
        env={**os.environ, "PYTHONPATH": str(root / "workflow")},
        capture_output=True,
        text=True,
    )
    assert scored.returncode == 0, scored.stderr
    assert f"{DONORS * CELLS} cells summed over {DONORS} samples" in scored.stderr
    rows = [line.split("\t") for line in scored.stdout.splitlines()[1:]]
    assert len(rows) == 2 * DONORS
    right = {name: "case" if int(name[-1]) % 2 else "control" for name in {row[0] for row in rows}}
    likeliest = {row[0]: row[1] for row in rows if float(row[2]) > 0.5}
    assert likeliest == right
