"""One look for all figures: colours that colour-blind readers can tell apart, type that stays
legible at half size."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from epigpt.report import wording

INK = "#1b1f24"
MUTED = "#59636e"
GRID = "#d5dbe2"
PAPER = "#fffffe"  # what a label lies on; the page puts its own ground there
# Okabe & Ito (2008), "Color Universal Design"; the yellow is left out, it does not show on white.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#44337a")
BLUE, VERMILION = PALETTE[0], PALETTE[1]
MARKERS = "osD^vPX*"
SEQUENTIAL, DIVERGING = "cividis", "RdBu_r"
WIDTH = 7.2  # inches: the width of a page's text

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    # The widths of texts are the same in every format.
    "text.hinting": "no_hinting",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "lines.linewidth": 1.6,
    "image.interpolation": "nearest",
}


def canvas(
    height: float, columns: int = 1, rows: int = 1, width: float = WIDTH, **layout: float
) -> tuple[Figure, list[Axes]]:
    """Start a figure of rows × columns panels; sizes in inches, `layout` as in
    `Figure.subplots_adjust`."""
    mpl.rcdefaults()  # whatever a matplotlibrc of the user or of the working directory says
    mpl.rcParams.update(SETTINGS)
    figure = Figure(figsize=(width, height))
    panels = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(
        **{
            "left": 0.1,
            "right": 0.97,
            "bottom": 0.17,
            "top": 0.9,
            "wspace": 0.35,
            "hspace": 0.45,
            **layout,
        }
    )
    return figure, list(panels.ravel())


def colours(levels: Iterable[str]) -> dict[str, str]:
    """Return each level's colour, in the order given; after the palette's end the colours repeat
    (markers then differ)."""
    return {level: PALETTE[at % len(PALETTE)] for at, level in enumerate(levels)}


def markers(levels: Iterable[str]) -> dict[str, str]:
    """Return each level's marker: a second sign beside the colour."""
    return {
        level: MARKERS[(at + at // len(PALETTE)) % len(MARKERS)] for at, level in enumerate(levels)
    }


def from_zero(axes: Axes, values: np.ndarray) -> None:
    """Let the y axis begin at zero and end a little above the largest of `values`."""
    finite = np.asarray(values, dtype=float)[np.isfinite(np.asarray(values, dtype=float))]
    axes.set_ylim(0, 1.07 * float(finite.max()) if len(finite) and finite.max() > 0 else 1)


def compact(axis_values: float, _position: int = 0) -> str:
    """Write a tick of a wide range shortly: 20k, 3M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(axis_values) >= limit:
            return f"{axis_values / limit:g}{unit}"
    return f"{axis_values:g}"


COMPACT = FuncFormatter(compact)


def label_points(axes: Axes, x: np.ndarray, y: np.ndarray, names: list[str]) -> None:
    """Write names beside points, moved apart vertically so that they do not lie on each other."""
    transform = axes.transData
    low, high = (
        transform.transform((axes.get_xlim()[0], axes.get_ylim()[0])),
        transform.transform((axes.get_xlim()[1], axes.get_ylim()[1])),
    )
    taken: list[tuple[float, float, float, float]] = []
    em = axes.figure.dpi / 72 * 7.5
    for at in np.argsort(-np.abs(y), kind="stable"):
        spot = transform.transform((x[at], y[at]))
        wide = len(names[at]) * em * 0.66
        sides = [
            side
            for side in (True, False)
            if (spot[0] + wide + em < high[0] if side else spot[0] - wide - em > low[0])
        ] or [False]
        for step, right in [
            (step, side) for step in (0, 1, -1, 2, -2, 3, -3, 4, -4) for side in sides
        ]:
            left_edge = spot[0] + 0.5 * em if right else spot[0] - 0.5 * em - wide
            height = spot[1] + step * em * 1.15
            box = (left_edge, left_edge + wide, height - 0.6 * em, height + 0.6 * em)
            free = all(
                box[1] < other[0] or box[0] > other[1] or box[3] < other[2] or box[2] > other[3]
                for other in taken
            )
            if free and low[1] + 0.5 * em < height < high[1] + em:
                taken.append(box)
                offset = ((0.5 if right else -0.5) * 7.5, (height - spot[1]) / axes.figure.dpi * 72)
                axes.annotate(
                    names[at],
                    (x[at], y[at]),
                    xytext=offset,
                    textcoords="offset points",
                    fontsize=7.5,
                    va="center",
                    ha="left" if right else "right",
                    zorder=5,
                    bbox={"facecolor": PAPER, "alpha": 0.72, "linewidth": 0, "pad": 0.4},
                    arrowprops=(
                        {"arrowstyle": "-", "linewidth": 0.5, "color": MUTED} if step else None
                    ),
                )
                break


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what matplotlib says of characters that its font lacks: titles come in every script
    of the world."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def figure_label(text: object, length: int = 28) -> str:
    """Make a text from a record fit for a figure."""
    return wording.short(text, length)
