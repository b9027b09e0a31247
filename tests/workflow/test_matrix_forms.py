"""Forms of matrices through the workflow: what a refusal prints is typed in, and counts come
out."""

import json

import anndata as ad
import numpy as np
import pytest

from geo_series import GENES, Made, Sample, counts_of, table

pytestmark = pytest.mark.slow

TITLES = [f"{genotype}{number}" for genotype in ("WT", "KO") for number in (1, 2, 3, 4)]
COUNTS = counts_of(8)
TARGET = "results/x/counts.h5ad"


def series() -> Made:
    samples = [
        Sample(f"GSM{place + 1}", title, (f"genotype: {title[:2]}",))
        for place, title in enumerate(TITLES)
    ]
    return Made("GSE1", samples)


def test_transcripts_take_the_key_that_their_refusal_prints(workflow, tmp_path):
    ids = [f"ENSMUST{number:011d}" for number in range(len(GENES))]
    made = table(TITLES, COUNTS, genes=ids)
    series().write(tmp_path / "mirror", {"GSE1_est_counts.txt.gz": made})
    config = {"geo": {"base_url": (tmp_path / "mirror").as_uri(), "ncbi_counts": False}}
    rows = [{"dataset": "x", "source": "GSE1", "label": "genotype"}]
    refused = workflow.run(TARGET, config=config, rows=rows)
    assert refused.returncode == 1
    assert "--config transcripts=FILE" in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    known = workflow.folder / "tx2gene.tsv"
    lines = [f"{one}\t{gene}" for one, gene in zip(ids, GENES, strict=True)]
    known.write_text("tx\tgene\n" + "\n".join(lines) + "\n")
    run = workflow.run(TARGET, "--config", f"transcripts={known}")
    assert run.returncode == 0, run.stdout + run.stderr
    adata = ad.read_h5ad(workflow.folder / TARGET)
    np.testing.assert_array_equal(adata[:, GENES].X.toarray(), COUNTS.T)


def test_normalised_counts_are_let_in_by_the_printed_key_and_marked(workflow, tmp_path):
    factors = np.array([0.71, 0.86, 0.94, 1.07, 1.22, 1.33, 0.8, 1.1])
    low = np.random.default_rng(3).negative_binomial(1, 0.05, size=COUNTS.shape)
    made = table(TITLES, np.round(low / factors, 3))
    series().write(tmp_path / "mirror", {"GSE1_normalized.txt.gz": made})
    config = {"geo": {"base_url": (tmp_path / "mirror").as_uri(), "ncbi_counts": False}}
    rows = [{"dataset": "x", "source": "GSE1", "label": "genotype"}]
    refused = workflow.run(TARGET, config=config, rows=rows)
    printed = (refused.stdout + refused.stderr).split("`--config ")[1].split("`")[0]
    assert printed == "allow_values='[normalised_counts]'"
    run = workflow.run(TARGET, "--config", printed.replace("'", ""))
    assert run.returncode == 0, run.stdout + run.stderr
    reading = json.loads((workflow.folder / "results/x/reading.json").read_text())
    assert reading["values"]["type"] == "normalised_counts"
    assert "counts normalised by a factor per sample" in reading["how"]
