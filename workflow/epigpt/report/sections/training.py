"""Training: loss curves, and the plan."""

from typing import Any

import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.figures import training as figures
from epigpt.report.plates import Plates
from epigpt.report.results import Fit, Results
from epigpt.report.sections.verdict import flatten

_TITLE = "Training"
_SPEED = ("tokens_per_second", "samples_per_second", "sequences_per_second", "throughput")
_MEMORY = ("memory", "peak_memory", "memory_bytes", "peak_memory_bytes", "memory_gb", "rss_bytes")
_SECONDS = ("seconds", "elapsed", "elapsed_seconds", "time")


def section(results: Results, plates: Plates) -> Section:
    """Make the section."""
    told = "See whether the loss falls and levels off in every fold."
    fits = results.fits
    if not any(len(fit.steps) for fit in fits):
        reason = "No training log was found." if results.assessable else "No model was trained: the series is not assessable."
        return Section("training", _TITLE, told, missing=reason)
    content: list[Any] = list(plates.save(figures.losses(fits, len(results.classes))))
    content.append(blocks.table(_runs(fits), "fits", "Training runs", folded=12))
    compared = _plan_against_actual(fits)
    if len(compared):
        content.append(blocks.table(compared, "plan-actual", "Plan against what happened", folded=12))
    final = next((fit for fit in fits if fit.name == "final" and fit.plan), next((fit for fit in fits if fit.plan), None))
    if final is not None:
        rows = pd.DataFrame(
            [[wording.short(key, 80), "" if value is None else str(value)] for key, value in flatten(final.plan)], columns=["key", "value"]
        )
        why = final.plan.get("why")
        if isinstance(why, list) and why:
            content.append(blocks.Prose("The plan's reasons: " + wording.sentence("; ".join(str(one) for one in why))))
        content.append(
            blocks.Fold(
                f"Plan of the {final.name} model" if final.name == "final" else f"Plan of {final.name}",
                [blocks.table(rows, "plan", "Plan, as in plan.json", most=300, folded=80)],
            )
        )
    return Section("training", _TITLE, told, content)


def _plan_against_actual(fits: list[Fit]) -> pd.DataFrame:
    """Set the planned steps and bytes beside those of the log, for each fit that has a plan."""
    rows = []
    for fit in fits:
        planned_bytes = (fit.plan.get("bytes") or {}).get("total") if isinstance(fit.plan.get("bytes"), dict) else None
        if not fit.plan:
            continue
        rows.append(
            {
                "preset": fit.preset,
                "fit": fit.name,
                "devices": pd.to_numeric(fit.plan.get("world_size"), errors="coerce"),
                "ZeRO stage": pd.to_numeric(fit.plan.get("zero_stage"), errors="coerce"),
                "micro-batch": pd.to_numeric(fit.plan.get("micro_batch_size"), errors="coerce"),
                "accumulated": pd.to_numeric(fit.plan.get("accumulation"), errors="coerce"),
                "steps planned": pd.to_numeric(fit.plan.get("steps"), errors="coerce"),
                "steps taken": float(len(fit.steps)),
                "memory planned, MB": pd.to_numeric(planned_bytes, errors="coerce") / 1e6 if planned_bytes else float("nan"),
                "memory peak, MB": _summary(fit.steps, _MEMORY, "max") / 1e6,
            }
        )
    return pd.DataFrame(rows).dropna(axis=1, how="all")


def _runs(fits: list[Fit]) -> pd.DataFrame:
    rows = []
    for fit in fits:
        loss = figures.column(fit.steps, figures.TRAIN)
        values = pd.to_numeric(fit.steps[loss], errors="coerce").dropna() if loss else pd.Series(dtype=float)
        rows.append(
            {
                "preset": fit.preset,
                "fit": fit.name,
                "steps": float(len(values)),
                "first loss": float(values.iloc[0]) if len(values) else float("nan"),
                "last loss": float(values.iloc[-1]) if len(values) else float("nan"),
                "tokens per second": _summary(fit.steps, _SPEED, "median"),
                "of the device's peak, %": 100 * _summary(fit.steps, ("utilisation",), "median"),
                "seconds": _summary(fit.steps, _SECONDS, "max"),
            }
        )
    frame = pd.DataFrame(rows)
    return frame.dropna(axis=1, how="all")


def _summary(steps: pd.DataFrame, names: tuple[str, ...], how: str) -> float:
    name = figures.column(steps, names)
    return float(pd.to_numeric(steps[name], errors="coerce").agg(how)) if name else float("nan")
