"""A matrix whose columns say nothing of the record's samples: the run leaves a table to fill in, and
with it the same run succeeds."""

import json

import anndata as ad
import numpy as np
import pytest

from geo_series import Made, Sample, counts_of, table

pytestmark = pytest.mark.slow


def test_the_table_that_a_refused_run_leaves_settles_it(workflow, tmp_path):
    samples = [
        Sample(f"GSM{n}", f"hippocampus, animal {'abcdefgh'[n]}", (f"genotype: {'KW'[n % 2]}",))
        for n in range(8)
    ]
    columns = [f"run{n}" for n in range(8)]
    counts = counts_of(8)
    Made("GSE5", samples).write(tmp_path / "mirror", {"GSE5_counts.txt.gz": table(columns, counts)})
    config = {"geo": {"base_url": (tmp_path / "mirror").as_uri()}}
    row = {"dataset": "a", "source": "GSE5", "organism": "mouse", "label": "genotype"}
    target = "results/a/counts.h5ad"
    done = workflow.run(target, config=config, rows=[row])
    output = done.stdout + done.stderr
    assert done.returncode == 1
    assert "columns without a sample: run0, run1" in output
    assert "results/a/logs/sample_map.tsv is such a table" in output
    # Column n is sample 7 - n: nobody could have guessed it.
    left = (workflow.folder / "results/a/logs/sample_map.tsv").read_text().splitlines()
    filled = [
        f"{line}GSM{7 - int(line.strip()[3:])}" if line.startswith("run") else line for line in left
    ]
    (workflow.folder / "mine.tsv").write_text("\n".join(filled) + "\n")
    done = workflow.run(target, config=config, rows=[{**row, "sample_map": "mine.tsv"}])
    assert done.returncode == 0, done.stdout + done.stderr
    adata = ad.read_h5ad(workflow.folder / target)
    found = adata.to_df()
    assert adata.obs["label"].tolist() == ["K", "W"] * 4
    totals = counts.sum(axis=0)
    np.testing.assert_array_equal(found.sum(axis=1).to_numpy(), totals[::-1])
    reading = json.loads((workflow.folder / "results/a/reading.json").read_text())
    assert reading["matching"]["rule"] == "the table mine.tsv (cell `sample_map`)"
    # What the table says is an input of the run: another content is read anew.
    (workflow.folder / "mine.tsv").write_text("\n".join(filled[:-1]) + "\n")
    done = workflow.run(target, config=config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ad.read_h5ad(workflow.folder / target).n_obs == 7
