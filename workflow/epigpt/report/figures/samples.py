"""How the expression of a sample's genes is spread."""

import numpy as np
import pandas as pd

from epigpt.report import style
from epigpt.report.figure_writer import Drawing

_MOST_SAMPLES, _MOST_NAMED = 120, 60
_QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]


def abundance(
    profiles: pd.DataFrame, names: list[str], labels: list[str], classes: list[str]
) -> Drawing | None:
    """Draw a box per sample: median, quartiles, 5th and 95th percentile of the expressed genes.

    Parameters
    ----------
    profiles
        Log-normalised expression, samples × genes.
    names, labels
        Name and class of each sample.
    classes
        Classes in order.
    """
    total = len(profiles)
    if not 1 < total <= _MOST_SAMPLES:
        return None
    values = profiles.to_numpy(dtype=float)
    expressed = values[:, (values > 0).mean(axis=0) >= 0.5]
    if not expressed.shape[1]:
        return None
    order = sorted(
        range(total),
        key=lambda at: classes.index(labels[at]) if labels[at] in classes else len(classes),
    )
    quantiles = np.quantile(expressed, _QUANTILES, axis=1).T[order]
    named = total <= _MOST_NAMED
    longest = max(len(style.figure_label(name, 24)) for name in names)
    below = 0.2 + (0.075 * longest if named else 0.05)
    height = 2.2 + below
    figure, (axes,) = style.canvas(height, left=0.09, right=0.99, bottom=below / height, top=0.9)
    palette = style.colours(classes)
    for spot, (at, (low, first, middle, third, high)) in enumerate(
        zip(order, quantiles, strict=True)
    ):
        shade = palette.get(labels[at], style.MUTED)
        axes.plot([spot, spot], [low, high], color=shade, linewidth=1)
        axes.bar(spot, third - first, bottom=first, width=0.62, color=shade, alpha=0.55)
        axes.plot([spot - 0.31, spot + 0.31], [middle, middle], color=style.INK, linewidth=1.3)
    axes.set_xlim(-0.7, total - 0.3)
    axes.set_ylabel("log(1 + normalised count)")
    axes.grid(axis="y")
    if named:
        shown = [style.figure_label(names[at], 24) for at in order]
        axes.set_xticks(range(total), shown, rotation=90, fontsize=7)
    else:
        axes.set_xticks([])
    for at, name in enumerate(classes):
        axes.plot([], [], "s", color=palette[name], label=style.figure_label(name, 24), zorder=at)
    figure.legend(loc="upper left", bbox_to_anchor=(0.08, 1.0), ncols=min(len(classes), 4))
    source = pd.DataFrame(quantiles, columns=[f"quantile_{share:g}" for share in _QUANTILES])
    source.insert(0, "sample", [profiles.index[at] for at in order])
    return Drawing(
        "abundance",
        figure,
        source,
        f"Spread of expression in each of {total} samples.",
        f"Box: quartiles and median of the {expressed.shape[1]:,} genes found in at least half of"
        " the samples; line: 5th to 95th percentile. Boxes that lie apart ask for a look at that"
        " sample.",
    )
