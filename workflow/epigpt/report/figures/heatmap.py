"""Heat map of the most different genes, with dendrograms and annotation bars."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist

from epigpt.report import style
from epigpt.report.figure_writer import Drawing

_MOST_NAMED = 40  # observations
_TITLE = 24  # signs of an observation's name
_LEGEND_INCHES = 6.1
Colour = str | tuple[float, float, float]
_LIMIT = 2.5  # z scores beyond are drawn like this


def top_genes(
    values: pd.DataFrame, annotation: pd.DataFrame, classes: list[str], noun: str
) -> Drawing | None:
    """Draw z scores of genes (rows) over observations (columns), both ordered by average linkage.

    Parameters
    ----------
    values
        Log-normalised expression, genes × observations; index = the names shown.
    annotation
        Observations × characteristics shown as bars, the class first.
    classes
        Classes in order.
    noun
        What an observation is called.
    """
    spread = values.std(axis=1, ddof=0)
    values = values[spread > 1e-9]
    if len(values) < 2 or values.shape[1] < 3:
        return None
    scores = values.sub(values.mean(axis=1), axis=0).div(values.std(axis=1, ddof=0), axis=0)
    rows = hierarchy.linkage(
        pdist(scores.to_numpy()), "average", optimal_ordering=len(scores) <= 100
    )
    columns = hierarchy.linkage(
        pdist(scores.to_numpy().T), "average", optimal_ordering=scores.shape[1] <= 150
    )
    genes, total = scores.shape
    bars = annotation.shape[1]
    names_inches = (
        0.1 + 0.062 * max(len(style.figure_label(name, _TITLE)) for name in scores.columns)
        if total <= _MOST_NAMED
        else 0.05
    )
    legend = _legend_lines(annotation, classes)
    under = 0.12 + 0.2 * sum(len(lines) for _, lines in legend) + names_inches
    height = 0.75 + under + 0.145 * genes + 0.17 * bars
    figure = Figure(figsize=(style.WIDTH, height))
    _, unused = style.canvas(1)  # sets the style
    del unused
    inch = 1 / height
    left, right = 0.13, 0.835
    bottom = under * inch
    body = 0.145 * genes * inch
    map_axes = figure.add_axes((left, bottom, right - left, body))
    bar_axes = figure.add_axes(
        (left, bottom + body + 0.04 * inch, right - left, 0.17 * bars * inch)
    )
    top_axes = figure.add_axes(
        (left, bottom + body + (0.08 + 0.17 * bars) * inch, right - left, 0.5 * inch)
    )
    side_axes = figure.add_axes((0.02, bottom, left - 0.025, body))
    column_order = _tree(top_axes, columns, "top")
    row_order = _tree(side_axes, rows, "left")
    shown = scores.iloc[row_order, column_order]
    image = map_axes.imshow(shown, cmap=style.DIVERGING, vmin=-_LIMIT, vmax=_LIMIT, aspect="auto")
    map_axes.yaxis.tick_right()
    map_axes.set_yticks(
        range(genes), [style.figure_label(name, 18) for name in shown.index], fontsize=7.2
    )
    if total <= _MOST_NAMED:
        map_axes.set_xticks(
            range(total),
            [style.figure_label(name, _TITLE) for name in shown.columns],
            rotation=90,
            fontsize=7,
        )
    else:
        map_axes.set_xticks([])
    map_axes.tick_params(length=0)
    map_axes.spines[:].set_visible(False)
    _annotate(figure, bar_axes, annotation.iloc[column_order], legend, inch)
    beside = figure.add_axes((0.86, bottom + body + (0.3 + 0.17 * bars) * inch, 0.12, 0.09 * inch))
    figure.colorbar(image, cax=beside, orientation="horizontal", ticks=[-2, 0, 2])
    beside.set_title("z score", fontsize=7.5, loc="center", fontweight="normal")
    beside.tick_params(labelsize=7)
    return Drawing(
        "heatmap",
        figure,
        shown.round(4).reset_index(names="gene"),
        f"Heat map of {genes} genes over {total} {noun}s with dendrograms.",
        "z score of log-normalised expression per gene (red above, blue below the gene's mean),"
        " both sides ordered by average linkage.",
    )


def _tree(axes: Axes, linkage: np.ndarray, side: str) -> list[int]:
    # A huge threshold draws all links in one colour; scipy's own drawing wants pyplot's axes, ours
    # are free.
    tree = hierarchy.dendrogram(linkage, no_plot=True)
    for x, y in zip(tree["icoord"], tree["dcoord"], strict=True):
        points = (x, y) if side == "top" else (y, x)
        axes.plot(*points, color=style.MUTED, linewidth=0.7, solid_capstyle="butt")
    total = 10 * len(tree["leaves"])
    if side == "top":
        axes.set_xlim(0, total)
        axes.set_ylim(0, 1.03 * np.max(tree["dcoord"]))
    else:
        axes.set_ylim(total, 0)
        axes.set_xlim(1.03 * np.max(tree["dcoord"]), 0)
    axes.set_axis_off()
    return [int(leaf) for leaf in tree["leaves"]]


def _legend_lines(
    annotation: pd.DataFrame, classes: list[str]
) -> list[tuple[str, list[list[tuple[str, Colour]]]]]:
    """Return each bar's name and its levels with their colours, wrapped into lines that fit beside
    the name."""
    found = []
    for at, name in enumerate(annotation.columns):
        levels = classes if at == 0 else sorted(set(annotation[name].astype(str)))
        shades = (
            style.colours(levels)
            if at == 0
            else dict(zip(levels, _shades(at, len(levels)), strict=True))
        )
        lines: list[list[tuple[str, Colour]]] = [[]]
        used = 0.0
        for level in levels:
            wide = 0.36 + 0.062 * len(
                _level_name(level)
            )  # inches: the patch with its gaps, then the text
            if used + wide > _LEGEND_INCHES and lines[-1]:
                lines.append([])
                used = 0.0
            lines[-1].append((level, shades[level]))
            used += wide
        found.append((str(name), lines))
    return found


def _level_name(level: str) -> str:
    return style.figure_label(level or "not given", 22)


def _annotate(
    figure: Figure,
    axes: Axes,
    annotation: pd.DataFrame,
    legend: list[tuple[str, list[list[tuple[str, Colour]]]]],
    inch: float,
) -> None:
    total, bars = annotation.shape
    spot = 0.05 + 0.2 * (sum(len(lines) for _, lines in legend) - 1)
    for at, (name, lines) in enumerate(legend):
        shades = dict(entry for line in lines for entry in line)
        picture = np.array([[to_rgb(shades[value]) for value in annotation[name].astype(str)]])
        axes.imshow(picture, extent=(-0.5, total - 0.5, at + 0.94, at + 0.06), aspect="auto")
        figure.text(
            0.12, spot * inch, style.figure_label(name, 14), ha="right", va="bottom", fontsize=7.2
        )
        for line in lines:
            figure.legend(
                handles=[Patch(color=shade, label=_level_name(level)) for level, shade in line],
                loc="lower left",
                bbox_to_anchor=(0.13, spot * inch),
                ncols=len(line),
                fontsize=7.2,
                handlelength=1,
                handletextpad=0.4,
                columnspacing=1,
                borderpad=0,
                borderaxespad=0,
            )
            spot -= 0.2
    axes.set_xlim(-0.5, total - 0.5)
    axes.set_ylim(bars, 0)
    axes.yaxis.tick_right()
    axes.set_yticks(
        [at + 0.5 for at in range(bars)],
        [style.figure_label(name, 18) for name in annotation.columns],
        fontsize=7.2,
    )
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)


def _shades(bar: int, number: int) -> list[tuple[float, float, float]]:
    """Return the levels of a secondary bar greys or tints of one hue: only the class uses the
    palette."""
    hue = [(0.27, 0.2, 0.48), (0.0, 0.42, 0.35), (0.45, 0.3, 0.05)][(bar - 1) % 3]
    steps = np.linspace(0.1, 0.85, number) if number > 1 else [0.4]
    return [
        (hue[0] + (1 - hue[0]) * step, hue[1] + (1 - hue[1]) * step, hue[2] + (1 - hue[2]) * step)
        for step in steps
    ]
