"""Differential expression: volcano and MA plot."""

import numpy as np
import pandas as pd

from epigpt.report import style
from epigpt.report.figure_writer import Drawing

THRESHOLD = 0.05
_BLUE, _VERMILION = "#1f83c2", "#dc6a14"  # between the shades of paper and those of dark ground


def volcano_and_ma(table: pd.DataFrame, contrast: str, name: str) -> Drawing | None:
    """Draw log fold change against p (left) and against mean (right) for one contrast; the ten most
    different genes are named."""
    rows = (
        table.dropna(subset=["log2_fold_change"])
        .sort_values(["p", "gene"], kind="stable")
        .reset_index(drop=True)
    )
    if rows.empty:
        return None
    # A p value of 0 is one below the smallest number; it is drawn at the table's smallest positive
    # p.
    smallest = rows.loc[rows["p"] > 0, "p"].min() if (rows["p"] > 0).any() else 1e-300
    rows["minus_log10_p"] = -np.log10(rows["p"].fillna(1).clip(lower=smallest))
    rows["log10_mean"] = np.log10(rows["base_mean"].clip(lower=1e-3))
    found = rows["padj"].lt(THRESHOLD).to_numpy()
    up = rows["log2_fold_change"].gt(0).to_numpy()
    first, second = contrast.split(" vs ", 1) if " vs " in contrast else (contrast, "")
    rows["drawn_change"], limit = _within(rows)
    figure, panels = style.canvas(
        3.7, columns=2, left=0.085, right=0.985, bottom=0.24, top=0.95, wspace=0.24
    )
    named = [
        str(symbol) or str(gene)
        for symbol, gene in zip(rows["symbol"][:10], rows["gene"][:10], strict=True)
    ]
    for axes, (x, y) in zip(
        panels, (("drawn_change", "minus_log10_p"), ("log10_mean", "drawn_change")), strict=True
    ):
        # The points are a picture, which a dark page does not recolour: a half-transparent grey
        # stays behind on either ground.
        for member, colour, size, alpha in (
            (~found, "#828d98", 3, 0.45),
            (found & ~up, _BLUE, 7, 0.85),
            (found & up, _VERMILION, 7, 0.85),
        ):
            axes.scatter(
                rows.loc[member, x],
                rows.loc[member, y],
                s=size,
                color=colour,
                linewidth=0,
                rasterized=True,
                alpha=alpha,
            )
        axes.margins(0.08)
        axes.grid(visible=True)
        few = named if x == "drawn_change" else named[:6]  # in the MA plot they lie closer
        style.label_points(
            axes, rows[x].to_numpy()[: len(few)], rows[y].to_numpy()[: len(few)], few
        )
    panels[0].axvline(0, color=style.MUTED, linewidth=0.8)
    panels[1].axhline(0, color=style.MUTED, linewidth=0.8)
    panels[0].set(xlabel="log2 fold change", ylabel="−log10 p")
    panels[1].set(xlabel="log10 mean of normalised counts", ylabel="log2 fold change")
    ups, downs = int((found & up).sum()), int((found & ~up).sum())
    for left, shade, words in (
        (0.085, style.VERMILION, f"● {ups:,} higher in {style.figure_label(first)}"),
        (0.42, style.BLUE, f"● {downs:,} lower"),
        (0.62, style.MUTED, f"● {int((~found).sum()):,} not at FDR {THRESHOLD:g}"),
    ):
        figure.text(left, 0.02, words, color=shade, fontsize=8.5)
    source = rows[
        [
            "contrast",
            "gene",
            "symbol",
            "base_mean",
            "log2_fold_change",
            "p",
            "padj",
            "minus_log10_p",
            "log10_mean",
        ]
    ]
    return Drawing(
        name,
        figure,
        source,
        f"Volcano plot and MA plot of {contrast}: {ups} genes higher and {downs} lower at a false"
        " discovery rate of 5 %.",
        f"{style.figure_label(contrast, 90)}: positive fold changes are higher in"
        f" {style.figure_label(first)}{' than in ' + style.figure_label(second) if second else ''}."
        " Named: the ten genes with the smallest p."
        + (
            f" Changes beyond ±{limit:.1f} are drawn at the edge."
            if rows["log2_fold_change"].abs().max() > limit
            else ""
        ),
    )


def _within(rows: pd.DataFrame) -> tuple[pd.Series, float]:
    """Hold fold changes to what the tested genes span: of a gene without counts in one class the
    estimate can run away."""
    tested = rows.loc[
        rows["padj"].notna() if rows["padj"].notna().any() else rows["p"].notna(),
        "log2_fold_change",
    ].abs()
    limit = (
        1.05 * float(tested.max() if len(tested) else rows["log2_fold_change"].abs().max()) or 1.0
    )
    return rows["log2_fold_change"].clip(-limit, limit), limit
