"""The smallest run of the whole workflow on the demo's simulated series."""

from typing import Any

CONFIG: dict[str, Any] = {
    "model": "tiny",
    "folds": 2,
    "repeats": 1,
    "epochs": 1,
    "views": 2,
    "max_genes": 32,
    "global_batch_size": 8,
    "bootstrap": 100,
    "baselines": ["majority"],
}
ROW = {
    "dataset": "epilepsy",
    "source": "GSE9000001",
    "label": "condition",
    "case": "epilepsy",
    "control": "control",
    "group": "litter",
}


def table(*datasets: str) -> str:
    """The data set table with a row of that series for each name."""
    rows = [{**ROW, "dataset": name} for name in datasets]
    return "".join("\t".join(line) + "\n" for line in [ROW, *(row.values() for row in rows)])
