"""The model against its baselines, and the folds behind it."""

import math
import numbers
from typing import Any

import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Cell, Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import comparison, held_out
from epigpt.report.figures import performance as figures
from epigpt.report.results import Results

_TITLE = "Model against baselines"
_ASKED = "Does GPT-2 do better than simpler models on samples of {} it has never seen?"


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    if results.metrics.empty:
        return Section(
            "models",
            _TITLE,
            _ASKED.format(results.units),
            _splits(results) if len(results.folds) else [],
            _reason(results),
        )
    content: list[Any] = []
    content += plates.save(figures.forest(results.metrics, "auc"))
    content += plates.save(
        figures.curve_panels(results.predictions, results.metrics, results.classes, results.case)
    )
    content.append(_metrics(results.metrics, results.units))
    content += _surely(results, plates)
    content += plates.save(
        held_out.calibration_and_confusion(
            results.predictions, results.calibration, results.classes, results.case
        )
    )
    content += plates.save(
        held_out.sample_probabilities(
            results.predictions, results.classes, results.case, results.name
        )
    )
    content += _splits(results)
    return Section("models", _TITLE, _comparison(results), content)


def _surely(results: Results, plates: FigureWriter) -> list[Any]:
    """Show how sure the comparison is; nothing where the tables behind it are absent or empty."""
    found: list[Any] = []
    drawn = plates.save(comparison.differences(results.comparison))
    if drawn:
        found += [
            blocks.Heading(
                "GPT-2 minus each other model",
                "See whether the whole interval lies on one side of zero.",
            ),
            *drawn,
        ]
    drawn = plates.save(comparison.null_scores(results.null, results.metrics))
    if drawn:
        found += [
            blocks.Heading(
                "Permuted labels", "See whether the true labels score beyond what permuted ones do."
            ),
            *drawn,
        ]
    drawn = plates.save(comparison.learning(results.learning_curve, results.units))
    if drawn:
        found += [
            blocks.Heading("Learning curve", f"See whether more {results.units} would help."),
            *drawn,
        ]
    elif len(results.learning_curve):
        found.append(
            blocks.Prose(
                f"Learning curve: there are too few {results.units} to learn from fewer of them, so"
                " nothing is drawn."
            )
        )
    return found


def _splits(results: Results) -> list[Any]:
    """Show which groups were held out where."""
    told = (
        f"No {results.unit} is ever on both sides: each fold is tested on {results.units} that its"
        " model has not seen."
    )
    heading = blocks.Heading("Splits", told)
    if results.folds.empty:
        return [heading, blocks.Prose(f"No splits: {_reason(results)}")]
    label = dict(zip(results.samples["sample"], results.samples["label"], strict=True))
    folds = results.folds.assign(label=results.folds["sample"].map(label).fillna(""))
    rows = []
    for (repeat, fold), tested in folds.groupby(["repeat", "fold"]):
        trained = folds[(folds["repeat"] == repeat) & (folds["fold"] != fold)]
        held_out = sorted(set(tested["group"]))
        row: list[Any] = [
            float(repeat),
            float(fold),
            wording.listing([wording.short(name, 24) for name in held_out], 12),
        ]
        row += [
            f"{int((trained['label'] == name).sum())} / {int((tested['label'] == name).sum())}"
            for name in results.classes
        ]
        row.append("none" if not set(trained["group"]) & set(held_out) else "some")
        rows.append(row)
    classes = [f"{wording.short(name, 24)}: trained / tested" for name in results.classes]
    frame = pd.DataFrame(
        rows, columns=["repeat", "fold", f"{results.units} tested", *classes, "on both sides"]
    )
    found: list[Any] = [
        heading,
        blocks.table(
            frame, "splits", "Samples per class in training and test, per fold", folded=25
        ),
        _per_sample(results),
    ]
    checksum = results.folds_summary.get("checksum")
    return (
        [*found, blocks.Prose(f"Checksum of the fold table (sha256): {checksum}")]
        if checksum
        else found
    )


def _per_sample(results: Results) -> blocks.Collapsible:
    wide = results.folds.pivot_table(
        index=["sample", "group"], columns="repeat", values="fold", sort=False
    ).reset_index()
    wide.columns = pd.Index(
        [
            f"fold in repeat {name}" if isinstance(name, numbers.Real) else str(name)
            for name in wide.columns
        ]
    )
    wide["sample"] = wide["sample"].map(results.name)
    if results.unit == "sample":
        wide = wide.drop(columns="group")
    wide = wide.rename(columns={"group": results.unit})
    return blocks.Collapsible(
        "Fold of every sample",
        [blocks.table(wide, "fold-table", "The fold in which each sample is tested", folded=40)],
    )


def _reason(results: Results) -> str:
    why = (
        results.verdict.get("reason")
        or results.folds_summary.get("reason")
        or "no model was fitted"
    )
    return f"Not assessable: {str(why).rstrip('.')}."


def _comparison(results: Results) -> str:
    best = str(results.verdict.get("best_rival") or "")
    own, other = results.metric("finetuned", "auc"), results.metric(best, "auc")
    if math.isnan(own) or math.isnan(other):
        return _ASKED.format(results.units)
    words = wording.MODEL_NAMES.get(best, best)
    return (
        f"GPT-2 reached an AUC of {wording.score(own)} on held-out {results.units}, its best rival"
        f" ({words}) {wording.score(other)}."
    )


def _metrics(metrics: pd.DataFrame, units: str) -> blocks.Table:
    names = [name for name in wording.METRIC_NAMES if name in set(metrics["metric"])] + sorted(
        set(metrics["metric"]) - set(wording.METRIC_NAMES)
    )
    models = figures.order(metrics["model"].tolist())
    permuted = bool(metrics.loc[metrics["metric"] == "auc", "p"].notna().any())
    rows = []
    for model in models:
        own = metrics[metrics["model"] == model].drop_duplicates("metric").set_index("metric")
        cells = [
            Cell(
                wording.MODEL_NAMES.get(model, model),
                model,
                "strong" if model == figures.GPT2 else "",
            )
        ]
        cells += [estimate(own.loc[name]) if name in own.index else Cell("–", "") for name in names]
        auc = own.loc["auc"] if "auc" in own.index else None
        if permuted:
            cells.append(chance(auc))
        rows.append(cells)
    sizes = metrics[["n_samples", "n_groups"]].dropna().drop_duplicates()
    basis = (
        f"Over {int(sizes['n_samples'].iloc[0])} samples"
        + (f" of {int(sizes['n_groups'].iloc[0])} {units}. " if units != "samples" else ". ")
        if len(sizes)
        else ""
    )
    return blocks.Table(
        "metrics",
        f"All metrics, with 95 % intervals, {units} as units",
        [
            "model",
            *[wording.METRIC_NAMES.get(str(name), str(name)) for name in names],
            *(["p of AUC"] if permuted else []),
        ],
        rows,
        [False, *[True] * (len(names) + permuted)],
        basis
        + "Brier score: smaller is better. "
        + (
            "p: share of label permutations that reach the AUC; – where none were run."
            if permuted
            else "No labels were permuted: no p."
        ),
        folded=30,
    )


def chance(auc: pd.Series | None) -> Cell:
    """Show the p of a row of metrics, and the smallest one that its permutations allow."""
    if auc is None or pd.isna(auc["p"]):
        return Cell("–", "")
    return Cell(
        wording.number(float(auc["p"])),
        f"{auc['p']:.6g}",
        detail=f"smallest possible {wording.number(float(auc['p_floor']))}",
    )


def estimate(row: pd.Series) -> Cell:
    """Show the estimate of a row of metrics above its interval."""
    if pd.isna(row["estimate"]):
        return Cell("–", "")
    interval = (
        ""
        if pd.isna(row["low"])
        else f"{wording.score(row['low'])} to {wording.score(row['high'])}"
    )
    return Cell(wording.score(row["estimate"]), f"{row['estimate']:.6g}", detail=interval)
