"""A zebrafish series with changes planted by symbol, for tests of markers, sets and claims."""

import numpy as np
import pandas as pd

from epigpt.genes.markers import marker_sets

CLASSES = ("case", "control")


def lognorm(counts):
    """Samples × genes, log1p of counts per million."""
    values = counts.T.to_numpy(dtype=float)
    return np.log1p(values / values.sum(axis=1, keepdims=True) * 1e6)


def described(label, group=None):
    names = [f"S{i:02d}" for i in range(len(label))]
    return pd.DataFrame(
        {"group": names if group is None else group, "label": label},
        index=pd.Index(names, name="sample"),
    )


def contrast(genes, change, padj=0.001):
    return pd.DataFrame(
        {"gene": genes, "symbol": genes, "log2_fold_change": change, "p": padj, "padj": padj}
    )


def zebrafish(**changes):
    """Six against six fish; `changes` are log2 fold changes by symbol."""
    table = marker_sets("zebrafish")
    table = table[table["gene"] != ""].drop_duplicates("gene")
    random = np.random.default_rng(0)
    samples = described(["case"] * 6 + ["control"] * 6)
    mean = pd.Series(200.0, index=table["gene"])
    factor = table.set_index("gene")["symbol"].map(changes).fillna(0.0)
    counts = pd.DataFrame(
        {
            name: random.poisson(mean * 2 ** (factor * (samples.loc[name, "label"] == "case")))
            for name in samples.index
        },
        index=mean.index,
    )
    genes = pd.DataFrame({"symbol": table["symbol"].to_numpy()}, index=mean.index)
    return genes, lognorm(counts), samples, contrast(list(mean.index), list(factor))
