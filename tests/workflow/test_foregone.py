"""Permutations by themselves run where they can decide, and nowhere else."""

import json
import re

import numpy as np
import pandas as pd
import pytest

SAMPLES = 12
KNOWN = [f"results/{name}/foregone.json" for name in ("open", "dated", "few")]


def write(folder, name, samples, dates):
    names = [f"{name}{number:02d}" for number in range(samples)]
    random = np.random.default_rng(0)
    means = np.exp(random.normal(4, 2, (1500, 1))) * random.uniform(0.7, 1.4, samples)
    genes = [f"ENSG{number:011d}" for number in range(1, 1501)]
    counts = pd.DataFrame(random.poisson(means), index=genes, columns=names)
    counts.rename_axis("gene").to_csv(folder / f"{name}.csv")
    sheet = {"sample": names, "condition": ["case", "control"] * (samples // 2), "date": dates}
    pd.DataFrame(sheet).to_csv(folder / f"{name}_sheet.csv", index=False)
    return {
        "dataset": name,
        "source": f"{name}.csv",
        "samples": f"{name}_sheet.csv",
        "label": "condition",
        "case": "case",
        "control": "control",
        "group": "sample",
        "organism": "human",
        "assay": "bulk",
    }


def permutations(workflow, name, config):
    """Count the jobs of permutations that a dry run plans for the answer of a data set."""
    target = f"results/{name}/verdict.json"
    told = workflow.run(target, "--dry-run", "--rerun-triggers", "mtime", config=config)
    assert told.returncode == 0, told.stdout + told.stderr
    found = re.search(r"^null +(\d+)$", told.stdout + told.stderr, re.MULTILINE)
    return int(found[1]) if found else 0


@pytest.mark.slow
def test_permutations_run_where_they_can_decide(workflow):
    workflow.folder.mkdir(parents=True)
    days = ["2021-03-01", "2021-04-01"]
    rows = [
        write(workflow.folder, "open", SAMPLES, [days[at // 6] for at in range(SAMPLES)]),
        write(workflow.folder, "dated", SAMPLES, days * (SAMPLES // 2)),
        write(workflow.folder, "few", 6, [days[at // 3] for at in range(6)]),
    ]
    config = {"model": "tiny", "folds": 3, "baselines": ["majority"]}
    config["quality"] = {"min_counts": 1, "min_genes": 1}
    done = workflow.run(*KNOWN, config=config, rows=rows)
    assert done.returncode == 0, done.stdout + done.stderr
    known = [json.loads((workflow.folder / path).read_text()) for path in KNOWN]
    assert [one["confounders"] for one in known] == [[], ["date"], []]
    assert [one["enough_groups"] for one in known] == [True, True, False]
    asked = {name: permutations(workflow, name, config) for name in ("open", "dated", "few")}
    assert asked == {"open": 20, "dated": 0, "few": 0}
    accepting = {**config, "ignore_confounders": ["date"]}
    assert permutations(workflow, "dated", accepting) == 20
    assert permutations(workflow, "few", accepting) == 0
    # A number that is asked for is run whatever it can decide.
    assert permutations(workflow, "few", {**config, "permutations": 7}) == 2
