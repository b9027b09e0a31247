"""Design: classes, groups, and what else differs between the classes."""

from typing import Any

import numpy as np
import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Cell, Section
from epigpt.report.results import Results
from epigpt.samples.donors import singular

_TITLE = "Design and confounders"
_MOST_LEVELS = 12
# As evaluation judges them: what a model could have learned instead of the condition.
_CONFOUNDING = (
    "label follows",
    "label nearly follows",
    "order separates the classes",
    "order nearly separates the classes",
)


def section(results: Results) -> Section:
    """Make the section."""
    samples = results.samples
    if samples.empty:
        return Section(
            "design", _TITLE, "Who was compared with whom.", missing="there is no sample."
        )
    classes = results.classes
    counts = pd.DataFrame(
        {
            "class": classes,
            "samples": [int((samples["label"] == name).sum()) for name in classes],
            wording.plural(results.unit): [
                samples.loc[samples["label"] == name, "group"].nunique() for name in classes
            ],
        }
    )
    if results.unit == "sample":
        counts = counts.iloc[:, :2]
    content: list[Any] = [blocks.table(counts, "class-counts", "Samples per class")]
    sources = {
        str((results.reading.get(key) or {}).get("column") or "")
        for key in ("label", "group")
        if isinstance(results.reading.get(key), dict)
    }
    related = association(
        samples, [name for name in results.characteristics if name not in sources]
    )
    content.append(_design(samples, classes, results.unit))
    if len(results.confounding):
        content.append(_judged(results.confounding, results.units))
    elif len(related):
        content.append(_confounding(related))
    content += _constant(results)
    judged = results.confounding
    follows = (
        judged["kind"].isin(_CONFOUNDING)
        if len(judged)
        else related["told_by_class"]
        if len(related)
        else []
    )
    followers = (
        (judged if len(judged) else related).loc[follows, "characteristic"].tolist()
        if len(follows)
        else []
    )
    warning = (
        f" Beware: {wording.listing([wording.short(name) for name in followers], 4)}"
        f" {'goes' if len(followers) == 1 else 'go'} with the class."
        if followers
        else ""
    )
    in_classes = wording.count(len(classes), "class", "classes")
    units = wording.count(samples["group"].nunique(), results.unit, wording.plural(results.unit))
    of_units = f" of {units}" if results.unit != "sample" else ""
    return Section(
        "design",
        _TITLE,
        f"{wording.count(len(samples), 'sample')}{of_units} in {in_classes}: does anything but the"
        f" label separate them?{warning}",
        content,
    )


def association(samples: pd.DataFrame, characteristics: list[str]) -> pd.DataFrame:
    """Measure how strongly each characteristic goes with the class.

    Returns
    -------
    DataFrame
        characteristic, values (number of levels), cramers_v (bias left uncorrected, 1: one tells
        the other), told_by_class (True where no value occurs in more than one class and some value
        occurs in several samples), by strength. Constant characteristics and texts that differ in
        nearly every sample are left out. Number columns of many values are cut at their median.
    """
    rows = []
    label = samples["label"]
    for name in characteristics:
        values = samples[name]
        levels = values.nunique()
        if levels < 2:
            continue
        numbers = pd.to_numeric(values, errors="coerce")
        if levels > _MOST_LEVELS and numbers.notna().all():
            values = (numbers > numbers.median()).map(
                {True: "above the median", False: "up to the median"}
            )
        elif levels > max(2, 0.7 * len(samples)):
            continue
        crossed = pd.crosstab(values, label)
        if min(crossed.shape) < 2:
            continue
        expected = np.outer(crossed.sum(axis=1), crossed.sum(axis=0)) / crossed.to_numpy().sum()
        chi2 = float(((crossed.to_numpy() - expected) ** 2 / expected).sum())
        strength = float(np.sqrt(chi2 / (len(samples) * (min(crossed.shape) - 1))))
        alone = bool(((crossed > 0).sum(axis=1) == 1).all() and crossed.to_numpy().max() > 1)
        rows.append((name, int(levels), min(strength, 1.0), alone))
    frame = pd.DataFrame(rows, columns=["characteristic", "values", "cramers_v", "told_by_class"])
    return frame.sort_values(
        ["cramers_v", "characteristic"], ascending=[False, True], kind="stable"
    ).reset_index(drop=True)


def _strength(value: float) -> Cell:
    return Cell(wording.score(value), "" if np.isnan(value) else f"{value:.6g}")


def _confounding(related: pd.DataFrame) -> blocks.Table:
    rows = [
        [
            blocks.cell(row.characteristic, most=60),
            blocks.cell(float(row.values_)),
            _strength(row.cramers_v),
            Cell(
                "each value in one class only" if row.told_by_class else "",
                str(row.told_by_class).lower(),
                "bad" if row.told_by_class else "",
            ),
        ]
        for row in related.rename(columns={"values": "values_"}).itertuples()
    ]
    return blocks.Table(
        "confounding",
        "The label against every other characteristic (Cramér's V: 0 unrelated, 1 the same thing)",
        ["characteristic", "values", "Cramér's V", "warning"],
        rows,
        [False, True, True, False],
        "A characteristic that goes with the class cannot be told from it by any cross-validation."
        " With few samples, a large V arises by chance too.",
        folded=10,
    )


def _judged(judged: pd.DataFrame, units: str) -> blocks.Table:
    """Show how evaluation judged each characteristic; it keeps the label from being learned only
    where the label follows from it."""
    tones = dict.fromkeys(_CONFOUNDING, "bad")
    order = {**dict.fromkeys(_CONFOUNDING, 0), "balanced or partly associated": 1}
    accepted = judged["accepted"].str.lower().eq("true").any()
    ranked = judged.assign(
        at=judged["kind"].map(order).fillna(2), size=-judged["association"].fillna(-1)
    )
    rows = [
        [
            blocks.cell(row.characteristic, most=60),
            blocks.cell(float(row.values_)),
            blocks.cell(float(row.groups)),
            _strength(float(row.association) if row.kind != "constant" else float("nan")),
            Cell(
                row.kind.replace("group", singular(units)),
                row.kind,
                tones.get(row.kind, "") if row.accepted.lower() != "true" else "",
                detail=row.detail,
            ),
            *(
                [Cell("yes" if row.accepted.lower() == "true" else "", row.accepted)]
                if accepted
                else []
            ),
        ]
        for row in (
            ranked.sort_values(["at", "size", "characteristic"], kind="stable")
            .rename(columns={"values": "values_"})
            .itertuples()
        )
    ]
    return blocks.Table(
        "confounding",
        "The label against every other characteristic (Cramér's V: 0 unrelated, 1 the same thing)",
        [
            "characteristic",
            "values",
            units,
            "Cramér's V",
            "judged as",
            *(["accepted by the user"] if accepted else []),
        ],
        rows,
        [False, True, True, True, False, *([False] if accepted else [])],
        "A characteristic from which the label follows cannot be told from it by any"
        " cross-validation. With few samples, a large V arises by chance too.",
        folded=10,
    )


def _design(samples: pd.DataFrame, classes: list[str], unit: str) -> Any:
    crossed = pd.crosstab(samples["group"], samples["label"])
    both = int(((crossed > 0).sum(axis=1) > 1).sum())
    if len(crossed) == len(samples):
        return blocks.Prose("No two samples are said to share a donor.")
    several = (
        ""
        if not both
        else (
            f" {both:,} {'has' if both == 1 else 'have'} samples in more than one class (a paired"
            " design)."
        )
    )
    frame = crossed.reindex(columns=classes, fill_value=0).reset_index()
    frame.columns = pd.Index([unit, *(str(column) for column in frame.columns[1:])])
    return blocks.Collapsible(
        f"{wording.count(len(crossed), unit, wording.plural(unit))}.{several}",
        [blocks.table(frame, "group-counts", f"Samples per {unit} and class", folded=30)],
        printed=len(crossed) <= 30,
    )


def _constant(results: Results) -> list[Any]:
    same = [
        (name, results.samples[name].iloc[0])
        for name in results.characteristics
        if results.samples[name].nunique() == 1
    ]
    if not same:
        return []
    items = [(wording.short(name, 60), wording.short(value, 160)) for name, value in same]
    return [
        blocks.Collapsible(
            f"The same in all samples: {wording.count(len(same), 'characteristic')}",
            [blocks.Facts(items[:60])],
            printed=True,
        )
    ]
