"""Which genes several contrasts share (UpSet: Lex et al., IEEE TVCG 20:1983, 2014)."""

from collections import Counter

import pandas as pd

from epigpt.report import style, wording
from epigpt.report.figure_writer import Drawing

_MOST_CONTRASTS, _MOST_BARS = 8, 24


def intersections(table: pd.DataFrame, threshold: float) -> Drawing | None:
    """Draw how many genes are found in exactly which contrasts; None for fewer than two contrasts
    with a finding.

    Parameters
    ----------
    table
        Rows of differential_expression.tsv.
    threshold
        False discovery rate below which a gene counts as found.
    """
    found = table[table["padj"] < threshold]
    sizes = found.groupby("contrast", sort=False)["gene"].nunique()
    names = [str(name) for name in sizes.sort_values(ascending=False, kind="stable").index]
    names = names[:_MOST_CONTRASTS]
    if len(names) < 2:
        return None
    members = found[found["contrast"].isin(names)].groupby("gene")["contrast"].agg(frozenset)
    counted = Counter(members).most_common(_MOST_BARS)
    height = 2.3 + 0.24 * len(names)
    figure, (bars,) = style.canvas(
        height, left=0.36, right=0.98, bottom=(0.24 * len(names) + 0.25) / height, top=0.94
    )
    dots = figure.add_axes((0.36, 0.15 / height, 0.62, 0.24 * len(names) / height), sharex=bars)
    for at, (which, number) in enumerate(counted):
        bars.bar(at, number, color=style.BLUE, width=0.62)
        bars.text(at, number, f"{number:,}", ha="center", va="bottom", fontsize=7.5)
        rows = [names.index(name) for name in names if name in which]
        dots.plot([at] * len(names), range(len(names)), "o", color=style.GRID, markersize=5)
        dots.plot([at] * len(rows), rows, "-o", color=style.INK, markersize=5, linewidth=1.4)
    labels = [f"{style.figure_label(name, 34)} ({sizes[name]:,})" for name in names]
    dots.set_yticks(range(len(names)), labels, fontsize=8)
    dots.set_ylim(len(names) - 0.5, -0.5)
    dots.set_xlim(-0.6, len(counted) - 0.4)
    dots.tick_params(length=0, labelbottom=False)
    dots.spines[:].set_visible(False)
    bars.tick_params(axis="x", length=0, labelbottom=False)
    bars.set_ylabel("genes")
    bars.grid(axis="y")
    source = pd.DataFrame(
        [(" & ".join(name for name in names if name in which), count) for which, count in counted],
        columns=["contrasts", "genes"],
    )
    return Drawing(
        "contrasts_shared",
        figure,
        source,
        f"Genes found in each combination of {wording.count(len(names), 'contrast')}.",
        "Genes at a false discovery rate of 5 %: how many are found in exactly the contrasts whose"
        " dots are joined below.",
    )
