"""Tables and JSON of a result folder, and the models, metrics and genes that they name."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

METRICS = ("auc", "average_precision", "f1", "balanced_accuracy", "mcc", "brier")
MODELS = ("finetuned", "logistic_l2", "pca_logistic", "random_forest", "majority")
SYMBOLS = ["Gfap", "Vim", "Gria1", "Gria2", "Sst", "Pvalb", "Fosb", "Gad1", "Slc17a7", "Aqp4"]


def tsv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table the way the stages do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, sep="\t", index=False, float_format="%.6g")


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def gene_names(genes: int) -> tuple[list[str], list[str]]:
    ids = [f"ENSMUSG{at:011d}" for at in range(genes)]
    return ids, (SYMBOLS + [f"Gene{at}" for at in range(genes)])[:genes]
