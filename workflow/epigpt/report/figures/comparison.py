"""How sure the comparison is: differences on the same resamples, scores under permuted labels,
growth with the number of groups."""

import numpy as np
import pandas as pd

from epigpt import model_names
from epigpt.report import style, wording
from epigpt.report.figure_writer import Drawing
from epigpt.report.figures.performance import GPT2, colour, order
from epigpt.report.figures.quality import spread_by_rank


def differences(comparison: pd.DataFrame) -> Drawing | None:
    """Draw GPT-2's AUC minus that of every other model, with the interval of the difference."""
    # The majority class has an AUC of 0.5 by construction; its bar would only press the others
    # together.
    kept = (
        (comparison["model"] == GPT2)
        & (comparison["versus"] != model_names.MAJORITY)
        & comparison["estimate"].notna()
    )
    rows = comparison[kept].drop_duplicates("versus").set_index("versus")
    if rows.empty:
        return None
    names = order([str(name) for name in rows.index])
    rows = rows.loc[names]
    span = float(np.nanmax(np.abs(rows[["estimate", "low", "high"]].to_numpy(dtype=float))))
    digits = 2 if span >= 0.02 else 3
    height = 0.85 + 0.27 * len(rows)
    figure, (axes,) = style.canvas(
        height, left=0.35, right=0.78, bottom=0.5 / height, top=1 - 0.1 / height
    )
    for at, (name, row) in enumerate(rows.iterrows()):
        shade = colour(str(name), [GPT2, *names])
        if np.isfinite([row["low"], row["high"]]).all():
            axes.plot(
                [row["low"], row["high"]],
                [at, at],
                color=shade,
                linewidth=2.4,
                alpha=0.55,
                solid_capstyle="round",
            )
        axes.plot(row["estimate"], at, marker="o", color=shade, markersize=6)
        low, middle, high = (
            wording.signed(row[name], digits) for name in ("low", "estimate", "high")
        )
        interval = f" [{low}, {high}]" if np.isfinite(row["low"]) else ""
        axes.text(
            1.02,
            at,
            f"{middle}{interval}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=8,
        )
    axes.axvline(0, color=style.INK, linewidth=0.9)
    axes.set_yticks(
        range(len(rows)),
        [f"minus {wording.short(wording.MODEL_NAMES.get(name, name), 40)}" for name in names],
    )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-1.08 * max(span, 0.05), 1.08 * max(span, 0.05))
    axes.set_xlabel("AUC of GPT-2 minus AUC of the other model")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return Drawing(
        "differences",
        figure,
        rows.reset_index(),
        "AUC of fine-tuned GPT-2 minus that of every other model, with 95 % intervals.",
        "Both models on the same resamples of {units}, so that what makes a {unit} hard for both"
        " cancels out. Right of the line GPT-2 is better; an interval that crosses it decides"
        " nothing.",
    )


def null_scores(null: pd.DataFrame, metrics: pd.DataFrame) -> Drawing | None:
    """Draw each model's AUC under permuted labels beside the AUC it reached."""
    rows = null[(null["metric"] == "auc") & null["value"].notna()]
    if rows.empty:
        return None
    models = order(rows["model"].tolist())
    height = 0.75 + 0.34 * len(models)
    figure, (axes,) = style.canvas(
        height, left=0.37, right=0.97, bottom=0.5 / height, top=1 - 0.1 / height
    )
    reached = (
        metrics[metrics["metric"] == "auc"].drop_duplicates("model").set_index("model")["estimate"]
    )
    for at, model in enumerate(models):
        values = rows.loc[rows["model"] == model, "value"].to_numpy(dtype=float)
        axes.scatter(
            values,
            at + 0.3 * spread_by_rank(values),
            s=9,
            color=style.MUTED,
            alpha=0.45,
            linewidth=0,
            rasterized=len(values) > 2000,
        )
        if model in reached and np.isfinite(reached[model]):
            axes.plot(
                reached[model],
                at,
                marker="D" if model == GPT2 else "o",
                color=colour(model, models),
                markersize=7,
                zorder=3,
            )
    axes.axvline(0.5, color=style.MUTED, linewidth=0.9, linestyle=":")
    axes.set_yticks(
        range(len(models)),
        [wording.short(wording.MODEL_NAMES.get(name, name), 46) for name in models],
    )
    axes.set_ylim(len(models) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.03)
    axes.set_xlabel("AUC")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    kinds = wording.listing(sorted(set(rows["kind"].astype(str)) - {""}))
    return Drawing(
        "null_scores",
        figure,
        rows,
        "AUC of the models under permuted labels, beside the AUC they reached.",
        "Grey: AUC after the labels were permuted between {units}"
        f"{f' ({kinds})' if kinds else ''};"
        " coloured: the AUC with the true labels. A score inside its grey cloud is what luck"
        " gives.",
    )


def learning(curve: pd.DataFrame, units: str) -> Drawing | None:
    """Draw a baseline's AUC against the number of groups, called `units`, it learned from; None
    where all fits had equally many."""
    rows = curve.dropna(subset=["auc", "n_groups"])
    if rows["share"].nunique() < 2:
        return None
    figure, (axes,) = style.canvas(2.6, width=4.6, left=0.14, right=0.97, bottom=0.19, top=0.96)
    models = order(rows["model"].tolist())
    for model in models:
        own = rows[rows["model"] == model]
        for _, part in own.groupby("repeat"):
            axes.plot(
                part["n_groups"],
                part["auc"],
                color=colour(model, models),
                linewidth=0.8,
                alpha=0.35,
            )
        middle = own.groupby("share", sort=True)[["n_groups", "auc"]].mean()
        axes.plot(
            middle["n_groups"],
            middle["auc"],
            color=colour(model, models),
            marker="o",
            label=wording.MODEL_NAMES.get(model, model),
        )
    axes.axhline(0.5, color=style.MUTED, linewidth=0.9, linestyle=":")
    axes.set(
        xlabel=f"{units} in training",
        ylabel=f"AUC on held-out {units}",
        ylim=(min(0.38, float(rows["auc"].min()) - 0.03), 1.03),
    )
    axes.grid(visible=True)
    axes.legend(loc="lower right")
    return Drawing(
        "learning_curve",
        figure,
        rows,
        "AUC of a baseline against the number of {units} in its training.",
        ("Thick: mean over the repeats. " if rows["repeat"].nunique() > 1 else "")
        + "A curve that still rises at its right end says that more {units} would help.",
        wide=False,
    )
