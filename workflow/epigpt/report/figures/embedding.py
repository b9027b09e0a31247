"""Samples or cells in two dimensions: PCA, UMAP, t-SNE."""

import numpy as np
import pandas as pd

from epigpt.report import style
from epigpt.report.figure_writer import Drawing

NAMES = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}


def panels(
    coordinates: dict[str, np.ndarray],
    axis_names: dict[str, tuple[str, str]],
    ids: list[str],
    labels: list[str],
    classes: list[str],
) -> Drawing | None:
    """Draw each embedding with the observations in the colour of their class.

    Parameters
    ----------
    coordinates
        Observations × 2 by name of the embedding.
    axis_names
        Names of the two axes by name of the embedding.
    ids, labels
        Id and class of each observation.
    classes
        Classes in order.
    """
    if not coordinates:
        return None
    number = len(coordinates)
    figure, drawn = style.canvas(
        2.95, columns=max(number, 2), left=0.075, bottom=0.27, top=0.92, wspace=0.3
    )
    palette, signs = style.colours(classes), style.markers(classes)
    many = len(ids) > 800
    for axes, (name, points) in zip(drawn, coordinates.items(), strict=False):
        for level in classes:
            member = np.array([label == level for label in labels])
            axes.scatter(
                points[member, 0],
                points[member, 1],
                s=5 if many else 34,
                color=palette[level],
                marker=signs[level],
                linewidth=0 if many else 0.4,
                edgecolor="white",
                alpha=0.6 if many else 0.95,
                rasterized=many,
                label=style.figure_label(level),
            )
        axes.set_title(NAMES.get(name, name))
        axes.set_xlabel(axis_names[name][0])
        axes.set_ylabel(axis_names[name][1])
        axes.set_xticks([])
        axes.set_yticks([])
        axes.margins(0.08)
    for axes in drawn[number:]:
        axes.set_visible(False)
    handles, names = drawn[0].get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="lower center",
        ncols=min(len(names), 4),
        handletextpad=0.2,
        columnspacing=1.4,
    )
    source = pd.DataFrame({"observation": ids, "label": labels})
    for name, points in coordinates.items():
        source[f"{name}_1"], source[f"{name}_2"] = points[:, 0], points[:, 1]
    return Drawing(
        "embedding",
        figure,
        source,
        f"{', '.join(NAMES.get(name, name) for name in coordinates)} of all observations, coloured"
        " by class.",
        "Colour and sign: the class.",
        print_only=True,
    )
