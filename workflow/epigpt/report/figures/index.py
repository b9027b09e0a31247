"""All data sets side by side: AUC of GPT-2 and of its best rival, and their difference."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from epigpt.report import style
from epigpt.report.figure_writer import Drawing

_MOST_ROWS = 60
_LOOKS = {
    "own": (style.VERMILION, "D"),
    "rival": (style.BLUE, "o"),
    "difference": (style.INK, "o"),
}


def forest(scores: pd.DataFrame) -> Drawing | None:
    """Draw a row per data set.

    Parameters
    ----------
    scores
        dataset, rival (its name), and estimate, low, high of `own_`, `rival_` and `difference_`.
    """
    if scores.empty:
        return None
    rows = scores.head(_MOST_ROWS).reset_index(drop=True)
    height = 0.95 + 0.3 * len(rows)
    figure, (left, right) = style.canvas(
        height,
        columns=2,
        left=0.24,
        right=0.98,
        bottom=0.5 / height,
        top=1 - 0.35 / height,
        wspace=0.12,
    )
    for at, (_, row) in enumerate(rows.iterrows()):
        _interval(left, row, "own", at - 0.14)
        _interval(left, row, "rival", at + 0.14)
        _interval(right, row, "difference", at)
    left.axvline(0.5, color=style.MUTED, linewidth=0.9, linestyle=":")
    right.axvline(0, color=style.MUTED, linewidth=0.9)
    left.set_yticks(
        range(len(rows)), [style.figure_label(name, 26) for name in rows["dataset"]], fontsize=8
    )
    right.set_yticks([])
    for axes, title in ((left, "AUC on held-out samples"), (right, "GPT-2 minus its best rival")):
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(title)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    left.set_xlim(-0.02, 1.03)
    span = rows[["difference_estimate", "difference_low", "difference_high"]].abs().to_numpy(float)
    reach = float(np.nanmax(span)) if np.isfinite(span).any() else 0.1
    right.set_xlim(-1.08 * max(reach, 0.1), 1.08 * max(reach, 0.1))
    for x, shade, words in ((0.24, style.VERMILION, "◆ GPT-2"), (0.36, style.BLUE, "● best rival")):
        figure.text(x, 1 - 0.24 / height, words, color=shade, fontsize=8.5)
    left_out = len(scores) - len(rows)
    return Drawing(
        "all_data_sets",
        figure,
        rows,
        f"AUC of GPT-2 and of its best rival in {len(rows)} data sets, and the difference.",
        "Lines: 95 % intervals; dotted: guessing."
        + (f" The first {len(rows)} of {len(scores)} data sets." if left_out else ""),
    )


def _interval(axes: Axes, row: pd.Series, part: str, at: float) -> None:
    shade, sign = _LOOKS[part]
    low, middle, high = (float(row[f"{part}_{name}"]) for name in ("low", "estimate", "high"))
    if np.isfinite([low, high]).all():
        axes.plot([low, high], [at, at], color=shade, linewidth=2, alpha=0.5)
    if np.isfinite(middle):
        axes.plot(middle, at, marker=sign, color=shade, markersize=5)
