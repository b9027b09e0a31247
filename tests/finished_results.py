"""A small data set's results with a finished model, as a run leaves them, in a second."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt import files, schema
from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding import token_dataset
from epigpt.models import classifier, presets

CLASSES = ["untreated", "dexamethasone"]


def series(samples: int = 10, genes: int = 60) -> anndata.AnnData:
    generator = np.random.default_rng(3)
    counts = generator.poisson(generator.gamma(0.7, 30, genes), (samples, genes))
    obs = pd.DataFrame(
        {
            "sample": [f"S{number:02d}" for number in range(samples)],
            "group": [f"D{number:02d}" for number in range(samples)],
            "label": [CLASSES[number % 2] for number in range(samples)],
        },
        index=[f"S{number:02d}" for number in range(samples)],
    )
    names = [f"GENE{number:03d}" for number in range(genes)]
    var = pd.DataFrame({"symbol": names}, index=pd.Index(names, name="gene"))
    return anndata.AnnData(
        scipy.sparse.csr_matrix(counts.astype(np.int32)),
        obs=obs,
        var=var,
        uns={"assay": "bulk", "organism": "unknown"},
    )


def write(folder: Path) -> Path:
    """Write counts, expression, tokens, the final model, samples, metrics and verdict."""
    folder.mkdir(parents=True)
    adata = series()
    adata.layers["counts"], adata.layers["lognorm"] = adata.X.copy(), adata.X.astype(np.float32)
    for name in ("counts.h5ad", "expression.h5ad"):
        adata.write_h5ad(folder / name)
    observations = open_observations(folder / "expression.h5ad")
    recipe = token_dataset.EncodingConfig("gene-values", 16, 40, 2, 1)
    store = folder / "tokens" / "final"
    token_dataset.write(store, observations, np.zeros(10, dtype=bool), CLASSES, recipe)
    stored = token_dataset.load(store)
    config = classifier.configuration(
        presets.load("tiny"), "gene-values", stored.size, stored.tokens.shape[2], stored.classes
    )
    final = folder / "models" / "tiny" / "final"
    classifier.save(classifier.build(config, 1), final)
    stored.vocabulary.save(final / "vocabulary.json")
    stored.reference.save(final / "reference.npz")
    files.write_json(final / "labels.json", {"classes": CLASSES, **vars(recipe)})
    adata.obs[["sample", "label", "group"]].to_csv(folder / "samples.tsv", sep="\t", index=False)
    header = schema.TABLES["metrics.tsv"].header
    values = ["finetuned", "tiny", "auc", "0.75", "0.5", "1", "", "", "", "10", "10"]
    (folder / "metrics.tsv").write_text("\t".join(header) + "\n" + "\t".join(values) + "\n")
    files.write_json(folder / "verdict.json", {"verdict": "no_evidence", "reason": "few"})
    return folder
