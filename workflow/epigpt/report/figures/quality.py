"""Quality: library size, genes detected, mitochondrial share; correlation between samples."""

import numpy as np
import pandas as pd
from matplotlib.patches import Patch, Rectangle
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from epigpt.report import style, wording
from epigpt.report.figure_writer import Drawing

_MOST_POINTS = 20_000
NAMES = {
    "total_counts": "counts",
    "n_genes": "genes detected",
    "mitochondrial_percent": "mitochondrial share, %",
}


def distributions(
    quality: pd.DataFrame, labels: pd.Series, classes: list[str], noun: str
) -> Drawing | None:
    """Draw counts, genes and mitochondrial share of every observation, by class; those left out as
    open signs.

    Parameters
    ----------
    quality
        Rows of quality.tsv.
    labels
        Class of each row.
    classes
        Classes in order.
    noun
        What an observation is called.
    """
    shown = quality.assign(label=labels.to_numpy())
    if shown.empty:
        return None
    if len(shown) > _MOST_POINTS:
        shown = shown.iloc[np.linspace(0, len(shown) - 1, _MOST_POINTS).astype(int)]
    levels = [*classes, *sorted(set(shown["label"]) - set(classes))]
    palette, signs = style.colours(levels), style.markers(levels)
    turned = len(levels) > 3 or max(map(len, levels), default=0) > 12
    measured = {column: title for column, title in NAMES.items() if shown[column].notna().any()}
    if not measured:
        return None
    figure, panels = style.canvas(
        2.9 if turned else 2.6,
        columns=len(measured),
        left=0.1,
        bottom=0.22 if turned else 0.1,
        wspace=0.42,
        top=0.97,
    )
    kept = shown["kept"].ne("false").to_numpy()
    for axes, (column, title) in zip(panels, measured.items(), strict=True):
        for at, level in enumerate(levels):
            member = shown["label"].eq(level).to_numpy()
            values = shown.loc[member, column].to_numpy(dtype=float)
            spread = at + 0.28 * spread_by_rank(values)
            inside = kept[member]
            many = len(values) > 500
            axes.scatter(
                spread[inside],
                values[inside],
                s=4 if many else 26,
                color=palette[level],
                marker=signs[level],
                alpha=0.35 if many else 0.85,
                linewidth=0,
                rasterized=many,
            )
            axes.scatter(
                spread[~inside],
                values[~inside],
                s=8 if many else 30,
                facecolor="none",
                edgecolor=palette[level],
                linewidth=1,
            )
            if np.isfinite(values).any():
                axes.hlines(
                    np.nanmedian(values), at - 0.36, at + 0.36, color=style.INK, linewidth=1.4
                )
        axes.set_ylabel(title)
        style.from_zero(axes, shown[column].to_numpy(dtype=float))
        axes.yaxis.set_major_formatter(style.COMPACT)
        axes.grid(axis="y")
        names = [style.figure_label(level or "no class", 16) for level in levels]
        axes.set_xticks(
            range(len(levels)),
            names,
            rotation=25 if turned else 0,
            ha="right" if turned else "center",
        )
        axes.set_xlim(-0.6, len(levels) - 0.4)
    return Drawing(
        "quality",
        figure,
        shown,
        f"{wording.listing([title.partition(',')[0] for title in measured.values()]).capitalize()}"
        f" of every {noun}, by class.",
        f"Each sign is a {noun}, the bar is the class's median."
        + ("" if kept.all() else " Open signs: left out by the quality limits.")
        + "".join(
            f" Not measured: {title.partition(',')[0]}."
            for column, title in NAMES.items()
            if column not in measured
        ),
    )


def spread_by_rank(values: np.ndarray) -> np.ndarray:
    """Spread points sideways by their rank, so that the picture does not depend on a random
    draw."""
    golden = (np.argsort(np.argsort(values, kind="stable"), kind="stable") * 0.6180339887) % 1
    return 2 * golden - 1 if len(values) > 1 else np.zeros(len(values))


def correlation(profiles: pd.DataFrame) -> pd.DataFrame:
    """Return Pearson's correlation between the samples' mean profiles, over all genes, samples ×
    samples."""
    return pd.DataFrame(
        np.corrcoef(profiles.to_numpy()), index=profiles.index, columns=profiles.index
    )


def outliers(similar: pd.DataFrame) -> list[str]:
    """Name the samples whose median correlation with the others lies more than 5 median absolute
    deviations below the usual one.

    A small share is ignored: with less than 0.01 below the usual correlation nobody would call a
    sample an outlier.
    """
    values = similar.to_numpy().copy()
    if len(values) < 4:
        return []
    np.fill_diagonal(values, np.nan)
    typical = np.nanmedian(values, axis=1)
    below = np.median(typical) - typical
    spread = 1.4826 * np.median(np.abs(typical - np.median(typical)))
    return [
        str(name)
        for name, far in zip(similar.index, below > max(5 * spread, 0.01), strict=True)
        if far
    ]


def correlation_map(
    similar: pd.DataFrame, labels: dict[str, str], classes: list[str]
) -> Drawing | None:
    """Draw the correlation between samples, ordered by average linkage on 1 − r, with the class as
    a bar."""
    total = len(similar)
    if total < 3 or total > 400:
        return None
    distance = np.clip(1 - similar.to_numpy(), 0, None)
    order = hierarchy.leaves_list(
        hierarchy.linkage(
            squareform((distance + distance.T) / 2, checks=False),
            "average",
            optimal_ordering=total <= 150,
        )
    )
    shown = similar.iloc[order, order]
    named = total <= 40
    height, below = (4.9, 1.28) if named else (4.0, 0.12)  # inches
    figure, (axes,) = style.canvas(
        height, width=5.6, left=0.25, right=0.82, bottom=below / height, top=1 - 0.38 / height
    )
    # The diagonal is 1 whatever the samples are: it would take the scale's colours from the values
    # that differ.
    others = np.where(np.eye(total, dtype=bool), np.nan, shown.to_numpy())
    image = axes.imshow(
        others,
        cmap=style.SEQUENTIAL,
        vmin=float(np.nanmin(others)),
        vmax=float(np.nanmax(others)),
        aspect="auto",
    )
    palette = style.colours(classes)
    for at, name in enumerate(shown.index):
        colour = palette.get(labels.get(str(name), ""), style.MUTED)
        axes.add_patch(_bar(-0.5 - total * 0.05, at - 0.5, total * 0.035, 1, colour))
    if named:
        names = [style.figure_label(name, 20) for name in shown.index]
        axes.set_yticks(range(total), names, fontsize=7)
        axes.set_xticks(range(total), names, fontsize=7, rotation=90)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    axes.tick_params(length=0)
    axes.tick_params(axis="y", pad=17)
    axes.spines[:].set_visible(False)
    handles = [Patch(color=palette[name], label=style.figure_label(name, 24)) for name in classes]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.14, 1.0),
        ncols=min(len(handles), 4),
        fontsize=8,
        handlelength=1,
    )
    beside = figure.add_axes((0.85, 0.3, 0.025, 0.5))
    figure.colorbar(image, cax=beside, label="correlation")
    return Drawing(
        "correlation",
        figure,
        shown.reset_index(names="sample"),
        "Correlation between every two samples, as a heat map ordered by similarity.",
        "Pearson correlation of log-normalised expression over all genes, ordered by average"
        " linkage, without the diagonal; the bar on the left is the class.",
        wide=False,
    )


def _bar(x: float, y: float, wide: float, high: float, colour: str) -> Rectangle:
    return Rectangle((x, y), wide, high, facecolor=colour, clip_on=False, linewidth=0)
