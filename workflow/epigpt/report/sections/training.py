"""Training: loss curves, and the plan."""

from typing import Any

import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Cell, Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import training as figures
from epigpt.report.results import Fit, Results
from epigpt.report.sections.verdict import flatten

_TITLE = "Training"
_SPEED = ("tokens_per_second", "samples_per_second", "sequences_per_second", "throughput")
_MEMORY = ("memory", "peak_memory", "memory_bytes", "peak_memory_bytes", "memory_gb", "rss_bytes")
_HOURS_NOTE = (
    "Time: the sum over the optimiser steps of a fit, without start-up and checkpoints. The plan's"
    " time is an estimate made before anything ran."
)


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    told = "See whether the loss falls and levels off in every fold."
    fits = results.fits
    if not any(len(fit.steps) for fit in fits):
        reason = (
            "No training log was found."
            if results.assessable
            else "No model was trained: the series is not assessable."
        )
        return Section("training", _TITLE, told, missing=reason)
    content: list[Any] = list(plates.save(figures.losses(fits, len(results.classes))))
    content.append(_of_one_preset(_runs(fits), "fits", "Training runs"))
    compared = _plan_against_actual(fits)
    if len(compared):
        content.append(
            _of_one_preset(compared, "plan-actual", "Plan against what happened", _HOURS_NOTE)
        )
        if not any(_seconds(fit.steps) is not None for fit in fits):
            content.append(
                blocks.Prose(
                    "Actual hours: training.jsonl gives no seconds of its steps, so only the"
                    " planned ones are shown."
                )
            )
    else:
        content.append(blocks.Prose("Plan against what happened: no fit has a plan.json."))
    final = next(
        (fit for fit in fits if fit.name == "final" and fit.plan),
        next((fit for fit in fits if fit.plan), None),
    )
    if final is not None:
        rows = pd.DataFrame(
            [
                [wording.short(key, 80), "" if value is None else str(value)]
                for key, value in flatten(final.plan)
            ],
            columns=["key", "value"],
        )
        if start := final.plan.get("start"):
            content.append(blocks.Prose(str(start)))
        why = final.plan.get("why")
        if isinstance(why, list) and why:
            content.append(
                blocks.Prose(f"The plan's reasons: {'; '.join(str(one) for one in why)}.")
            )
        content.append(
            blocks.Collapsible(
                (
                    f"Plan of the {final.name} model"
                    if final.name == "final"
                    else f"Plan of {final.name}"
                ),
                [blocks.table(rows, "plan", "Plan, as in plan.json", most=300, folded=80)],
            )
        )
    return Section("training", _TITLE, told, content)


def _of_one_preset(frame: pd.DataFrame, name: str, caption: str, note: str = "") -> blocks.Table:
    """Make the table; the one preset of all fits stands in its caption."""
    presets = frame["preset"].unique()
    if len(presets) == 1:
        frame, caption = frame.drop(columns="preset"), f"{caption}, preset {presets[0]}"
    return blocks.table(frame, name, caption, folded=12, note=note)


def _plan_against_actual(fits: list[Fit]) -> pd.DataFrame:
    """Set the planned steps and bytes beside those of the log, for each fit that has a plan."""
    rows = []
    for fit in fits:
        planned_bytes = (
            (fit.plan.get("bytes") or {}).get("total")
            if isinstance(fit.plan.get("bytes"), dict)
            else None
        )
        if not fit.plan:
            continue
        rows.append(
            {
                "preset": fit.preset,
                "fit": fit.name,
                "devices": pd.to_numeric(fit.plan.get("world_size"), errors="coerce"),
                "ZeRO stage": pd.to_numeric(fit.plan.get("zero_stage"), errors="coerce"),
                "micro-batch × accumulation": " × ".join(
                    str(fit.plan[key])
                    for key in ("micro_batch_size", "accumulation")
                    if fit.plan.get(key) is not None
                ),
                "steps planned": pd.to_numeric(fit.plan.get("steps"), errors="coerce"),
                "steps taken": float(len(fit.steps)),
                "time planned": _duration(
                    pd.to_numeric(fit.plan.get("hours"), errors="coerce") * 3600
                ),
                "time taken": _duration(_seconds(fit.steps)),
                "memory planned, MB": (
                    pd.to_numeric(planned_bytes, errors="coerce") / 1e6
                    if planned_bytes
                    else float("nan")
                ),
                "memory peak, MB": _summary(fit.steps, _MEMORY, "max") / 1e6,
            }
        )
    frame = pd.DataFrame(rows).dropna(axis=1, how="all")
    return frame.drop(
        columns=[
            name
            for name in ("time planned", "time taken")
            if name in frame and not any(one.value for one in frame[name])
        ]
    )


def _seconds(steps: pd.DataFrame) -> float | None:
    """Return the wall time of a fit's steps together; None where its log does not say it of every
    step."""
    if "seconds" not in steps:
        return None
    taken = pd.to_numeric(steps["seconds"], errors="coerce")
    return float(taken.sum()) if len(taken) and taken.notna().all() else None


def _duration(seconds: float | None) -> Cell:
    """Write a time in the unit that suits it; the exact value is in hours."""
    if seconds is None or pd.isna(seconds):
        return Cell("–", "")
    unit, size = next((pair for pair in (("h", 3600), ("min", 60)) if seconds >= pair[1]), ("s", 1))
    return Cell(
        f"{wording.number(seconds / size, 2 if seconds < 100 * size else 3)} {unit}",
        f"{seconds / 3600:.6g}",
    )


def _runs(fits: list[Fit]) -> pd.DataFrame:
    rows = []
    for fit in fits:
        loss = figures.column(fit.steps, figures.TRAIN)
        values = (
            pd.to_numeric(fit.steps[loss], errors="coerce").dropna()
            if loss
            else pd.Series(dtype=float)
        )
        rows.append(
            {
                "preset": fit.preset,
                "fit": fit.name,
                "steps": float(len(values)),
                "first loss": float(values.iloc[0]) if len(values) else float("nan"),
                "last loss": float(values.iloc[-1]) if len(values) else float("nan"),
                "tokens per second": _summary(fit.steps, _SPEED, "median"),
                "of the device's peak, %": 100 * _summary(fit.steps, ("utilisation",), "median"),
            }
        )
    frame = pd.DataFrame(rows)
    return frame.dropna(axis=1, how="all")


def _summary(steps: pd.DataFrame, names: tuple[str, ...], how: str) -> float:
    name = figures.column(steps, names)
    return float(pd.to_numeric(steps[name], errors="coerce").agg(how)) if name else float("nan")
