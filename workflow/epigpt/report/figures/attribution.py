"""What the model saw: genes by attribution and knock-out, and how that agrees with differential
expression."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from epigpt.report import style
from epigpt.report.figure_writer import Drawing

_SHOWN = 20


def agreement(
    attributions: pd.DataFrame, contrasts: pd.DataFrame
) -> tuple[float, int, pd.DataFrame]:
    """Correlate the size of attributions with −log10 p of the differential expression (Spearman):
    rho, number of genes, the pairs."""
    smallest = contrasts.dropna(subset=["p"]).groupby("gene")["p"].min()
    joined = attributions.assign(p=attributions["gene"].map(smallest)).dropna(
        subset=["p", "attribution"]
    )
    joined = joined.assign(
        size=joined["attribution"].abs(), minus_log10_p=-np.log10(joined["p"].clip(lower=1e-300))
    )
    if len(joined) < 5 or joined["size"].nunique() < 2 or joined["minus_log10_p"].nunique() < 2:
        return float("nan"), len(joined), joined
    return float(joined[["size", "minus_log10_p"]].rank().corr().iloc[0, 1]), len(joined), joined


def ranks(attributions: pd.DataFrame, contrasts: pd.DataFrame) -> Drawing | None:
    """Draw the genes of highest rank (left) and attribution against differential expression
    (right)."""
    table = attributions.dropna(subset=["attribution"]).sort_values(["rank", "gene"], kind="stable")
    if table.empty:
        return None
    top = table.head(_SHOWN).reset_index(drop=True)
    figure, (left, right) = style.canvas(
        4.4, columns=2, left=0.18, right=0.98, bottom=0.12, top=0.87, wspace=0.3
    )
    left.barh(
        range(len(top)),
        top["attribution"],
        color=[style.VERMILION if value > 0 else style.BLUE for value in top["attribution"]],
        height=0.7,
        alpha=0.85,
    )
    left.set_yticks(
        range(len(top)),
        [
            style.figure_label(symbol or gene, 16)
            for symbol, gene in zip(top["symbol"], top["gene"], strict=True)
        ],
        fontsize=7.5,
    )
    left.set_ylim(len(top) - 0.4, -0.6)
    left.axvline(0, color=style.MUTED, linewidth=0.8)
    left.set(xlabel="attribution", title="highest rank")
    _around_zero(left, top["attribution"])
    if top["knockout_effect"].notna().any():
        above = left.twiny()
        above.plot(
            top["knockout_effect"],
            range(len(top)),
            "o",
            color=style.INK,
            markersize=4,
            markerfacecolor="none",
        )
        # One zero for both scales: left of the line is the same direction for bar and ring.
        _around_zero(above, top["knockout_effect"])
        above.tick_params(labelsize=7.5)
        above.set_xlabel("○ change of the output when knocked out", fontsize=8)
        left.set_title("")
    rho, number, pairs = agreement(table, contrasts)
    # As a picture it keeps its grey on a dark page: one that shows on either ground.
    right.scatter(
        pairs["minus_log10_p"],
        pairs["size"],
        s=8,
        color="#828d98",
        alpha=0.65,
        linewidth=0,
        rasterized=len(pairs) > 1000,
    )
    first = pairs.head(8)
    style.label_points(
        right,
        first["minus_log10_p"].to_numpy(),
        first["size"].to_numpy(),
        [str(s or g) for s, g in zip(first["symbol"], first["gene"], strict=True)],
    )
    right.set(xlabel="−log10 p of the differential expression", ylabel="size of the attribution")
    right.set_title(
        f"ρ = {rho:.2f}, {number:,} genes" if np.isfinite(rho) else f"{number} genes in both tables"
    )
    right.grid(visible=True)
    return Drawing(
        "attributions",
        figure,
        table,
        "Genes that the model's output depends on most, and their differential expression.",
        "Left: orange pushes towards the class of interest (of several classes: towards a sample's"
        " own), blue away from it. Right: a model that uses what differs shows a rising cloud (ρ:"
        " Spearman).",
    )


def _around_zero(axes: Axes, values: pd.Series) -> None:
    """Let the x axis reach as far to the left of zero as to its right."""
    reach = 1.1 * float(values.abs().max()) or 1.0
    axes.set_xlim(-reach, reach)
    axes.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))


def overlap(curve: pd.DataFrame) -> Drawing | None:
    """Draw how many of the first genes by attribution are among the first by differential
    expression."""
    rows = curve.dropna(subset=["genes", "share"])
    if rows.empty:
        return None
    figure, (axes,) = style.canvas(2.6, width=4.6, left=0.15, right=0.97, bottom=0.2, top=0.96)
    axes.plot(rows["genes"], rows["share"], color=style.VERMILION, marker="o", label="shared")
    axes.plot(
        rows["genes"],
        rows["expected_share"],
        color=style.MUTED,
        linestyle=":",
        label="expected of chance",
    )
    axes.set_xscale("log")
    axes.set_xticks(rows["genes"].tolist(), [f"{value:,.0f}" for value in rows["genes"]])
    axes.minorticks_off()
    axes.set(
        xlabel="first genes of both lists", ylabel="share that is the same", ylim=(-0.02, 1.02)
    )
    axes.grid(visible=True)
    axes.legend(loc="upper left")
    return Drawing(
        "attribution_agreement",
        figure,
        rows,
        "Share of the first genes by attribution that are also the first by differential"
        " expression.",
        "First genes by absolute attribution and by p. Near the dotted line the two lists share no"
        " more than chance gives.",
        wide=False,
    )
