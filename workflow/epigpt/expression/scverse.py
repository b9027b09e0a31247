"""What users of scanpy and of CELLxGENE look for in an AnnData file, under the names they use."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

if TYPE_CHECKING:
    from anndata import AnnData

# Cells that are laid out and clustered: neighbours, UMAP and a community search in plain Python
# take longer than all else, and a page shows no more.
MOST_CELLS = 10_000
# Quality columns by scanpy's names (`scanpy.pp.calculate_qc_metrics`).
_QUALITY = {
    "total_counts": "total_counts",
    "n_genes": "n_genes_by_counts",
    "mitochondrial_percent": "pct_counts_mt",
}
# Terms of the NCBI taxonomy and of EFO that CELLxGENE's schema asks for, where they are known. An
# assay's term would need its chemistry, which no record says in a fixed way.
_TAXA = {
    "human": ("NCBITaxon:9606", "Homo sapiens"),
    "mouse": ("NCBITaxon:10090", "Mus musculus"),
    "rat": ("NCBITaxon:10116", "Rattus norvegicus"),
    "zebrafish": ("NCBITaxon:7955", "Danio rerio"),
}
_SEXES = {
    "female": "PATO:0000383",
    "f": "PATO:0000383",
    "male": "PATO:0000384",
    "m": "PATO:0000384",
}


def describe(expression: "AnnData", judged: pd.DataFrame) -> None:
    """Add quality, gene names, clusters of cells and ontology terms to `expression`, in place.

    Parameters
    ----------
    expression
        Embedded; of single cells with a graph of neighbours.
    judged
        Rows of `quality.measure`, of the same observations in the same order.

    Notes
    -----
    Adds `obs`: `total_counts`, `n_genes_by_counts`, `pct_counts_mt`; `donor_id` (the group),
    `sex_ontology_term_id` where a characteristic `sex` says it; `cluster` of up to 10,000 cells,
    by Louvain's method (Blondel et al. 2008) on the graph of neighbours; `var["feature_name"]`;
    `uns["organism_ontology_term_id"]`, `uns["title"]`. A column that the record brings itself is
    left as it is.
    """
    added = {
        theirs: judged[ours].to_numpy(dtype=float)
        for ours, theirs in _QUALITY.items()
        if ours in judged
    }
    if "group" in expression.obs:
        added["donor_id"] = expression.obs["group"].astype(str).to_numpy()
    sex = next((name for name in expression.obs if str(name).lower() in ("sex", "gender")), None)
    if sex is not None:
        said = expression.obs[sex].astype(str).str.strip().str.lower()
        added["sex_ontology_term_id"] = said.map(_SEXES).fillna("unknown").to_numpy()
    clusters = _clusters(expression)
    if clusters is not None:
        added["cluster"] = clusters
    for name, values in added.items():
        if name not in expression.obs:
            expression.obs[name] = values
    symbols = expression.var.get("symbol")
    ids = expression.var_names.to_series()
    named = ids if symbols is None else symbols.astype(str).where(symbols.astype(str) != "", ids)
    expression.var["feature_name"] = named.to_numpy()
    organism = str(expression.uns.get("organism", ""))
    if organism in _TAXA:
        expression.uns["organism_ontology_term_id"], expression.uns["organism_name"] = _TAXA[
            organism
        ]
    expression.uns["title"] = str(expression.uns.get("dataset", ""))


def _clusters(expression: "AnnData") -> np.ndarray | None:
    """Return the cluster of each cell, the largest first; None without a graph, or for too many."""
    graph = expression.obsp.get("connectivities")
    if graph is None or not 50 <= expression.n_obs <= MOST_CELLS:
        return None
    import networkx

    upper = sparse.triu(graph, 1).tocoo()
    network = networkx.Graph()
    network.add_nodes_from(range(expression.n_obs))
    network.add_weighted_edges_from(
        zip(upper.row.tolist(), upper.col.tolist(), upper.data.tolist(), strict=True)
    )
    found = networkx.community.louvain_communities(network, seed=0)
    codes = np.empty(expression.n_obs, dtype=object)
    for number, members in enumerate(sorted(found, key=lambda one: (-len(one), min(one)))):
        codes[list(members)] = str(number)
    return codes
