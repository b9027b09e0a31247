"""Training: loss over steps."""

import numpy as np
import pandas as pd

from epigpt.report import style
from epigpt.report.figure_writer import Drawing
from epigpt.report.results import Fit

STEP = ("step", "global_step", "iteration", "epoch")
TRAIN = ("loss", "train_loss", "training_loss")
HELD_OUT = ("validation_loss", "held_out_loss", "eval_loss", "test_loss", "val_loss")


def column(steps: pd.DataFrame, names: tuple[str, ...]) -> str:
    """Return the first of `names` that the log has; empty: none."""
    return next((name for name in names if name in steps.columns), "")


def losses(fits: list[Fit], classes: int) -> Drawing | None:
    """Draw the training loss of every fold (thin), of the final model (thick) and the folds'
    median; dotted: the loss of guessing."""
    parts = []
    for fit in fits:
        loss, step = column(fit.steps, TRAIN), column(fit.steps, STEP)
        if not loss:
            continue
        rows = fit.steps[pd.to_numeric(fit.steps[loss], errors="coerce").notna()]
        at = rows[step] if step else pd.Series(range(1, len(rows) + 1), index=rows.index)
        held_out = column(rows, HELD_OUT)
        parts.append(
            pd.DataFrame(
                {
                    "preset": fit.preset,
                    "fit": fit.name,
                    "step": at.astype(float),
                    "loss": rows[loss].astype(float),
                    "held_out_loss": (
                        pd.to_numeric(rows[held_out], errors="coerce") if held_out else np.nan
                    ),
                }
            )
        )
    if not parts:
        return None
    source = pd.concat(parts, ignore_index=True)
    figure, (axes,) = style.canvas(3.1, width=6.2, left=0.1, bottom=0.17, top=0.96)
    folds = source[source["fit"] != "final"]
    for at, (_, rows) in enumerate(folds.groupby(["preset", "fit"], sort=False)):
        axes.plot(
            rows["step"],
            rows["loss"],
            color=style.BLUE,
            linewidth=0.8,
            alpha=0.3,
            label="a fold" if at == 0 else None,
        )
    if len(folds):
        middle = folds.groupby("step")["loss"].median()
        axes.plot(middle.index, middle, color=style.BLUE, linewidth=2, label="median of the folds")
    for _, rows in source[source["fit"] == "final"].groupby("preset"):
        axes.plot(
            rows["step"],
            rows["loss"],
            color=style.VERMILION,
            linewidth=1.6,
            linestyle="--",
            label="final model",
        )
    if source["held_out_loss"].notna().any():
        held = source.dropna(subset="held_out_loss").groupby("step")["held_out_loss"].median()
        axes.plot(
            held.index,
            held,
            color=style.PALETTE[2],
            linewidth=1.6,
            linestyle="-.",
            label="median on held-out samples",
        )
    if classes > 1:
        axes.axhline(
            np.log(classes), color=style.MUTED, linestyle=":", linewidth=0.9, label="guessing"
        )
    axes.set(xlabel="optimiser step", ylabel="cross-entropy loss")
    shown = np.append(
        source[["loss", "held_out_loss"]].to_numpy(dtype=float).ravel(), np.log(max(classes, 2))
    )
    style.from_zero(axes, shown)
    axes.set_ylim(0, 1.22 * axes.get_ylim()[1])  # room for the legend above every curve
    axes.grid(axis="y")
    axes.legend(loc="upper right", ncols=3)
    return Drawing(
        "training",
        figure,
        source,
        "Training loss over optimiser steps for every fold and the final model.",
        "Loss on the training views. A loss near zero on few samples says that the model can"
        " memorise them, nothing of what it learned.",
    )
