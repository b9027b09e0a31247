"""Held-out predictions sample by sample: probabilities, calibration, confusion."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from epigpt.report import style, wording
from epigpt.report.figure_writer import Drawing
from epigpt.report.figures.performance import GPT2, colour, order

_COMPARED = (GPT2, "logistic_l2")
_MOST_NAMED = 60


def averaged(predictions: pd.DataFrame, model: str) -> pd.DataFrame:
    """Average a model's probabilities over repeats: samples × classes, with truth and group in
    front."""
    rows = predictions[predictions["model"] == model]
    wide = rows.pivot_table(
        index=["sample", "group", "truth"],
        columns="class",
        values="probability",
        aggfunc="mean",
        sort=True,
    )
    return wide.reset_index()


def sample_probabilities(
    predictions: pd.DataFrame, classes: list[str], case: str, title: Callable[[str], str]
) -> Drawing | None:
    """Draw every sample's probability of the class of interest (several classes: of its true class)
    by GPT-2 and logistic regression; `title` names a sample."""
    models = [model for model in _COMPARED if model in set(predictions["model"])]
    parts = []
    for model in models:
        wide = averaged(predictions, model)
        values = wide[case] if case else [row[row["truth"]] for _, row in wide.iterrows()]
        parts.append(
            wide[["sample", "group", "truth"]].assign(
                model=model, probability=np.asarray(values, dtype=float)
            )
        )
    if not parts:
        return None
    source = pd.concat(parts, ignore_index=True)
    lead = source[source["model"] == models[0]]
    rank = lead.assign(
        at=lead["truth"].map({name: at for at, name in enumerate(classes)})
    ).sort_values(["at", "probability", "sample"])
    place = {name: at for at, name in enumerate(rank["sample"])}
    named = len(place) <= _MOST_NAMED
    # Room for the name of each class along its bar.
    sizes = rank["truth"].value_counts()
    line = min(
        0.5,
        max(
            0.17,
            *(0.075 * len(style.figure_label(name, 24)) / size for name, size in sizes.items()),
        ),
    )
    height = 1.1 + (line * len(place) if named else 3.2)
    figure, (axes,) = style.canvas(
        height, left=0.2 if named else 0.05, right=0.94, bottom=0.55 / height, top=1 - 0.4 / height
    )
    for model in models:
        rows = source[source["model"] == model]
        axes.scatter(
            rows["probability"],
            rows["sample"].map(place),
            s=30 if named else 9,
            marker="D" if model == GPT2 else "o",
            zorder=3,
            facecolor=colour(model, models) if model == GPT2 else "none",
            edgecolor=colour(model, models),
            linewidth=1,
            label=wording.MODEL_NAMES.get(model, model),
            rasterized=len(place) > 1000,
        )
    _class_bands(axes, rank["truth"].tolist(), classes)
    if named:
        axes.set_yticks(
            range(len(place)), [style.figure_label(title(name), 24) for name in place], fontsize=7.2
        )
    else:
        axes.set_yticks([])
    axes.set_ylim(len(place) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.axvline(
        0.5 if len(classes) == 2 else 1 / max(len(classes), 1),
        color=style.MUTED,
        linestyle=":",
        linewidth=0.9,
    )
    axes.set_xlabel(
        f"probability of {style.figure_label(case)}"
        if case
        else "probability of the sample's own class"
    )
    axes.grid(axis="x")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
    return Drawing(
        "sample_probabilities",
        figure,
        source,
        "Held-out probability of every sample by GPT-2 and by logistic regression.",
        "Each line is a sample, its probability the mean over repeats while its {unit} was held"
        " out; the bar on the right names its true class.",
    )


def _class_bands(axes: Axes, truth: list[str], classes: list[str]) -> None:
    palette = style.colours(classes)
    starts = [at for at in range(len(truth)) if at == 0 or truth[at] != truth[at - 1]]
    for start, end in zip(starts, [*starts[1:], len(truth)], strict=True):
        colour_here = palette.get(truth[start], style.MUTED)
        axes.plot(
            [1.03, 1.03],
            [start - 0.5, end - 0.5],
            color=colour_here,
            linewidth=5,
            solid_capstyle="butt",
            zorder=2,
            clip_on=False,
        )
        if end - start > 0.03 * len(truth):
            name = style.figure_label(truth[start], 24)
            axes.text(
                1.045,
                (start + end - 1) / 2,
                name,
                rotation=90,
                ha="left",
                va="center",
                fontsize=8,
                color=style.INK,
            )


def calibration_and_confusion(
    predictions: pd.DataFrame, calibration: pd.DataFrame, classes: list[str], case: str
) -> Drawing | None:
    """Draw calibration of GPT-2 and logistic regression (left) and GPT-2's confusion matrix
    (right)."""
    if GPT2 not in set(predictions["model"]):
        return None
    models = order([model for model in _COMPARED if model in set(predictions["model"])])
    figure, (left, right) = style.canvas(
        3.5, columns=2, left=0.085, right=0.965, bottom=0.25, top=0.93, wspace=0.55
    )
    parts = []
    shown = calibration[calibration["class"] == case] if case else calibration
    for at, model in enumerate(models):
        table = shown[shown["model"] == model].sort_values("probability", kind="stable")
        shade, shift = colour(model, models), 0.006 * (at - 0.5)
        left.vlines(
            table["probability"] + shift,
            table["low"],
            table["high"],
            color=shade,
            alpha=0.5,
            linewidth=1.6,
        )
        left.plot(
            table["probability"] + shift,
            table["observed"],
            color=shade,
            marker="D" if model == GPT2 else "o",
            linestyle="-" if case else "none",
            markersize=5.5,
            label=wording.MODEL_NAMES.get(model, model),
        )
        parts.append(table.assign(panel="calibration"))
    left.plot([0, 1], [0, 1], color=style.MUTED, linestyle=":", linewidth=0.9)
    left.set(
        xlabel="mean predicted probability",
        ylabel="observed share",
        title="calibration",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    left.grid(visible=True)
    if shown.empty:
        left.text(
            0.5, 0.5, "calibration.tsv\nlists nothing", ha="center", va="center", fontsize=8.5
        )
    else:
        left.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.2),
            ncols=2,
            fontsize=7.8,
            columnspacing=1.2,
            handletextpad=0.5,
        )
    parts.append(
        _confusion(right, averaged(predictions, GPT2), classes).assign(
            panel="confusion", model=GPT2
        )
    )
    return Drawing(
        "calibration_confusion",
        figure,
        pd.concat([part for part in parts if len(part)], ignore_index=True),
        "Calibration curves, and the confusion matrix of fine-tuned GPT-2.",
        "Left: bins of equal size with Wilson 95 % intervals; on the dotted line a probability"
        " means what it says. Right: GPT-2's most probable class against the true one, in samples.",
    )


def _confusion(axes: Axes, wide: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    names = [name for name in classes if name in wide]
    called = np.array(names, dtype=object)[np.argmax(wide[names].to_numpy(dtype=float), axis=1)]
    table = pd.crosstab(wide["truth"], pd.Series(called, name="called")).reindex(
        index=names, columns=names, fill_value=0
    )
    share = table.div(table.sum(axis=1).clip(lower=1), axis=0)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row in range(len(names)):
        for column in range(len(names)):
            dark = share.iloc[row, column] > 0.55
            axes.text(
                column,
                row,
                f"{table.iloc[row, column]}",
                ha="center",
                va="center",
                color="#ffffff" if dark else "#10151a",
                fontsize=10,
            )
    short = [style.figure_label(name, 14) for name in names]
    axes.set_xticks(
        range(len(names)),
        short,
        rotation=0 if len(names) < 4 else 35,
        ha="center" if len(names) < 4 else "right",
    )
    axes.set_yticks(range(len(names)), short)
    axes.set(xlabel="called by GPT-2", ylabel="true class", title="confusion")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return table.stack().rename("n").reset_index()
