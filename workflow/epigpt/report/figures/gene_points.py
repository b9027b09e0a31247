"""Expression of single genes, sample by sample."""

import numpy as np
import pandas as pd

from epigpt.report import style
from epigpt.report.figure_writer import Drawing
from epigpt.report.figures.quality import spread_by_rank


def panels(
    values: pd.DataFrame, labels: list[str], groups: list[str], classes: list[str]
) -> Drawing | None:
    """Draw the expression of a few genes by class.

    Parameters
    ----------
    values
        Log-normalised expression, samples × genes; columns = the names shown.
    labels, groups
        Class and group of each sample.
    classes
        Classes in order.
    """
    if values.empty:
        return None
    columns = 4
    rows = -(-values.shape[1] // columns)
    figure, drawn = style.canvas(
        1.75 * rows + 0.35,
        columns=columns,
        rows=rows,
        left=0.07,
        right=0.99,
        bottom=0.3 / (1.75 * rows + 0.35) + 0.05,
        top=1 - 0.28 / (1.75 * rows + 0.35),
        wspace=0.32,
        hspace=0.4,
    )
    palette, signs = style.colours(classes), style.markers(classes)
    own = np.array(labels, dtype=object)
    for axes, (name, column) in zip(drawn, values.items(), strict=False):
        for at, level in enumerate(classes):
            inside = column.to_numpy(dtype=float)[own == level]
            axes.scatter(
                at + 0.22 * spread_by_rank(inside),
                inside,
                s=16,
                color=palette[level],
                marker=signs[level],
                linewidth=0,
                alpha=0.85,
                label=style.figure_label(level),
            )
            if len(inside):
                axes.hlines(inside.mean(), at - 0.32, at + 0.32, color=style.INK, linewidth=1.2)
        axes.set_title(style.figure_label(name, 18), fontsize=8.5)
        axes.set_xticks([])
        axes.set_xlim(-0.6, len(classes) - 0.4)
        axes.tick_params(labelsize=7)
        axes.grid(axis="y")
    for axes in drawn[values.shape[1] :]:
        axes.set_visible(False)
    for axes in drawn[::columns]:
        axes.set_ylabel("log expression", fontsize=7.5)
    handles, names = drawn[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncols=min(len(names), 4), fontsize=8)
    source = values.round(4).assign(label=labels, group=groups).reset_index(names="sample")
    return Drawing(
        "top_genes",
        figure,
        source,
        f"Log-normalised expression of {values.shape[1]} genes in every sample, by class.",
        "The genes with the smallest p. Each sign is a sample, the bar its class's mean.",
        print_only=True,
    )
