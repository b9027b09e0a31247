"""Marker sets against their expected direction; the excitation/inhibition score."""

import math

import numpy as np
import pandas as pd

from epigpt.report import style, wording
from epigpt.report.figure_writer import Drawing
from epigpt.report.figures.quality import spread_by_rank

_ARROWS = {"up": "▲", "down": "▼", "changed": "◆"}
_COLUMNS = 3
_MOST_GENES = 30
_PLAIN = {"facecolor": style.PAPER, "linewidth": 0, "pad": 0.5}
_LINE = 0.165  # inches


def panels(markers: pd.DataFrame, significant: float = 0.05) -> Drawing | None:
    """Draw the fold change of every marker, a panel per set; an arrow beside the gene gives the
    direction expected beforehand."""
    shown = markers.dropna(subset=["log2_fold_change"])
    names = list(dict.fromkeys(markers["set"]))
    if shown.empty:
        return None
    # Each panel goes where the page is still emptiest, so that sets of all sizes leave no holes.
    ends = [0.02] * _COLUMNS
    places = []
    for name in names:
        column = int(np.argmin(ends))
        places.append((column, ends[column]))
        ends[column] += 0.62 + _LINE * min(int((markers["set"] == name).sum()), _MOST_GENES)
    height = max(ends) + 0.25
    figure, spare = style.canvas(height)
    for axes in spare:
        axes.remove()
    limit = 1.08 * min(float(shown["log2_fold_change"].abs().max()), 8.0) or 1.0
    for name, (column, top) in zip(names, places, strict=True):
        rows = markers[markers["set"] == name].head(_MOST_GENES).reset_index(drop=True)
        body = _LINE * len(rows)
        axes = figure.add_axes(
            (0.115 + column * 0.325, 1 - (top + 0.3 + body) / height, 0.21, body / height)
        )
        for spot, row in rows.iterrows():
            change = row["log2_fold_change"]
            if pd.isna(change):
                axes.text(
                    0,
                    spot,
                    "not assessable",
                    ha="center",
                    va="center",
                    fontsize=6.5,
                    color=style.MUTED,
                    bbox=_PLAIN,
                    zorder=4,
                )
                continue
            found = row["padj"] < significant
            shade = style.VERMILION if change > 0 else style.BLUE
            inside = float(np.clip(change, -limit, limit))
            axes.plot(
                [0, inside], [spot, spot], color=shade, linewidth=1.2, alpha=0.9 if found else 0.45
            )
            axes.plot(
                inside,
                spot,
                "o",
                markersize=5,
                markerfacecolor=shade if found else style.PAPER,
                markeredgecolor=shade,
            )
        axes.axvline(0, color=style.MUTED, linewidth=0.8)
        labels = [
            f"{style.figure_label(row.symbol or row.gene, 12)}"
            f" {_ARROWS.get(str(row.expected), ' ')}"
            for row in rows.itertuples()
        ]
        axes.set_yticks(range(len(rows)), labels, fontsize=7.2)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(-limit, limit)
        axes.set_title(style.figure_label(wording.set_name(name), 30), fontsize=8.5)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=7)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
    figure.text(0.5, 0.06 / height, "log2 fold change", ha="center", fontsize=8.5)
    return Drawing(
        "markers",
        figure,
        markers,
        f"Log2 fold change of the marker genes in {len(names)} sets.",
        "▲ ▼: direction that was expected beforehand; ◆: a change, either way. Filled: found at a"
        " false discovery rate of 5 %. Not assessable: missing or not tested, which is not"
        " unchanged.",
    )


def balance(scores: pd.DataFrame, classes: list[str]) -> Drawing | None:
    """Draw the excitation/inhibition score of every sample by class."""
    known = scores.dropna(subset=["score"])
    if known.empty:
        return None
    levels = [name for name in classes if name in set(known["label"])] or sorted(
        set(known["label"])
    )
    figure, (axes,) = style.canvas(2.7, width=4.6, left=0.15, right=0.97, bottom=0.1, top=0.97)
    palette, signs = style.colours(levels), style.markers(levels)
    for at, level in enumerate(levels):
        values = known.loc[known["label"] == level, "score"].to_numpy(dtype=float)
        axes.scatter(
            at + 0.25 * spread_by_rank(values),
            values,
            s=30,
            color=palette[level],
            marker=signs[level],
            alpha=0.85,
            linewidth=0,
        )
        axes.hlines(float(np.mean(values)), at - 0.35, at + 0.35, color=style.INK, linewidth=1.4)
    axes.axhline(0, color=style.MUTED, linestyle=":", linewidth=0.9)
    axes.set_xticks(range(len(levels)), [style.figure_label(name, 18) for name in levels])
    axes.set_xlim(-0.6, math.ceil(len(levels)) - 0.4)
    axes.set_ylabel("excitation − inhibition (mean z)")
    axes.grid(axis="y")
    return Drawing(
        "excitation_inhibition",
        figure,
        known,
        "Excitation/inhibition score of every sample by class.",
        "Mean z of the excitatory genes minus mean z of the inhibitory ones, over the samples of"
        " this data set; the bar is the class's mean.",
        wide=False,
    )
