"""Simulated series of the family `shared`, small, as a corpus is made of them."""

from dataclasses import replace

import anndata
import pandas as pd
import scipy.sparse

from epigpt.simulation.design import FAMILIES
from epigpt.simulation.simulate import simulate

SETTINGS = {
    "allow_values": ["estimated_counts"],
    "geo.max_unpacked_gb": 1,
    "quality.min_counts": "auto",
    "quality.min_genes": "auto",
    "quality.max_mitochondrial_percent": "auto",
}
DESIGN = replace(FAMILIES["shared"].design, groups=8, genes=1600)


def counts(seed: int, prefix: str = "S") -> anndata.AnnData:
    drawn = simulate(seed, DESIGN)
    names = [f"{prefix}{number}" for number in range(drawn.counts.shape[1])]
    genes = drawn.counts.index.astype(str)
    return anndata.AnnData(
        scipy.sparse.csr_matrix(drawn.counts.T.to_numpy()),
        obs=pd.DataFrame({"sample": names}, index=names),
        var=pd.DataFrame({"symbol": genes}, index=genes),
        uns={"assay": "bulk", "organism": "mouse"},
    )
