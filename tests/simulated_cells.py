"""Single cells of some donors, and the stage that makes expression.h5ad of them."""

import json
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from epigpt.expression import embedding
from epigpt.stages import expression as stage

CELLS, GENES, DONORS = 240, 120, 6


def cells(seed: int = 0) -> anndata.AnnData:
    random = np.random.default_rng(seed)
    donor = np.sort(random.integers(0, DONORS, CELLS))
    counts = random.poisson(random.gamma(0.4, 3, (CELLS, GENES)))
    counts[:, -1] = 0
    obs = pd.DataFrame(
        {
            "sample": [f"D{number}" for number in donor],
            "label": np.where(donor % 2, "case", "control"),
            "group": [f"D{number}" for number in donor],
            "cell_type": random.choice(["B", "T"], CELLS),
            "sex": np.where(donor // 2 % 2, "female", "male"),
        },
        index=[f"c{number:03d}" for number in range(CELLS)],
    )
    genes = [f"G{number:03d}" for number in range(GENES)]
    return anndata.AnnData(
        sp.csr_matrix(counts.astype(np.int32)),
        obs=obs,
        var=pd.DataFrame({"symbol": genes}, index=genes),
        uns={"assay": "single_cell", "organism": "unknown", "dataset": "cells"},
    )


def run_stage(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Path:
    given = {"seed": 1, "exclude_genes": [], "cells_per_donor": 10, **settings}
    for name in ("min_counts", "min_genes", "max_mitochondrial_percent"):
        given.setdefault(f"quality.{name}", "auto")
    argv = ["expression", "--settings", json.dumps(given), "--dataset", "cells"]
    for name, file in (("counts", "counts.h5ad"), ("expression", "e.h5ad"), ("quality", "q.tsv")):
        argv += [f"--{name}", str(folder / file)]
    monkeypatch.setattr("sys.argv", argv)
    # UMAP's own graph compiles for 10 s; test_expression_embedding.py shows it.
    monkeypatch.setattr(embedding, "_GAUSSIAN_GRAPH", CELLS + 1)
    stage.main()
    return folder / "e.h5ad"
