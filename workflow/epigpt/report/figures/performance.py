"""How GPT-2 did against the baselines: forest plot, ROC and precision-recall curves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from epigpt import model_names
from epigpt.report import curves, style, wording
from epigpt.report.figure_writer import Drawing

GPT2 = "finetuned"
_LEADS = {GPT2: style.VERMILION, "logistic_l2": style.BLUE}
_OTHERS = ("#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#44337a")
_DASHES = ("--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def order(models: list[str]) -> list[str]:
    """Put GPT-2 first, then logistic regression, then the others as the wording lists them."""
    known = list(wording.MODEL_NAMES)
    return sorted(
        set(models), key=lambda model: (known.index(model) if model in known else len(known), model)
    )


def colour(model: str, models: list[str]) -> str:
    """Return a model the same colour in every figure."""
    others = [name for name in order(models) if name not in _LEADS]
    return _LEADS.get(model) or _OTHERS[others.index(model) % len(_OTHERS)]


def forest(metrics: pd.DataFrame, metric: str) -> Drawing | None:
    """Draw each model's estimate with its interval and the mean under permuted labels."""
    rows = metrics[(metrics["metric"] == metric) & metrics["estimate"].notna()]
    if rows.empty:
        return None
    names = order(rows["model"].tolist())
    rows = rows.drop_duplicates("model").set_index("model").loc[names]
    title = wording.METRIC_NAMES.get(metric, metric)
    figure, (axes,) = style.canvas(
        0.9 + 0.27 * len(rows),
        left=0.37,
        right=0.84,
        bottom=0.5 / (0.9 + 0.27 * len(rows)),
        top=1 - 0.12 / (0.9 + 0.27 * len(rows)),
    )
    for at, (model, row) in enumerate(rows.iterrows()):
        shade = colour(str(model), names)
        if np.isfinite([row["low"], row["high"]]).all():
            axes.plot(
                [row["low"], row["high"]],
                [at, at],
                color=shade,
                linewidth=2.4,
                alpha=0.55,
                solid_capstyle="round",
            )
        axes.plot(
            row["estimate"],
            at,
            marker="D" if model == GPT2 else "o",
            color=shade,
            markersize=7 if model == GPT2 else 6,
        )
        if np.isfinite(row["null_mean"]):
            axes.plot(
                row["null_mean"],
                at,
                marker="|",
                color=style.INK,
                markersize=11,
                markeredgewidth=1.5,
            )
        interval = (
            f" [{wording.score(row['low'])}, {wording.score(row['high'])}]"
            if np.isfinite(row["low"])
            else ""
        )
        axes.text(
            1.02,
            at,
            f"{row['estimate']:.2f}{interval}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=8,
        )
    if metric in ("auc", "balanced_accuracy"):
        axes.axvline(0.5, color=style.MUTED, linewidth=0.9, linestyle=":")
    axes.set_yticks(
        range(len(rows)), [wording.short(wording.MODEL_NAMES.get(name, name), 46) for name in names]
    )
    for text, name in zip(axes.get_yticklabels(), names, strict=True):
        text.set_fontweight("bold" if name == GPT2 else "normal")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    low = np.nanmin(
        [
            0.0 if metric == "brier" else 0.4,
            *rows[["estimate", "low", "null_mean"]].to_numpy(dtype=float).ravel(),
        ]
    )
    axes.set_xlim(max(low - 0.03, -1.05), 1.03 if metric != "brier" else None)
    axes.set_xlabel(title + (" (smaller is better)" if metric == "brier" else ""))
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    source = rows.reset_index()
    return Drawing(
        f"forest_{metric}",
        figure,
        source,
        f"{title} of every model with its 95 % interval.",
        f"{title} on held-out {{units}}, all models on the same folds. Line: 95 % interval over"
        " resampled {units}. Upright stroke: mean under permuted labels, where permutations were"
        " run. Dotted line: guessing.",
    )


def _curve_canvas(models: int) -> tuple[Figure, list[Axes]]:
    legend = 0.75 + 0.19 * ((models + 1) // 2)
    height = 3.1 + legend
    return style.canvas(
        height,
        columns=2,
        left=0.075,
        right=0.985,
        bottom=legend / height,
        top=1 - 0.25 / height,
        wspace=0.24,
    )


def curve_panels(
    predictions: pd.DataFrame, metrics: pd.DataFrame, classes: list[str], case: str
) -> Drawing | None:
    """Draw ROC (left) and precision-recall (right) of all models; several classes: the mean over
    one-against-the-rest curves."""
    if predictions.empty:
        return None
    models = order(sorted(set(predictions["model"]) - {model_names.MAJORITY}))
    positives = [case] if case else classes
    figure, panels = _curve_canvas(len(models))
    parts, handles = [], []
    for axes, kind in zip(panels, ("roc", "precision_recall"), strict=True):
        for at, model in enumerate(models):
            per_class = [
                curves.one_class(predictions[predictions["model"] == model], positive)
                for positive in positives
            ]
            line = np.mean([curves.mean_curve(rows, kind) for rows in per_class], axis=0)
            if not np.isfinite(line).all():
                continue
            shade = colour(model, models)
            lead = model in _LEADS
            dash = "-" if lead else _DASHES[at % len(_DASHES)]
            (drawn,) = axes.plot(
                curves.GRID,
                line,
                color=shade,
                linewidth=2.2 if lead else 1.2,
                linestyle=dash,
                zorder=3 if lead else 2,
            )
            found = metrics[(metrics["model"] == model) & (metrics["metric"] == "auc")]["estimate"]
            if kind == "roc":
                name = wording.MODEL_NAMES.get(model, model)
                handles.append(
                    (drawn, f"{name}: {wording.score(found.iloc[0])}" if len(found) else name)
                )
            low = high = np.full(len(line), np.nan)
            if lead:
                limits = [curves.band(rows, kind) for rows in per_class]
                low, high = (
                    np.mean([pair[0] for pair in limits], axis=0),
                    np.mean([pair[1] for pair in limits], axis=0),
                )
                axes.fill_between(curves.GRID, low, high, color=shade, alpha=0.13, linewidth=0)
            parts.append(
                pd.DataFrame(
                    {
                        "curve": kind,
                        "model": model,
                        "x": curves.GRID,
                        "y": line,
                        "low": low,
                        "high": high,
                    }
                )
            )
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.03)
        axes.grid(visible=True)
    if not parts:
        return None
    shares = [
        float(
            np.mean(
                curves.one_class(predictions[predictions["model"] == models[0]], positive)["truth"]
            )
        )
        for positive in positives
    ]
    panels[0].plot([0, 1], [0, 1], color=style.MUTED, linewidth=0.9, linestyle=":")
    panels[1].axhline(float(np.mean(shares)), color=style.MUTED, linewidth=0.9, linestyle=":")
    panels[0].set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    panels[1].set(xlabel="recall", ylabel="precision", title="precision and recall")
    figure.legend(
        *zip(*handles, strict=True),
        loc="lower center",
        ncols=2,
        title="AUC",
        columnspacing=2.5,
        title_fontproperties={"size": 8.5, "weight": "bold"},
    )
    return Drawing(
        "curves",
        figure,
        pd.concat(parts, ignore_index=True),
        "ROC and precision-recall curves of all models.",
        "Curves over held-out samples, averaged over repeats; bands for GPT-2 and L2 logistic"
        " regression are 95 % over resampled {units}. Dotted: guessing."
        + (
            ""
            if case
            else " Several classes: the mean of the curves of each class against the rest."
        ),
    )
