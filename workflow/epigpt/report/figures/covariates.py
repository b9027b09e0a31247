"""Which characteristics of the samples go with which principal components."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from epigpt.report import style
from epigpt.report.figure_writer import Drawing

_COMPONENTS, _MOST_ROWS = 6, 14
_FEWEST = 4


def association(values: pd.Series, component: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the share of a component's variance that a characteristic explains, and its p.

    Number columns of more than five values: r² of a straight line. Others: η², the variance between
    the values over all variance, with the F test of a one-way analysis of variance. NaN where there
    is nothing to test: one value, or one of its own for nearly every sample.
    """
    # Takes longer to import than most figures to draw.
    from scipy import stats

    known = values.notna() & (values.astype(str) != "")
    own, point = values[known], component[known.to_numpy()]
    numbers = pd.to_numeric(own, errors="coerce")
    if len(own) < _FEWEST or np.ptp(point) == 0:
        return float("nan"), float("nan")
    if numbers.notna().all() and numbers.nunique() > 5:
        found = stats.linregress(numbers.to_numpy(dtype=float), point)
        return float(found.rvalue**2), float(found.pvalue)
    groups = [point[(own == level).to_numpy()] for level in own.unique()]
    if len(groups) < 2 or len(groups) > len(own) / 1.5:
        return float("nan"), float("nan")
    between = sum(len(part) * (part.mean() - point.mean()) ** 2 for part in groups)
    whole = float(((point - point.mean()) ** 2).sum())
    share = float(between / whole)
    if share > 1 - 1e-12:
        return 1.0, 0.0
    return share, float(stats.f_oneway(*groups).pvalue)


def against_components(
    described: pd.DataFrame, components: npt.NDArray[np.float64], ratio: Sequence[float] | None
) -> Drawing | None:
    """Draw how much of each of the first components each characteristic explains.

    Parameters
    ----------
    described
        Samples × characteristics, the class first.
    components
        Samples × components.
    ratio
        Share of all variance in each component, where known.
    """
    number = min(_COMPONENTS, components.shape[1])
    shares, chances, names = [], [], []
    for name, values in described.items():
        pairs = [association(values, components[:, at]) for at in range(number)]
        if np.isfinite([share for share, _ in pairs]).any():
            names.append(str(name))
            shares.append([share for share, _ in pairs])
            chances.append([p for _, p in pairs])
    if not names:
        return None
    # The class stays on top; of many others those are shown that explain most of something.
    rank = np.argsort([-np.inf] + [-np.nanmax(row) for row in shares[1:]], kind="stable")
    kept = [int(at) for at in rank[:_MOST_ROWS]]
    table = np.array(shares)[kept]
    p = np.array(chances)[kept]
    shown = [names[at] for at in kept]
    height = 0.7 + 0.3 * len(shown)
    figure, (axes,) = style.canvas(
        height, width=5.6, left=0.33, right=0.86, bottom=0.42 / height, top=1 - 0.06 / height
    )
    image = axes.imshow(table, cmap=style.SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*table.shape):
        if np.isfinite(table[row, column]):
            star = "*" if p[row, column] < 0.05 / number else ""
            axes.text(
                column,
                row,
                f"{table[row, column]:.2f}{star}",
                ha="center",
                va="center",
                fontsize=7.5,
                color="#ffffff" if table[row, column] < 0.6 else "#000000",
            )
    known = list(ratio or [])[:number]
    heads = [
        f"PC{at + 1}\n{100 * known[at]:.0f} %" if at < len(known) else f"PC{at + 1}"
        for at in range(number)
    ]
    axes.set_xticks(range(number), heads, fontsize=8)
    axes.set_yticks(range(len(shown)), [style.figure_label(name, 26) for name in shown], fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    beside = figure.add_axes((0.89, 0.25, 0.022, 0.6))
    figure.colorbar(image, cax=beside, label="variance explained")
    source = pd.DataFrame(
        [
            (name, at + 1, table[row, at], p[row, at])
            for row, name in enumerate(shown)
            for at in range(number)
        ],
        columns=["characteristic", "component", "variance_explained", "p"],
    )
    return Drawing(
        "covariates",
        figure,
        source,
        "Share of each principal component's variance that each characteristic explains.",
        f"η² of groups, r² of numbers; * p < 0.05 after division by {number} components. What"
        " explains more of the first components than the class deserves a place among the"
        " covariates. With few samples, large shares arise by chance.",
        wide=False,
    )
