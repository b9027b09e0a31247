"""Search the recipe: held-out AUC of GPT-2 with one choice changed at a time, beside baselines on
the same folds.

    python tests/benchmarks/recipes.py RESULTS [RESULTS ...] --table recipes.tsv [--only NAME ...]
    [--seeds 1 2]

Each RESULTS is the folder of a data set whose expression.h5ad, folds.tsv and folds.json are
finished. A row already in the table is not computed again, so a stopped search goes on where it
was. `--show` prints the table as Markdown, best mean first.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

COLUMNS = ["recipe", "series", "seed", "auc", "seconds"]
# Settings that differ from the defaults; keys that begin with "+" change what no setting changes.
RECIPES: dict[str, dict[str, object]] = {
    "default": {},
    "genes by deviation": {"gene_selection": "deviation"},
    "genes by label": {"gene_selection": "label"},
    "no linear start": {"+linear_start": False},
    "gene values": {"encoding": "gene-values"},
    "gene values by deviation": {"encoding": "gene-values", "gene_selection": "deviation"},
    "ranks (gene-tokens)": {"encoding": "gene-tokens"},
    "ranks, random start": {"encoding": "gene-tokens", "+axes": False},
    "values, random start": {"encoding": "gene-values", "+axes": False},
    "one view": {"views": 1, "epochs": 40},
    "8 views": {"views": 8, "epochs": 5},
    "5 epochs": {"epochs": 5},
    "20 epochs": {"epochs": 20},
    "learning rate 3e-4": {"learning_rate": 3e-4},
    "learning rate 3e-3": {"learning_rate": 3e-3},
    "256 genes": {"encoding": "gene-values", "max_genes": 256},
    "512 genes": {"encoding": "gene-values", "max_genes": 512},
    "know 500 genes": {"vocabulary_genes": 500},
    "know 2000 genes": {"vocabulary_genes": 2000},
    "know 5000 genes": {"vocabulary_genes": 5000},
    "one layer": {"+layers": 1},
    "four layers": {"+layers": 4},
    "no label smoothing": {"+label_smoothing": 0.0},
    "weight decay 0.1": {"+weight_decay": 0.1},
    "scale: a gene's own deviation": {"encoding": "gene-values", "+own_scale": True},
    "head without the direct path": {"encoding": "gene-values", "+direct": False},
    "both of the old": {"encoding": "gene-values", "+own_scale": True, "+direct": False},
    "no blocks": {"+variant": "finetuned_no_blocks"},
}
BASELINES = ["logistic_l2", "logistic_l1", "pca_logistic", "random_forest", "gradient_boosting"]


def main() -> None:
    """Fill the table, or print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="*")
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=["baselines", *RECIPES])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    known = (
        pd.read_csv(options.table, sep="\t")
        if options.table.is_file()
        else pd.DataFrame(columns=COLUMNS)
    )
    if not known.empty:
        known = known.astype({"seed": int})
    for recipe in options.only:
        for seed in options.seeds:
            for folder in options.results:
                named = BASELINES[0] if recipe == "baselines" else recipe
                if (
                    (known["recipe"] == named)
                    & (known["series"] == folder.name)
                    & (known["seed"] == seed)
                ).any():
                    continue
                rows = (
                    baseline_rows(folder, seed)
                    if recipe == "baselines"
                    else [gpt2_row(folder, recipe, seed)]
                )
                new = pd.DataFrame(rows, columns=COLUMNS)
                known = pd.concat([known, new], ignore_index=True) if len(known) else new
                known.to_csv(options.table, sep="\t", index=False, float_format="%.4f")
                print(
                    *(
                        f"{row[0]:24s} {row[1]:16s} {row[2]} {row[3]:.3f} {row[4]:6.1f} s"
                        for row in rows
                    ),
                    sep="\n",
                    flush=True,
                )
    if options.show:
        print(shown(known))


def redrawn(folder: Path, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """Give folds drawn with a seed of their own, so that two seeds are two draws of everything, and
    the classes."""
    import h5py
    from anndata.io import read_elem

    from epigpt.evaluation import cross_validation

    with h5py.File(folder / "expression.h5ad") as file:
        observed = read_elem(file["obs"])
    summary = json.loads((folder / "folds.json").read_text())
    return cross_validation.folds(observed, summary["folds"], 1, seed), summary["classes"]


def auc(predicted: pd.DataFrame, classes: list[str]) -> float:
    """Score held-out predictions as the workflow does."""
    from epigpt.evaluation.metrics import held_out, scores

    held = held_out(predicted, classes)
    return float(scores(held, held.unit_weights())["auc"][0])


def baseline_rows(folder: Path, seed: int) -> list[tuple[str, str, int, float, float]]:
    """Score every baseline on one draw of folds."""
    from epigpt.dataset import expression_data
    from epigpt.evaluation import baselines

    folds, classes = redrawn(folder, seed)
    data = expression_data.read(folder / "expression.h5ad")
    rows = []
    for model in BASELINES:
        began = time.monotonic()
        rows.append(
            (
                model,
                folder.name,
                seed,
                auc(baselines.cross_predict(model, data, folds, seed), classes),
                time.monotonic() - began,
            )
        )
    return rows


def gpt2_row(folder: Path, recipe: str, seed: int) -> tuple[str, str, int, float, float]:
    """Encode and fine-tune every fold of one draw with one recipe."""
    from epigpt.config.settings import Settings
    from epigpt.dataset.count_blocks import open_observations
    from epigpt.evaluation import refit_pipeline
    from epigpt.models import choice

    changes = RECIPES[recipe]
    settings = {
        **choice.resolve(Settings(), choice.Devices("this machine")).model_dump(mode="json"),
        **{key: value for key, value in changes.items() if key[0] != "+"},
        "seed": seed,
    }
    folds, classes = redrawn(folder, seed)
    pipeline = refit_pipeline.Pipeline("tiny", settings, str(changes.get("+variant", "finetuned")))
    began = time.monotonic()
    with changed(changes):
        predicted = refit_pipeline.from_expression(
            pipeline, open_observations(folder / "expression.h5ad"), folds, classes
        )
    return recipe, folder.name, seed, auc(predicted, classes), time.monotonic() - began


@contextmanager
def changed(changes: dict[str, object]) -> Iterator[None]:
    """Change what no setting changes, for one recipe."""
    from epigpt.encoding import gene_statistics
    from epigpt.models import classifier, gene_values, presets
    from epigpt.training import engine

    with ExitStack() as stack:
        if changes.get("+own_scale"):
            stack.enter_context(
                mock.patch.object(gene_statistics, "fit", own_scale(gene_statistics.fit))
            )
        if changes.get("+direct") is False:
            functional = gene_values.nn.functional
            stack.enter_context(
                mock.patch.object(functional, "layer_norm", without_direct(functional.layer_norm))
            )
        if changes.get("+linear_start") is False:
            stack.enter_context(
                mock.patch.object(classifier, "start_from_programs", return_value=None)
            )
        if changes.get("+axes") is False:
            stack.enter_context(mock.patch.object(classifier, "start_from_axes", return_value=None))
        if "+layers" in changes:
            load = presets.load
            stack.enter_context(
                mock.patch.object(
                    presets,
                    "load",
                    lambda name: dataclasses.replace(load(name), layers=changes["+layers"]),
                )
            )
        trained = {
            key[1:]: value
            for key, value in changes.items()
            if key in ("+label_smoothing", "+weight_decay")
        }
        if trained:
            plain = engine.Recipe
            stack.enter_context(
                mock.patch.object(engine, "Recipe", lambda **fields: plain(**{**fields, **trained}))
            )
        yield


def own_scale(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Measure a gene by its own standard deviation instead of the one that is usual at its mean."""

    def changed_fit(sums: Any, columns: Any, target: float) -> Any:
        mean = sums.total[columns] / sums.rows
        deviation = (
            (sums.squares[columns] / sums.rows - mean**2).clip(0)
            * sums.rows
            / max(sums.rows - 1, 1)
        ) ** 0.5
        scale = (deviation + max(float(np.median(deviation)), 1e-3)).astype("float32")
        return dataclasses.replace(fit(sums, columns, target), scale=scale)

    return changed_fit


def without_direct(layer_norm: Callable[..., Any]) -> Callable[..., Any]:
    """Leave out the head's direct path, the one layer norm that has no weights."""
    return lambda values, shape, *weights: (
        layer_norm(values, shape, *weights) if weights else values * 0
    )


def shown(table: pd.DataFrame) -> str:
    """Give the mean over seeds, recipes × series, as Markdown, GPT-2 recipes by their mean over
    series."""
    wide = table.pivot_table(index="recipe", columns="series", values="auc")
    wide["mean"] = wide.mean(axis=1)
    wide["seconds a fit"] = table.groupby("recipe")["seconds"].mean() / 5
    wide = pd.concat(
        [
            wide[wide.index.isin(BASELINES)],
            wide[~wide.index.isin(BASELINES)].sort_values("mean", ascending=False),
        ]
    )
    head = "| | " + " | ".join(map(str, wide.columns)) + " |\n|---|" + "---|" * len(wide.columns)
    cells = [["" if pd.isna(cell) else f"{cell:.3f}" for cell in row] for row in wide.to_numpy()]
    lines = [
        f"| {' | '.join([str(name), *row])} |" for name, row in zip(wide.index, cells, strict=True)
    ]
    return "\n".join([head, *lines])


if __name__ == "__main__":
    main()
