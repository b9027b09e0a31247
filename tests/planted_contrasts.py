"""Count tables with planted changes, with and without paired donors."""

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

from epigpt.expression import contrasts

UP, DOWN, GENES = slice(0, 20), slice(20, 40), 400


def series(
    obs: pd.DataFrame,
    depth: float = 1.0,
    donor_spread: float = 0.0,
    assay: str = "bulk",
    seed: int = 0,
) -> anndata.AnnData:
    """Counts in which label `case` has 20 genes four times as high and 20 a quarter as high."""
    random = np.random.default_rng(seed)
    rates = np.tile(random.gamma(1.5, 150, GENES) * depth, (len(obs), 1))
    case = (obs["label"] == "case").to_numpy()
    rates[case, UP] *= 4
    rates[case, DOWN] /= 4
    for name in sorted(set(obs["group"])):
        rates[(obs["group"] == name).to_numpy()] *= np.exp(random.normal(0, donor_spread, GENES))
    rates[:, -1] = 0
    counts = random.poisson(random.gamma(10, rates / 10))
    names = [f"Gene{number:03d}" for number in range(GENES)]
    table = (
        obs.assign(sample=[f"s{number:03d}" for number in range(len(obs))])
        .set_index("sample", drop=False)
        .rename_axis(None)
    )
    var = pd.DataFrame({"symbol": [f"sym{number}" for number in range(GENES)]}, index=names)
    data = anndata.AnnData(
        sp.csr_matrix(counts.astype(np.int32)),
        obs=table,
        var=var,
        uns={"assay": assay, "dataset": "x"},
    )
    data.layers["counts"] = data.X
    return data


def paired(donors: int, each: int = 1) -> pd.DataFrame:
    """Every donor with samples of both classes."""
    rows = [
        (label, f"d{donor}")
        for donor in range(donors)
        for label in ("case", "control")
        for _ in range(each)
    ]
    return pd.DataFrame(rows, columns=["label", "group"])


def by_gene(found: contrasts.Comparison) -> pd.DataFrame:
    return found.table.set_index("gene").sort_index()
