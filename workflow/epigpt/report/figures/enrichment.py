"""Gene sets in the ranking of all genes."""

import pandas as pd

from epigpt.report import style, wording
from epigpt.report.figure_writer import Drawing

THRESHOLD = 0.05
_SHOWN = 16


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
    height = 0.75 + 0.22 * len(rows)
    figure, (axes,) = style.canvas(
        height, left=0.47, right=0.85, bottom=0.5 / height, top=1 - 0.08 / height
    )
    found = rows["padj"].lt(THRESHOLD)
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
        axes.text(
            1.02,
            at,
            f"FDR {wording.number(row['padj'], 2)}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=8,
        )
    axes.axvline(0, color=style.MUTED, linewidth=0.8)
    axes.set_yticks(
        range(len(rows)), [style.figure_label(wording.set_name(title), 44) for title in rows["set"]]
    )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    reach = 1.08 * float(rows["score"].abs().max()) or 1.0
    axes.set_xlim(
        -reach if (rows["score"] < 0).any() else 0, reach if (rows["score"] > 0).any() else 0
    )
    axes.set_xlabel(f"normalised enrichment score (right: higher in {style.figure_label(case)})")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    left = f" The first {len(rows)} of {len(tested):,} sets." if len(tested) > len(rows) else ""
    return Drawing(
        name,
        figure,
        rows,
        f"Normalised enrichment scores of {wording.count(len(rows), 'gene set')}.",
        f"Filled: found at a false discovery rate of 5 %.{left}",
    )
