"""Gene sets in the ranking of all genes."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes

from epigpt.report import style, wording
from epigpt.report.figure_writer import Drawing

THRESHOLD = 0.05
_SHOWN = 16
_WIDTH = 4.5  # inches
_LINE = 34


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Sort sets by FDR; those of one FDR, as many at its floor are, by the size of their score."""
    size = -table["score"].abs()
    ranked = table.assign(size=size).sort_values(
        ["padj", "size", "set"], kind="stable", na_position="last"
    )
    return ranked.drop(columns="size")


def bars(table: pd.DataFrame, case: str, name: str = "gene_sets") -> Drawing | None:
    """Draw the normalised enrichment score of the first sets by FDR, the most raised on top;
    filled: found at an FDR of 5 %.

    Parameters
    ----------
    table
        Rows of gene_set_enrichment.tsv.
    case
        Name of the class in which a positive score means higher.
    name
        Of the figure's files.
    """
    tested = ordered(table.dropna(subset=["score", "p"]))
    if tested.empty:
        return None
    rows = (
        tested.head(_SHOWN)
        .sort_values(["score", "set"], ascending=[False, True], kind="stable")
        .reset_index(drop=True)
    )
    height = 0.75 + 0.29 * len(rows)
    figure, (axes,) = style.canvas(
        height, width=_WIDTH, left=0.02, right=0.98, bottom=0.62 / height, top=1 - 0.04 / height
    )
    found = rows["padj"].lt(THRESHOLD)
    reach = 1.04 * float(rows["score"].abs().max()) or 1.0
    for at, row in rows.iterrows():
        shade = style.VERMILION if row["score"] > 0 else style.BLUE
        axes.barh(
            at,
            row["score"],
            height=0.62,
            color=shade if found[at] else "none",
            edgecolor=shade,
            linewidth=1,
        )
        _name_beside(axes, at, row, reach, filled=bool(found[at]))
    axes.axvline(0, color=style.MUTED, linewidth=0.8)
    axes.set_yticks([])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-reach, reach)
    axes.set_xlabel(f"normalised enrichment score\n(right: higher in {style.figure_label(case)})")
    axes.spines["left"].set_visible(False)
    left = f" The first {len(rows)} of {len(tested):,} sets." if len(tested) > len(rows) else ""
    return Drawing(
        name,
        figure,
        rows,
        f"Normalised enrichment scores of {wording.count(len(rows), 'gene set')}.",
        f"Filled: found at a false discovery rate of 5 %.{left}",
        wide=False,
    )


def _name_beside(axes: Axes, at: int, row: pd.Series, reach: float, *, filled: bool) -> None:
    """Write a set's name into the half that its bar leaves free, and its FDR at the bar's end: so
    the figure is no wider than a phone."""
    away = 1 if row["score"] > 0 else -1
    title = style.figure_label(wording.set_name(row["set"]), 2 * _LINE)
    axes.text(
        -away * 0.02 * reach,
        at,
        textwrap.fill(title, _LINE),
        ha="right" if away > 0 else "left",
        va="center",
        fontsize=7.5,
        linespacing=0.95,
    )
    within = abs(row["score"]) > reach / 3
    axes.text(
        row["score"] - away * 0.02 * reach if within else row["score"] + away * 0.02 * reach,
        at,
        f"FDR {wording.number(row['padj'], 2)}",
        ha="right" if within == (away > 0) else "left",
        va="center",
        fontsize=7,
        color=style.PAPER if within and filled else style.INK,
    )
